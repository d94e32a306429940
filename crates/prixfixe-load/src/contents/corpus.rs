//! Messages that are the files of a folder, in turn.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{ContentsError, Library, Prepared};

/// The most files of a corpus: their names are sorted in memory.
pub(super) const MOST_FILES: usize = 100_000;

/// Reads the files of a folder whose names end in `.eml`, sorted by name. Every file is sent whole,
/// with these changes alone: line ends become CRLF, the last line gets one if it has none, and a
/// file that is nothing but a header gets the empty line that ends it.
pub(super) fn read(folder: &Path) -> Result<Vec<Prepared>, ContentsError> {
    let mut memory = 0;
    let mut contents = Vec::new();
    for path in files(folder)? {
        let room = Library::MOST_OCTETS - memory;
        let content = Prepared::new(normalised(&read_file(&path, room)?));
        memory += content.memory();
        if memory > Library::MOST_OCTETS {
            return Err(ContentsError::TooLarge);
        }
        contents.push(content);
    }
    Ok(contents)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, ContentsError> {
    let unreadable = |error| ContentsError::Folder {
        path: folder.to_owned(),
        error,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "eml") {
            if files.len() == MOST_FILES {
                return Err(ContentsError::TooManyFiles(folder.to_owned()));
            }
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(ContentsError::NoFiles(folder.to_owned()));
    }
    files.sort();
    Ok(files)
}

fn read_file(path: &Path, most: u64) -> Result<Vec<u8>, ContentsError> {
    let unreadable = |error| ContentsError::File {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.len() > most {
        return Err(ContentsError::TooLarge);
    }
    let mut octets = Vec::new();
    // A file may grow meanwhile: one octet more than there is room for tells.
    file.take(most + 1)
        .read_to_end(&mut octets)
        .map_err(unreadable)?;
    if octets.len() as u64 > most {
        return Err(ContentsError::TooLarge);
    }
    if octets.is_empty() {
        return Err(ContentsError::EmptyFile(path.to_owned()));
    }
    Ok(octets)
}

/// With CRLF at the end of every line: LF, CR and CRLF all end one.
fn normalised(file: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(file.len() + file.len() / 32);
    let mut rest = file;
    while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
        lines.extend_from_slice(&rest[..end]);
        lines.extend_from_slice(b"\r\n");
        let ended_by = if rest[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        rest = &rest[end + ended_by..];
    }
    if !rest.is_empty() {
        lines.extend_from_slice(rest);
        lines.extend_from_slice(b"\r\n");
    }
    let has_text =
        lines.starts_with(b"\r\n") || memchr::memmem::find(&lines, b"\r\n\r\n").is_some();
    if !has_text {
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_become_crlf_and_nothing_else_changes() {
        for (file, sent) in [
            (&b"A: b\n\nc\n"[..], &b"A: b\r\n\r\nc\r\n"[..]),
            (b"A: b\r\n\r\nc\r\n", b"A: b\r\n\r\nc\r\n"),
            (b"A: b\n\nc", b"A: b\r\n\r\nc\r\n"),
            (
                b"A: b\n\nc\rd\r\r\n\0\xff\n\n",
                b"A: b\r\n\r\nc\r\nd\r\n\r\n\0\xff\r\n\r\n",
            ),
            (b"A: b", b"A: b\r\n\r\n"),
            (b"\nc\n", b"\r\nc\r\n"),
        ] {
            assert_eq!(normalised(file), sent);
        }
    }
}
