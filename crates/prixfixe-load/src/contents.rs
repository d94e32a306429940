//! What is sent: messages that are made, or the files of a folder, all prepared before a run
//! begins.
//!
//! A message consists of a head (its Message-ID and its [label]), a content that many messages
//! share, and a last line of its own that names run and number, so that bodies that were swapped
//! are seen. Its hash is the state of SHA-256 after the content, copied, and the last line: a
//! message costs the same whatever its size.

use std::io::Write;
use std::path::PathBuf;

use bytes::Bytes;

use crate::label::{self, Label};
use crate::plan::Contents;
use crate::run_id::RunId;

mod corpus;
mod interleaving;
mod made;
mod prepared;

use interleaving::Interleaving;
use prepared::Prepared;

/// The contents of a run, prepared.
#[derive(Debug)]
pub struct Library {
    run: RunId,
    /// Those of each size; one shelf for a corpus. None is empty.
    shelves: Vec<Vec<Prepared>>,
    /// Whose turn among the shelves it is.
    turns: Interleaving,
}

impl Library {
    /// The most that prepared contents take, in octets: what a machine for tests can spare. A
    /// content with lines that begin with dots is kept in both of its forms and counts twice.
    pub const MOST_OCTETS: u64 = 2 << 30;

    /// Makes, or reads, all contents of a run. The same run has the same contents every time. With
    /// `smtputf8`, made ones have a subject and a text beyond ASCII.
    pub fn prepare(contents: &Contents, run: RunId, smtputf8: bool) -> Result<Self, ContentsError> {
        let (shelves, turns) = match contents {
            Contents::Made(mix) => (
                made::shelves(mix, run, smtputf8)?,
                Interleaving::of(mix.shares().iter().map(|share| share.weight)),
            ),
            Contents::Corpus(folder) => (vec![corpus::read(folder)?], Interleaving::of([1])),
        };
        Ok(Self {
            run,
            shelves,
            turns,
        })
    }

    /// The message with this number, at most [`Label::MOST_NUMBER`], with its head and tail in
    /// `scratch`. Nothing is allocated once `scratch` has been used.
    pub fn message<'a>(&'a self, number: u64, scratch: &'a mut Scratch) -> Message<'a> {
        let (turn, among_its_share) = self.turns.turn(number);
        let shelf = &self.shelves[turn];
        #[allow(clippy::cast_possible_truncation, reason = "it is less than a length")]
        let content = &shelf[(among_its_share % shelf.len() as u64) as usize];

        let Scratch { head, tail } = scratch;
        head.clear();
        tail.clear();
        let run = self.run;
        // Writing into a vector cannot fail.
        let _ = write!(tail, "run {run} message {number:012}\r\n");
        label::write_message_id(run, number, head);
        head.extend_from_slice(b"\r\n");
        let label = Label {
            run,
            number,
            size: content.octets() + tail.len() as u64,
            hash: content.hash_with(tail),
        };
        label.write_to(head);
        Message {
            number,
            head,
            body: content.stuffed(),
            raw: content.raw(),
            tail,
            octets: head.len() as u64 + label.size,
            eight_bit: content.is_eight_bit(),
        }
    }
}

/// How long the head and the tail of a message are, in octets.
const HEAD_OCTETS: usize = 58 + Label::LENGTH;
const TAIL_OCTETS: usize = 43;

/// Room for the head and the tail of a message, used again for the next one.
#[derive(Debug)]
pub struct Scratch {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            head: Vec::with_capacity(HEAD_OCTETS),
            tail: Vec::with_capacity(TAIL_OCTETS),
        }
    }
}

/// A message in the pieces in which it is sent: by DATA `head`, `body`, `tail` and then the dot, by
/// BDAT `head`, `raw`, `tail`. Each piece ends with CRLF.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Its number within its run, by which its recipients are known.
    pub number: u64,
    /// Message-ID and label. No line begins with a dot.
    pub head: &'a [u8],
    /// The rest of the header, an empty line and the text, leading dots doubled (RFC 5321, section
    /// 4.5.2).
    pub body: &'a Bytes,
    /// The same with its dots as they are. It is the same memory where there are none.
    pub raw: &'a Bytes,
    /// The last line. It does not begin with a dot.
    pub tail: &'a [u8],
    /// The size of `head`, `raw` and `tail` together.
    pub octets: u64,
    /// Whether any octet is beyond ASCII, so that MAIL should say BODY=8BITMIME (RFC 6152).
    pub eight_bit: bool,
}

/// Contents that cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// The folder is not there, or not to be read.
    #[error("the folder of the corpus, {}: {error}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// Nothing in it ends in `.eml`.
    #[error("{} has no file that ends in .eml", .0.display())]
    NoFiles(PathBuf),
    /// It has more files than a run keeps.
    #[error("{} has more than {} files that end in .eml", .0.display(), corpus::MOST_FILES)]
    TooManyFiles(PathBuf),
    /// A file cannot be read.
    #[error("{}: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// A file has nothing in it.
    #[error("{} is empty, and no message", .0.display())]
    EmptyFile(PathBuf),
    /// All of it together is too much.
    #[error(
        "prepared contents take at most {} MiB of memory; choose fewer or smaller ones",
        Library::MOST_OCTETS >> 20
    )]
    TooLarge,
}

#[cfg(test)]
mod tests;
