//! What stands in front of every typed message.

use super::codec::{Codec, EncodeError, Invalid, Output};
use crate::aligned::ALIGNMENT;
use crate::outcome::Refusal;

/// Octets of it. What follows is as aligned as the payload is.
const SIZE: usize = 16;
const _: () = assert!(SIZE.is_multiple_of(ALIGNMENT));

/// Which message follows, and how it is written. Four words of 32 bits, little-endian; the last is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    message_type: u32,
    version: u32,
    format: u32,
}

/// Why a payload is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It has another version of the schema, or another encoding.
    OtherVersion,
    /// It is no message of its type.
    Malformed,
}

/// Writes `message` with its header.
pub(super) fn write<T: 'static, C: Codec<T>>(
    message: &T,
    message_type: u32,
    version: u32,
    output: &mut Output<'_>,
) -> Result<(), EncodeError> {
    let header = Header {
        message_type,
        version,
        format: C::FORMAT,
    };
    output.write(&header.to_octets())?;
    output.encode(|output| C::encode(message, output))
}

/// Reads the message behind a header that says what is expected.
pub(super) fn read<T: 'static, C: Codec<T>>(
    payload: &[u8],
    message_type: u32,
    version: u32,
) -> Result<C::View<'_>, Unreadable> {
    let (header, octets) = payload.split_first_chunk().ok_or(Unreadable::Malformed)?;
    let header = Header::from_octets(*header).ok_or(Unreadable::Malformed)?;
    if header.message_type != message_type {
        return Err(Unreadable::Malformed);
    }
    if header.version != version || header.format != C::FORMAT {
        return Err(Unreadable::OtherVersion);
    }
    C::view(octets).map_err(|Invalid| Unreadable::Malformed)
}

impl Header {
    fn to_octets(self) -> [u8; SIZE] {
        let words = [self.message_type, self.version, self.format, 0];
        let mut octets = [0; SIZE];
        for (place, word) in octets.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        octets
    }

    fn from_octets(octets: [u8; SIZE]) -> Option<Self> {
        let mut words = [0; 4];
        for (word, octets) in words.iter_mut().zip(octets.as_chunks().0) {
            *word = u32::from_le_bytes(*octets);
        }
        let [message_type, version, format, 0] = words else {
            return None;
        };
        Some(Self {
            message_type,
            version,
            format,
        })
    }
}

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::OtherVersion => Self::OtherVersion,
            Unreadable::Malformed => Self::Malformed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Octets as they are.
    struct Octets;

    impl Codec<Vec<u8>> for Octets {
        type View<'a> = &'a [u8];
        const FORMAT: u32 = 9;

        fn encode(message: &Vec<u8>, output: &mut Output<'_>) -> Result<(), EncodeError> {
            assert!(output.position().is_multiple_of(ALIGNMENT));
            Ok(output.write(message)?)
        }

        fn view(octets: &[u8]) -> Result<&[u8], Invalid> {
            if octets == b"invalid" {
                return Err(Invalid);
            }
            Ok(octets)
        }
    }

    fn written(message: &[u8], limit: usize) -> Result<Vec<u8>, EncodeError> {
        let mut buffer = Vec::new();
        let mut output = Output::new(&mut buffer, limit);
        write::<_, Octets>(&message.to_vec(), 3, 4, &mut output)?;
        Ok(buffer)
    }

    fn read_as(payload: &[u8], message_type: u32, version: u32) -> Result<&[u8], Unreadable> {
        read::<Vec<u8>, Octets>(payload, message_type, version)
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let payload = written(b"hello", 100).unwrap();
        assert_eq!(
            payload, *b"\x03\0\0\0\x04\0\0\0\x09\0\0\0\0\0\0\0hello",
            "as docs/ipc.md has it"
        );
        assert_eq!(read_as(&payload, 3, 4), Ok(&b"hello"[..]));
    }

    #[test]
    fn what_is_not_expected_is_not_read() {
        let payload = written(b"hello", 100).unwrap();
        assert_eq!(read_as(&payload, 2, 4), Err(Unreadable::Malformed));
        assert_eq!(read_as(&payload, 3, 5), Err(Unreadable::OtherVersion));
        let altered = |place: usize| {
            let mut payload = payload.clone();
            payload[place] ^= 1;
            read_as(&payload, 3, 4).map(<[u8]>::len)
        };
        assert_eq!(altered(8), Err(Unreadable::OtherVersion), "encoding");
        assert_eq!(altered(15), Err(Unreadable::Malformed), "reserved");
        for length in 0..SIZE {
            let cut = &payload[..length];
            assert_eq!(read_as(cut, 3, 4), Err(Unreadable::Malformed), "{length}");
        }
        let invalid = written(b"invalid", 100).unwrap();
        assert_eq!(read_as(&invalid, 3, 4), Err(Unreadable::Malformed));
    }

    #[test]
    fn a_message_that_does_not_fit_is_too_large() {
        assert!(written(b"hello", SIZE + 5).is_ok());
        for limit in 0..SIZE + 5 {
            assert_eq!(
                written(b"hello", limit),
                Err(EncodeError::TooLarge),
                "{limit}"
            );
        }
    }
}
