//! Where an export in one piece goes.

use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::commands::inbox::failure::Failure;

/// Where an export in one piece goes.
#[derive(Debug)]
pub(super) enum Output {
    /// Standard output.
    Standard(BufWriter<Stdout>),
    /// What exists and is no regular file: a device or a named pipe.
    Special(BufWriter<File>),
    /// A file that gets its name when it is whole.
    New(BufWriter<NamedTempFile>, PathBuf),
}

impl Output {
    /// Standard output, or the file at `path`.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Standard(buffered(io::stdout())));
        };
        let fault = || Failure::of_file(path);
        if path.is_dir() {
            return Err(fault()(io::ErrorKind::IsADirectory.into()));
        }
        if path.exists() && !path.is_file() {
            let file = File::options().write(true).open(path).map_err(fault())?;
            return Ok(Self::Special(buffered(file)));
        }
        let file = new_file(folder_of(path)).map_err(fault())?;
        Ok(Self::New(buffered(file), path.to_owned()))
    }

    /// Writes what is left, and makes a file durable under its name.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Standard(mut out) => Ok(out.flush()?),
            Self::Special(mut out) => Ok(out.flush()?),
            Self::New(out, path) => {
                let fault = || Failure::of_file(&path);
                let file = out
                    .into_inner()
                    .map_err(|error| fault()(error.into_error()))?;
                keep(file, &path)
                    .and_then(|()| sync_folder(folder_of(&path)))
                    .map_err(fault())
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::Special(out) => out.write(bytes),
            Self::New(out, _) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::Special(out) => out.flush(),
            Self::New(out, _) => out.flush(),
        }
    }
}

/// A file without its final name, readable by its owner only, since mail is private. It is gone
/// if it is dropped.
pub(super) fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".prixfixe-")
        .suffix(".part")
        .tempfile_in(folder)
}

/// Gives a file its final name, once its bytes are on stable storage.
pub(super) fn keep(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path).map(|_| ()).map_err(|error| error.error)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Writes fewer and larger pieces.
pub(super) fn buffered<W: Write>(out: W) -> BufWriter<W> {
    BufWriter::with_capacity(BUFFER_BYTES, out)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

const BUFFER_BYTES: usize = 64 * 1024;
