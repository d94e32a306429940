//! What arrived at a target of any make, read from what it left: a Maildir, a folder of files, a
//! mailbox, or a dump of `smtp-sink`.
//!
//! Everything is read as it comes, so memory is bounded by one message.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

mod folder;
mod joined;

use folder::Folder;
pub use joined::Joined;

/// The form in which a target keeps messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A Maildir: the files in `new` and `cur`.
    Maildir,
    /// A folder with one message in each file, of any name, in folders below it too; `smtp-sink -d`
    /// leaves one. Names that begin with a dot and symbolic links are passed over.
    Folder,
    /// Several messages in one file.
    File(FileForm),
}

/// How messages stand in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileForm {
    /// Each after a line that begins with `From ` (RFC 4155). A line of a message that begins so, or
    /// with `>From `, `>>From `, …, has one `>` more.
    Mboxrd,
    /// The same, but only lines that begin with `From ` have a `>` more, as Postfix, Exim and Python
    /// write it. The two cannot be told apart by looking; they differ for messages with `>From ` in
    /// them, and are taken for the first.
    Mboxo,
    /// As `smtp-sink -D` writes it: each begins with `X-Client-Addr:`, after an empty line.
    SinkDump,
}

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Where: the name of a file, with the line where there are several messages in it.
    pub place: String,
    /// The message, without what the form adds.
    pub octets: Vec<u8>,
}

/// The largest message that is read, in octets: the largest that is sent, and what a server puts in
/// front of it.
pub const MOST_OCTETS: usize = (1 << 30) + (1 << 20);

/// Opens what a target left, in the form that it looks like.
pub fn open(path: &Path) -> Result<Export, ExportError> {
    open_as(path, detect(path)?)
}

/// Opens what a target left in a form that is known.
pub fn open_as(path: &Path, form: Form) -> Result<Export, ExportError> {
    let unreadable = ExportError::of_file(path);
    let source = match form {
        Form::Maildir => Source::Folder(Folder::of_maildir(path)?),
        Form::Folder => Source::Folder(Folder::open(path)?),
        Form::File(form) => {
            let file = BufReader::new(File::open(path).map_err(unreadable)?);
            let name = path.file_name().unwrap_or(path.as_os_str());
            Source::File(Joined::new(file, form, &name.to_string_lossy()))
        }
    };
    Ok(Export { source })
}

fn detect(path: &Path) -> Result<Form, ExportError> {
    let unreadable = ExportError::of_file(path);
    if fs::metadata(path).map_err(&unreadable)?.is_dir() {
        let is_maildir = ["new", "cur"].iter().all(|name| path.join(name).is_dir());
        return Ok(if is_maildir {
            Form::Maildir
        } else {
            Form::Folder
        });
    }
    let mut file = BufReader::new(File::open(path).map_err(&unreadable)?);
    let start = file.fill_buf().map_err(&unreadable)?;
    if start.is_empty() || start.starts_with(joined::FROM) {
        Ok(Form::File(FileForm::Mboxrd))
    } else if start.starts_with(joined::CLIENT_ADDRESS) {
        Ok(Form::File(FileForm::SinkDump))
    } else {
        Err(ExportError::UnknownForm(path.to_owned()))
    }
}

/// The messages that were found, one after the other. After a fault there are no more.
#[derive(Debug)]
pub struct Export {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Folder(Folder),
    File(Joined<BufReader<File>>),
}

impl Iterator for Export {
    type Item = Result<Exported, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Folder(folder) => folder.next(),
            Source::File(joined) => joined.next(),
        }
    }
}

/// An export that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The system does not give a file or folder.
    #[error("{}: {error}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It is no form that is known.
    #[error(
        "{} is no Maildir, no folder of messages, no mailbox and no dump of smtp-sink",
        .0.display()
    )]
    UnknownForm(PathBuf),
    /// A mailbox or dump begins with something else than a message.
    #[error("{0}: this is not where a message begins")]
    NoMessage(String),
    /// Folders within folders, deeper than anybody keeps mail.
    #[error("{} has more than {} folders above it", .0.display(), folder::MOST_DEPTH)]
    TooDeep(PathBuf),
    /// A message is larger than any that was sent.
    #[error("{0}: the message has more than {most} MiB", most = MOST_OCTETS >> 20)]
    TooLarge(String),
}

impl ExportError {
    fn of_file(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::Unreadable {
            path: path.clone(),
            error,
        }
    }
}

#[cfg(test)]
mod tests;
