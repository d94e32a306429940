//! A message as one line of JSON.

use std::io::{self, Write};

use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use prixfixe_delivery::sqlite::{ReadError, StoreReader, StoredMessage};
use serde::Serialize;

use super::late_heading::LateHeading;
use crate::commands::inbox::failure::Failure;
use crate::commands::inbox::json::{self, StringWriter};
use crate::commands::inbox::record::Record;
use crate::commands::inbox::utf8_pieces::{Utf8Piece, Utf8Pieces};

/// Appends a message; false if it has been removed from the store meanwhile.
///
/// The content is written as it is read. It comes twice if it has bytes above 127, since the
/// encoding stands in front of it.
pub(super) fn write(
    reader: &StoreReader,
    message: &StoredMessage,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    match write_object(reader, message, out) {
        Err(Failure::Read(ReadError::NoSuchMessage(_))) => Ok(false),
        written => written.map(|()| true),
    }
}

fn write_object(
    reader: &StoreReader,
    message: &StoredMessage,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let encoding = encoding_of(reader, message)?;
    let head = json::line(&Head {
        record: Record::of(message),
        trace: &message.trace,
        encoding: encoding.name(),
    })?;
    // The object goes on with the content.
    let head = head.strip_suffix('}').unwrap_or(&head);
    let mut out = LateHeading::new(out, format!("{head},\"content\":\""));
    let mut content = match encoding {
        Encoding::Utf8 => Content::Utf8(StringWriter::new(&mut out)),
        Encoding::Base64 => Content::Base64(Box::new(EncoderWriter::new(&mut out, &STANDARD))),
    };
    let copied = reader.copy_as_received(message.id, &mut content);
    let finished = content.finish();
    match copied {
        Err(ReadError::NoSuchMessage(id)) if !out.is_unwritten() => {
            return Err(ReadError::Removed(id).into());
        }
        copied => copied?,
    };
    finished?;
    Ok(out.finish()?.write_all(b"\"}\n")?)
}

#[derive(Serialize)]
struct Head<'a> {
    #[serde(flatten)]
    record: Record<'a>,
    /// The header lines that were added at receipt; they are no part of the content.
    trace: &'a str,
    encoding: &'static str,
}

/// How bytes become a JSON string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Base64,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Base64 => "base64",
        }
    }
}

fn encoding_of(reader: &StoreReader, message: &StoredMessage) -> Result<Encoding, ReadError> {
    if !message.marks.eight_bit {
        return Ok(Encoding::Utf8);
    }
    let mut check = Utf8Check::default();
    reader.copy_as_received(message.id, &mut check)?;
    Ok(check.finish())
}

/// Finds out whether bytes are UTF-8.
#[derive(Debug, Default)]
struct Utf8Check {
    pieces: Utf8Pieces,
    invalid: bool,
}

impl Utf8Check {
    fn finish(mut self) -> Encoding {
        let unfinished = self
            .pieces
            .finish(|_| Err(io::ErrorKind::InvalidData.into()))
            .is_err();
        if self.invalid || unfinished {
            Encoding::Base64
        } else {
            Encoding::Utf8
        }
    }
}

impl Write for Utf8Check {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let invalid = &mut self.invalid;
        self.pieces.push(bytes, |piece| {
            *invalid |= matches!(piece, Utf8Piece::Invalid(_));
            Ok(())
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Content<W: Write> {
    Utf8(StringWriter<W>),
    Base64(Box<EncoderWriter<'static, GeneralPurpose, W>>),
}

impl<W: Write> Content<W> {
    fn finish(self) -> io::Result<()> {
        match self {
            Self::Utf8(writer) => writer.finish().map(|_| ()),
            Self::Base64(mut writer) => writer.finish().map(|_| ()),
        }
    }
}

impl<W: Write> Write for Content<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Utf8(writer) => writer.write(bytes),
            Self::Base64(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Utf8(writer) => writer.flush(),
            Self::Base64(writer) => writer.flush(),
        }
    }
}
