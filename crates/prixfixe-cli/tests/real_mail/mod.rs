//! Real messages, if they are beside the repository: other projects' test data, which is not ours
//! to publish.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A folder of messages.
pub(crate) struct Corpus {
    pub(crate) folder: PathBuf,
    pub(crate) names: Vec<String>,
}

impl Corpus {
    /// The corpus beside the repository; without it the test has nothing to do, and says so.
    pub(crate) fn find() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
        let Ok(entries) = fs::read_dir(folder.join("eml")) else {
            println!("skipped: there is no ../shared/corpus beside the repository");
            return None;
        };
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.unwrap().file_name().into_string().unwrap()
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        assert!(!names.is_empty(), "the corpus is empty");
        Some(Self { folder, names })
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join("eml").join(name)).unwrap()
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        self.names
            .iter()
            .map(|name| (name.as_str(), self.read(name)))
    }
}

/// A file as a mail program sends it: each CRLF, CR and LF is a CRLF, and one stands at the end.
pub(crate) fn wire(file: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(file.len() + file.len() / 20);
    let mut octets = file.iter().peekable();
    while let Some(&octet) = octets.next() {
        if octet == b'\r' {
            octets.next_if(|next| **next == b'\n');
        }
        match octet {
            b'\r' | b'\n' => lines.extend_from_slice(b"\r\n"),
            _ => lines.push(octet),
        }
    }
    if !lines.ends_with(b"\r\n") {
        lines.extend_from_slice(b"\r\n");
    }
    lines
}
