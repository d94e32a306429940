//! What arrived at a target of any make, read from what it left: a Maildir, a folder of files, a
//! mailbox, or a dump of `smtp-sink`.
//!
//! Everything is read as it comes, so memory is bounded by one message.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

mod folder;
mod joined;
mod recipients;

use folder::Folder;
pub use joined::FileForm;
use joined::{Joined, JoinedError};

/// The form in which a target keeps messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A Maildir: the files in `new` and `cur`, as far as they are there.
    Maildir,
    /// A folder with one message in each file, of any name, in folders below it too; `smtp-sink -d`
    /// leaves one. Names that begin with a dot, symbolic links, and the `tmp` of a Maildir below it are
    /// passed over.
    Folder,
    /// Several messages in one file.
    File(FileForm),
}

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Where: the name of a file, with the line where there are several messages in it.
    pub place: String,
    /// The message, without what the form adds.
    pub octets: Vec<u8>,
    /// For whom it was stored, where its trace lines say so.
    pub recipients: Option<Vec<String>>,
}

impl Exported {
    fn new(place: String, octets: Vec<u8>) -> Self {
        let recipients = recipients::of(&octets);
        Self {
            place,
            octets,
            recipients,
        }
    }
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
            Source::File {
                path: path.to_owned(),
                messages: Joined::new(file, form, MOST_OCTETS),
            }
        }
    };
    Ok(Export { source })
}

/// Whether a folder is a Maildir. `cur` may be missing where nobody has read yet; what is in `tmp` is
/// under way and never a message.
fn is_maildir(path: &Path) -> bool {
    ["new", "tmp"].iter().any(|name| path.join(name).is_dir())
}

/// Whether a Maildir has neither of the folders for what is delivered: no server has made it so.
fn has_nothing_delivered(path: &Path) -> bool {
    ["new", "cur"].iter().all(|name| !path.join(name).is_dir())
}

/// Whether files lie in a folder itself, hidden ones aside.
fn has_files(path: &Path) -> Result<bool, ExportError> {
    for entry in fs::read_dir(path).map_err(ExportError::of_file(path))? {
        let entry = entry.map_err(ExportError::of_file(path))?;
        let is_file = entry
            .file_type()
            .map_err(ExportError::of_file(path))?
            .is_file();
        if is_file && !folder::is_hidden(&entry) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn detect(path: &Path) -> Result<Form, ExportError> {
    let unreadable = ExportError::of_file(path);
    if fs::metadata(path).map_err(&unreadable)?.is_dir() {
        return match is_maildir(path) {
            true if has_nothing_delivered(path) && has_files(path)? => {
                Err(ExportError::HalfAMaildir(path.to_owned()))
            }
            true => Ok(Form::Maildir),
            false => Ok(Form::Folder),
        };
    }
    let mut file = BufReader::new(File::open(path).map_err(&unreadable)?);
    let start = file.fill_buf().map_err(&unreadable)?;
    FileForm::detect(start)
        .map(Form::File)
        .ok_or_else(|| ExportError::UnknownForm(path.to_owned()))
}

/// The messages that were found, one after the other. After a fault there are no more.
#[derive(Debug)]
pub struct Export {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Folder(Folder),
    File {
        path: PathBuf,
        messages: Joined<BufReader<File>>,
    },
}

impl Iterator for Export {
    type Item = Result<Exported, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Folder(folder) => folder.next(),
            Source::File { path, messages } => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                let place = |line| format!("{}:{line}", name.to_string_lossy());
                Some(match messages.next()? {
                    Ok((line, octets)) => Ok(Exported::new(place(line), octets)),
                    Err(JoinedError::Unreadable(error)) => Err(ExportError::of_file(path)(error)),
                    Err(JoinedError::NoMessage) => Err(ExportError::NoMessage(path.clone())),
                    Err(JoinedError::TooLarge(line)) => Err(ExportError::TooLarge(place(line))),
                })
            }
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
    /// A folder looks like a Maildir and like a folder of messages.
    #[error(
        "{} has a folder tmp like a Maildir, but neither new nor cur, and files of its own; take --form folder to read these, or --form maildir for a Maildir into which nothing was delivered",
        .0.display()
    )]
    HalfAMaildir(PathBuf),
    /// A mailbox or dump begins with something else than a message.
    #[error("{} does not begin with a message", .0.display())]
    NoMessage(PathBuf),
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
