//! The messages of the control socket: eight words each, descriptors beside them.
//!
//! Nothing here does any IO: bytes to messages and back. The page is `docs/ipc.md`.

use crate::layout::{ChannelSizes, LAYOUT_VERSION};

/// Octets of every message.
pub(crate) const MESSAGE_SIZE: usize = 64;

/// "PRIXIPC\0", first in every first message, so that strangers are told apart from other versions.
const MAGIC: u64 = u64::from_le_bytes(*b"PRIXIPC\0");

/// What a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientMessage {
    /// First of all: which layout it speaks, and what kind of client it is.
    Hello { version: u32, role: Role },
    /// Asks for a channel.
    Open { sizes: ChannelSizes },
    /// Gives a channel back, by its number.
    Close { channel: u32 },
    /// Rings by another way, where the doorbell was stolen.
    Ring,
    /// Asks whether the server's loop turns.
    Ping {
        /// The client's own count.
        number: u64,
    },
    /// The request of a call that is about to be published, in memory of its own. Descriptor: that memory.
    Lend(Loan),
}

/// Whose message is in memory that is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loan {
    pub(crate) channel: u32,
    pub(crate) call: u64,
    pub(crate) octets: u32,
}

/// What kind of client a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It sleeps on the tails of its reply rings.
    Blocking,
    /// It sleeps in a poller, and wants a descriptor to be woken by.
    Asynchronous,
    /// It only looks at the statistics.
    Observer,
}

/// What a server may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerMessage {
    /// Welcomes a client. Descriptors: the server's page; unless the client is an observer, the hints
    /// and the doorbell of its domain; where it is asynchronous, its link page and the end of the
    /// wake channel.
    Welcome {
        /// Octets of the server's page.
        server_page: u32,
        /// Octets of the hints.
        hints: u32,
        /// The largest sizes that a channel may ask for.
        limits: ChannelSizes,
        /// Whether the client may lend memory.
        lends: bool,
    },
    /// A channel. Descriptor: its segment.
    Opened {
        channel: u32,
        /// Its place among the hints.
        hint: u32,
        sizes: ChannelSizes,
    },
    /// No.
    Refused(ConnectRefusal),
    /// Unasked: the server finishes what it has taken, takes no more, and hangs up then.
    Draining,
    /// It turns.
    Pong {
        /// As in the ping.
        number: u64,
    },
}

/// Why a server refuses a connection or a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectRefusal {
    /// The two sides were built for different layouts of memory.
    #[error("the server speaks layout {server}, this client layout {client}")]
    Version {
        /// The server's layout version.
        server: u32,
        /// The client's layout version.
        client: u32,
    },
    /// The server's policy does not admit this user.
    #[error("the server does not admit this user")]
    NotAdmitted,
    /// The server has as many connections or channels as it may.
    #[error("the server has no room for another connection")]
    Full,
    /// The server has no descriptors or memory left.
    #[error("the server is out of descriptors or memory")]
    OutOfResources,
    /// The channel asks for more than the server gives.
    #[error("the channel asks for more than the server gives")]
    SizesTooLarge,
    /// The server is going down.
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAMessage;

type Words = [u64; MESSAGE_SIZE / 8];

impl ClientMessage {
    pub(crate) fn encode(self) -> [u8; MESSAGE_SIZE] {
        to_bytes(match self {
            Self::Hello { version, role } => [
                kind::HELLO,
                MAGIC,
                u64::from(version),
                role.number(),
                0,
                0,
                0,
                0,
            ],
            Self::Open { sizes } => {
                let [ring, max_payload, max_in_flight] = sizes_to_words(sizes);
                [kind::OPEN, ring, max_payload, max_in_flight, 0, 0, 0, 0]
            }
            Self::Close { channel } => [kind::CLOSE, u64::from(channel), 0, 0, 0, 0, 0, 0],
            Self::Ring => [kind::RING, 0, 0, 0, 0, 0, 0, 0],
            Self::Ping { number } => [kind::PING, number, 0, 0, 0, 0, 0, 0],
            Self::Lend(loan) => loan.to_words(kind::LEND),
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, NotAMessage> {
        match from_bytes(bytes)? {
            // The version decides about the rest, so nothing behind it is looked at here but the role.
            [kind::HELLO, MAGIC, version, role, ..] => Ok(Self::Hello {
                version: small(version)?,
                role: Role::from_number(role).unwrap_or(Role::Blocking),
            }),
            [kind::OPEN, ring, max_payload, max_in_flight, 0, 0, 0, 0] => Ok(Self::Open {
                sizes: sizes_from_words([ring, max_payload, max_in_flight])?,
            }),
            [kind::CLOSE, channel, 0, 0, 0, 0, 0, 0] => Ok(Self::Close {
                channel: small(channel)?,
            }),
            [kind::RING, 0, 0, 0, 0, 0, 0, 0] => Ok(Self::Ring),
            [kind::PING, number, 0, 0, 0, 0, 0, 0] => Ok(Self::Ping { number }),
            [kind::LEND, channel, call, octets, 0, 0, 0, 0] => {
                Loan::from_words([channel, call, octets]).map(Self::Lend)
            }
            _ => Err(NotAMessage),
        }
    }
}

impl ServerMessage {
    pub(crate) fn encode(self) -> [u8; MESSAGE_SIZE] {
        to_bytes(match self {
            Self::Welcome {
                server_page,
                hints,
                limits,
                lends,
            } => {
                let [ring, max_payload, max_in_flight] = sizes_to_words(limits);
                [
                    kind::WELCOME,
                    MAGIC,
                    u64::from(server_page),
                    u64::from(hints),
                    ring,
                    max_payload,
                    max_in_flight,
                    u64::from(lends),
                ]
            }
            Self::Opened {
                channel,
                hint,
                sizes,
            } => {
                let [ring, max_payload, max_in_flight] = sizes_to_words(sizes);
                [
                    kind::OPENED,
                    u64::from(channel),
                    u64::from(hint),
                    ring,
                    max_payload,
                    max_in_flight,
                    0,
                    0,
                ]
            }
            Self::Refused(refusal) => {
                let (reason, server, client) = refusal.to_words();
                [kind::REFUSED, MAGIC, reason, server, client, 0, 0, 0]
            }
            Self::Draining => [kind::DRAINING, 0, 0, 0, 0, 0, 0, 0],
            Self::Pong { number } => [kind::PONG, number, 0, 0, 0, 0, 0, 0],
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, NotAMessage> {
        match from_bytes(bytes)? {
            [
                kind::WELCOME,
                MAGIC,
                server_page,
                hints,
                ring,
                max_payload,
                max_in_flight,
                lends @ 0..=1,
            ] => Ok(Self::Welcome {
                server_page: small(server_page)?,
                hints: small(hints)?,
                limits: sizes_from_words([ring, max_payload, max_in_flight])?,
                lends: lends == 1,
            }),
            [
                kind::OPENED,
                channel,
                hint,
                ring,
                max_payload,
                max_in_flight,
                0,
                0,
            ] => Ok(Self::Opened {
                channel: small(channel)?,
                hint: small(hint)?,
                sizes: sizes_from_words([ring, max_payload, max_in_flight])?,
            }),
            [kind::REFUSED, MAGIC, reason, server, client, ..] => {
                ConnectRefusal::from_words(reason, server, client)
                    .map(Self::Refused)
                    .ok_or(NotAMessage)
            }
            [kind::DRAINING, 0, 0, 0, 0, 0, 0, 0] => Ok(Self::Draining),
            [kind::PONG, number, 0, 0, 0, 0, 0, 0] => Ok(Self::Pong { number }),
            _ => Err(NotAMessage),
        }
    }
}

/// The first word of every message.
mod kind {
    pub(super) const HELLO: u64 = 1;
    pub(super) const OPEN: u64 = 2;
    pub(super) const CLOSE: u64 = 3;
    pub(super) const RING: u64 = 4;
    pub(super) const PING: u64 = 5;
    pub(super) const LEND: u64 = 6;
    pub(super) const WELCOME: u64 = 0x101;
    pub(super) const OPENED: u64 = 0x102;
    pub(super) const REFUSED: u64 = 0x103;
    pub(super) const DRAINING: u64 = 0x104;
    pub(super) const PONG: u64 = 0x105;
}

impl Loan {
    fn to_words(self, kind: u64) -> Words {
        let (channel, octets) = (u64::from(self.channel), u64::from(self.octets));
        [kind, channel, self.call, octets, 0, 0, 0, 0]
    }

    fn from_words([channel, call, octets]: [u64; 3]) -> Result<Self, NotAMessage> {
        Ok(Self {
            channel: small(channel)?,
            call,
            octets: small(octets)?,
        })
    }
}

impl Role {
    const fn number(self) -> u64 {
        match self {
            Self::Blocking => 0,
            Self::Asynchronous => 1,
            Self::Observer => 2,
        }
    }

    const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::Blocking,
            1 => Self::Asynchronous,
            2 => Self::Observer,
            _ => return None,
        })
    }
}

impl ConnectRefusal {
    /// The refusal of a client of another version.
    pub(crate) const fn of_version(client: u32) -> Self {
        Self::Version {
            server: LAYOUT_VERSION,
            client,
        }
    }

    const fn to_words(self) -> (u64, u64, u64) {
        match self {
            Self::Version { server, client } => (0, server as u64, client as u64),
            Self::NotAdmitted => (1, 0, 0),
            Self::Full => (2, 0, 0),
            Self::OutOfResources => (3, 0, 0),
            Self::SizesTooLarge => (4, 0, 0),
            Self::ShuttingDown => (5, 0, 0),
        }
    }

    fn from_words(reason: u64, server: u64, client: u64) -> Option<Self> {
        Some(match reason {
            0 => Self::Version {
                server: u32::try_from(server).ok()?,
                client: u32::try_from(client).ok()?,
            },
            1 => Self::NotAdmitted,
            2 => Self::Full,
            3 => Self::OutOfResources,
            4 => Self::SizesTooLarge,
            5 => Self::ShuttingDown,
            _ => return None,
        })
    }
}

fn sizes_to_words(sizes: ChannelSizes) -> [u64; 3] {
    [
        u64::from(sizes.ring()),
        u64::from(sizes.max_payload()),
        u64::from(sizes.max_in_flight()),
    ]
}

fn sizes_from_words(
    [ring, max_payload, max_in_flight]: [u64; 3],
) -> Result<ChannelSizes, NotAMessage> {
    let max_in_flight = u16::try_from(max_in_flight).map_err(|_| NotAMessage)?;
    ChannelSizes::new(small(ring)?, small(max_payload)?, max_in_flight).map_err(|_| NotAMessage)
}

fn small(word: u64) -> Result<u32, NotAMessage> {
    u32::try_from(word).map_err(|_| NotAMessage)
}

fn to_bytes(words: Words) -> [u8; MESSAGE_SIZE] {
    let mut bytes = [0; MESSAGE_SIZE];
    for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

fn from_bytes(bytes: &[u8]) -> Result<Words, NotAMessage> {
    if bytes.len() != MESSAGE_SIZE {
        return Err(NotAMessage);
    }
    let mut words = [0; MESSAGE_SIZE / 8];
    for (word, place) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_le_bytes(place.try_into().map_err(|_| NotAMessage)?);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: &[(u32, u32, u16)] = &[(4096, 1024, 1), (1 << 20, 64, 1024)];

    #[test]
    fn every_message_survives_the_wire() {
        let sizes = SIZES.iter().map(|(ring, payload, in_flight)| {
            ChannelSizes::new(*ring, *payload, *in_flight).unwrap()
        });
        for sizes in sizes {
            let from_client = [
                ClientMessage::Hello {
                    version: 7,
                    role: Role::Asynchronous,
                },
                ClientMessage::Open { sizes },
                ClientMessage::Close { channel: 3 },
                ClientMessage::Ring,
                ClientMessage::Ping { number: u64::MAX },
                ClientMessage::Lend(Loan {
                    channel: 3,
                    call: 1 << 40,
                    octets: u32::MAX,
                }),
            ];
            for message in from_client {
                assert_eq!(ClientMessage::decode(&message.encode()), Ok(message));
            }
            let from_server = [
                ServerMessage::Welcome {
                    server_page: 8192,
                    hints: 128,
                    limits: sizes,
                    lends: true,
                },
                ServerMessage::Opened {
                    channel: 1,
                    hint: 2,
                    sizes,
                },
                ServerMessage::Refused(ConnectRefusal::of_version(9)),
                ServerMessage::Refused(ConnectRefusal::Full),
                ServerMessage::Draining,
                ServerMessage::Pong { number: 1 << 63 },
            ];
            for message in from_server {
                assert_eq!(ServerMessage::decode(&message.encode()), Ok(message));
            }
        }
    }

    #[test]
    fn a_message_of_another_length_is_none() {
        let message = ClientMessage::Ring.encode();
        assert_eq!(ClientMessage::decode(&message[..63]), Err(NotAMessage));
        assert_eq!(ClientMessage::decode(&[]), Err(NotAMessage));
    }

    #[test]
    fn sizes_that_cannot_be_are_no_message() {
        let mut message = ClientMessage::Open {
            sizes: ChannelSizes::default(),
        }
        .encode();
        message[8] = 1;
        assert_eq!(ClientMessage::decode(&message), Err(NotAMessage));
    }
}
