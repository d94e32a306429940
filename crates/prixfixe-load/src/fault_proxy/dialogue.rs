//! Follows a dialogue as far as is needed to know its stage, and no further: first words of
//! commands, codes of replies, and where bodies end.

use std::collections::VecDeque;

use super::faults::{Direction, Point};

/// Where a dialogue is, and the point of it that is waited for.
#[derive(Debug)]
pub(super) struct Dialogue {
    /// None once it was reached: a connection breaks once.
    awaited: Option<Point>,
    /// What the next replies answer.
    asked: VecDeque<Asked>,
    client: Client,
    line: LineStart,
    reply: LineStart,
    /// Whether the line of the server that comes next is the first of a reply.
    reply_begins: bool,
    body_octets: u64,
    to_server: u64,
    to_client: u64,
}

/// What the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Banner,
    Ehlo,
    Mail,
    Rcpt,
    Data,
    BodyEnd,
    StartTls,
    Other,
}

/// What the client's next octets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Command,
    /// A line of an AUTH exchange.
    Answer,
    /// Since the last CRLF, so much of CRLF.CRLF has come.
    Body(BodyEnd),
    Chunk {
        left: u64,
        last: bool,
    },
    /// TLS, or more commands than are kept in mind.
    Opaque,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyEnd {
    LineStart,
    Dot,
    DotCr,
    Text,
    Cr,
}

impl Dialogue {
    /// The most commands without a reply that are kept in mind; behind that only octets are
    /// counted. Servers bound a flight far below.
    const MOST_ASKED: usize = 16 << 10;

    pub(super) fn new(awaited: Option<Point>) -> Self {
        Self {
            awaited,
            asked: VecDeque::from([Asked::Banner]),
            client: Client::Command,
            line: LineStart::default(),
            reply: LineStart::default(),
            reply_begins: true,
            body_octets: 0,
            to_server: 0,
            to_client: 0,
        }
    }

    /// Waits for another point from now on, or for none.
    pub(super) fn await_point(&mut self, point: Option<Point>) {
        self.awaited = point;
    }

    /// Looks at what passes. If the point lies in it, says how many octets lie before it; the rest
    /// is not looked at yet.
    pub(super) fn observe(&mut self, direction: Direction, octets: &[u8]) -> Option<usize> {
        for (index, octet) in octets.iter().enumerate() {
            if direction == Direction::ToClient
                && self.is_reply_to_body_next()
                && self.meet(Point::Reply)
            {
                return Some(index);
            }
            let reached = match direction {
                Direction::ToServer => self.client_says(*octet),
                Direction::ToClient => self.server_says(*octet),
            };
            if reached {
                return Some(index + 1);
            }
        }
        None
    }

    fn meet(&mut self, point: Point) -> bool {
        let met = self.awaited == Some(point);
        if met {
            self.awaited = None;
        }
        met
    }

    fn is_reply_to_body_next(&self) -> bool {
        self.reply_begins
            && self.reply.is_empty()
            && self.asked.front() == Some(&Asked::BodyEnd)
            && self.client != Client::Opaque
    }

    fn client_says(&mut self, octet: u8) -> bool {
        self.to_server += 1;
        let mut reached =
            matches!(self.awaited, Some(Point::ToServer(count)) if count.get() == self.to_server);
        match self.client {
            Client::Command | Client::Answer => {
                // TLS from the first octet on: a handshake record begins with 22.
                if self.to_server == 1 && octet == TLS_HANDSHAKE {
                    self.client = Client::Opaque;
                } else if self.line.push(octet) {
                    let line = std::mem::take(&mut self.line);
                    let is_command = self.client == Client::Command;
                    self.client = Client::Command;
                    if is_command {
                        reached |= self.command(line.octets());
                    }
                }
            }
            Client::Body(end) => {
                reached |= self.body_octet();
                match end.next(octet) {
                    Some(next) => self.client = Client::Body(next),
                    None => reached |= self.body_ended(),
                }
            }
            Client::Chunk { left, last } => {
                reached |= self.body_octet();
                reached |= self.chunk(left - 1, last);
            }
            Client::Opaque => {}
        }
        if reached {
            self.awaited = None;
        }
        reached
    }

    fn body_octet(&mut self) -> bool {
        self.body_octets += 1;
        matches!(self.awaited, Some(Point::Body(count)) if count.get() == self.body_octets)
    }

    fn body_ended(&mut self) -> bool {
        self.body_octets = 0;
        self.client = Client::Command;
        self.ask(Asked::BodyEnd);
        self.meet(Point::BodyEnd)
    }

    /// What is still to come of a chunk.
    fn chunk(&mut self, left: u64, last: bool) -> bool {
        if left > 0 {
            self.client = Client::Chunk { left, last };
            return false;
        }
        if last {
            return self.body_ended();
        }
        self.client = Client::Command;
        self.ask(Asked::Other);
        false
    }

    fn command(&mut self, line: &[u8]) -> bool {
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_ascii_uppercase);
        let verb = words.next().unwrap_or_default();
        let asked = match &verb[..] {
            b"EHLO" | b"HELO" | b"LHLO" => Asked::Ehlo,
            b"MAIL" => Asked::Mail,
            b"RCPT" => Asked::Rcpt,
            b"DATA" => Asked::Data,
            b"STARTTLS" => Asked::StartTls,
            b"BDAT" => {
                let size = words.next();
                let size = size.and_then(|size| std::str::from_utf8(&size).ok()?.parse().ok());
                let last = words.next().is_some_and(|word| word == b"LAST");
                if let Some(size) = size {
                    return self.chunk(size, last);
                }
                Asked::Other
            }
            _ => Asked::Other,
        };
        self.ask(asked);
        false
    }

    fn ask(&mut self, asked: Asked) {
        if self.asked.len() < Self::MOST_ASKED {
            self.asked.push_back(asked);
        } else {
            self.client = Client::Opaque;
        }
    }

    fn server_says(&mut self, octet: u8) -> bool {
        self.to_client += 1;
        let mut reached =
            matches!(self.awaited, Some(Point::ToClient(count)) if count.get() == self.to_client);
        if self.client != Client::Opaque && self.reply.push(octet) {
            let line = std::mem::take(&mut self.reply);
            self.reply_begins = line.octets().get(3) != Some(&b'-');
            if self.reply_begins {
                reached |= self.replied(line.octets().first_chunk().copied().unwrap_or_default());
            }
        }
        if reached {
            self.awaited = None;
        }
        reached
    }

    /// The last line of a reply with this code is complete.
    fn replied(&mut self, code: [u8; 3]) -> bool {
        // A server may also speak unasked: 421 before it closes.
        let Some(asked) = self.asked.pop_front() else {
            return false;
        };
        match asked {
            Asked::Banner => self.meet(Point::Banner),
            Asked::Ehlo => self.meet(Point::Ehlo),
            Asked::Mail => self.meet(Point::Mail),
            Asked::Rcpt => self.meet(Point::Rcpt),
            Asked::Data if code == *b"354" => {
                self.client = Client::Body(BodyEnd::LineStart);
                self.body_octets = 0;
                self.meet(Point::DataStart)
            }
            Asked::StartTls if code == *b"220" => {
                self.client = Client::Opaque;
                false
            }
            Asked::Other if code == *b"334" => {
                self.client = Client::Answer;
                self.asked.push_front(Asked::Other);
                false
            }
            Asked::Data | Asked::StartTls | Asked::BodyEnd | Asked::Other => false,
        }
    }
}

/// The first octet of a TLS record that begins a handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 22;

impl BodyEnd {
    /// None behind CRLF.CRLF.
    fn next(self, octet: u8) -> Option<Self> {
        Some(match (self, octet) {
            (Self::DotCr, b'\n') => return None,
            (Self::LineStart, b'.') => Self::Dot,
            (Self::Dot, b'\r') => Self::DotCr,
            (Self::Cr, b'\n') => Self::LineStart,
            (_, b'\r') => Self::Cr,
            _ => Self::Text,
        })
    }
}

/// As much of a line as its command or code needs.
#[derive(Debug)]
struct LineStart {
    octets: [u8; Self::OCTETS],
    length: usize,
}

impl Default for LineStart {
    fn default() -> Self {
        Self {
            octets: [0; Self::OCTETS],
            length: 0,
        }
    }
}

impl LineStart {
    /// `BDAT`, the longest number, `LAST`, and blanks between them.
    const OCTETS: usize = 64;

    /// Takes an octet; whether it ended the line.
    fn push(&mut self, octet: u8) -> bool {
        if octet == b'\n' {
            return true;
        }
        if let Some(place) = self.octets.get_mut(self.length) {
            *place = octet;
            self.length += 1;
        }
        false
    }

    fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    /// A dialogue in turns of `C: ` and `S: `, each a line; `\` stands for CRLF within one.
    const DIALOGUE: &[(Direction, &str)] = &[
        (Direction::ToClient, "220-hello\r\n220 mx\r\n"),
        (Direction::ToServer, "ehlo client\r\n"),
        (
            Direction::ToClient,
            "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
        ),
        (Direction::ToServer, "AUTH LOGIN\r\n"),
        (Direction::ToClient, "334 VXNl\r\n"),
        (Direction::ToServer, "DATA\r\n"),
        (Direction::ToClient, "334 UGFz\r\n"),
        (Direction::ToServer, "MAIL\r\n"),
        (Direction::ToClient, "535 no\r\n"),
        (
            Direction::ToServer,
            "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n",
        ),
        (
            Direction::ToClient,
            "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
        ),
        (
            Direction::ToServer,
            "Subject: x\r\n\r\n..\r\n.x\r\n\n.\r\nRCPT TO:<not@me>\r\n.\r\n",
        ),
        (Direction::ToClient, "250 stored\r\n"),
        (Direction::ToServer, "QUIT\r\n"),
        (Direction::ToClient, "221 bye\r\n"),
    ];

    /// Replays it in pieces; what has passed in each direction when the point was reached.
    fn replay(
        dialogue: &[(Direction, &str)],
        point: Point,
        piece: usize,
    ) -> Option<(String, String)> {
        let mut state = Dialogue::new(Some(point));
        let (mut to_server, mut to_client) = (String::new(), String::new());
        for (direction, text) in dialogue {
            let passed = match direction {
                Direction::ToServer => &mut to_server,
                Direction::ToClient => &mut to_client,
            };
            for octets in text.as_bytes().chunks(piece) {
                let part = state.observe(*direction, octets);
                passed.push_str(
                    std::str::from_utf8(&octets[..part.unwrap_or(octets.len())]).unwrap(),
                );
                if part.is_some() {
                    return Some((to_server, to_client));
                }
            }
        }
        None
    }

    #[test]
    fn every_stage_is_known_however_the_octets_are_cut() {
        let body = |octets| Point::Body(NonZeroU64::new(octets).unwrap());
        for (point, server_has, client_has) in [
            (Point::Banner, "", "220 mx\r\n"),
            (Point::Ehlo, "client\r\n", "CHUNKING\r\n"),
            (Point::Mail, "DATA\r\n", "535 no\r\n250 ok\r\n"),
            (Point::Rcpt, "DATA\r\n", "535 no\r\n250 ok\r\n250 ok\r\n"),
            (Point::DataStart, "DATA\r\n", "354 go\r\n"),
            (body(1), "DATA\r\nS", "354 go\r\n"),
            (body(4), "DATA\r\nSubj", "354 go\r\n"),
            (Point::BodyEnd, "not@me>\r\n.\r\n", "354 go\r\n"),
            (Point::Reply, "not@me>\r\n.\r\n", "354 go\r\n"),
        ] {
            for piece in [1, 2, 3, 7, 4096] {
                let (to_server, to_client) = replay(DIALOGUE, point, piece).unwrap();
                assert!(to_server.ends_with(server_has), "{point:?}: {to_server:?}");
                assert!(to_client.ends_with(client_has), "{point:?}: {to_client:?}");
            }
        }
    }

    #[test]
    fn octets_are_counted_in_each_direction() {
        let count = |octets| NonZeroU64::new(octets).unwrap();
        for piece in [1, 4096] {
            let (to_server, _) = replay(DIALOGUE, Point::ToServer(count(3)), piece).unwrap();
            assert_eq!(to_server, "ehl");
            let (_, to_client) = replay(DIALOGUE, Point::ToClient(count(2)), piece).unwrap();
            assert_eq!(to_client, "22");
            assert_eq!(replay(DIALOGUE, Point::ToServer(count(9999)), piece), None);
        }
    }

    #[test]
    fn chunks_are_counted_and_the_last_one_ends_the_body() {
        let dialogue = [
            (Direction::ToClient, "220 mx\r\n"),
            (
                Direction::ToServer,
                "BDAT 7\r\n\r\n.\r\nRSBDAT 3 last\r\nSET",
            ),
            (Direction::ToClient, "250 chunk\r\n"),
            (Direction::ToClient, "250 stored\r\n"),
            (Direction::ToServer, "BDAT 0 LAST\r\n"),
        ];
        let (to_server, to_client) = replay(&dialogue, Point::BodyEnd, 1).unwrap();
        assert!(to_server.ends_with("SET"), "{to_server:?}");
        assert_eq!(to_client, "220 mx\r\n");
        let (_, to_client) = replay(&dialogue, Point::Reply, 4096).unwrap();
        assert_eq!(to_client, "220 mx\r\n250 chunk\r\n");
        let (to_server, _) =
            replay(&dialogue[..2], Point::Body(NonZeroU64::new(9).unwrap()), 5).unwrap();
        assert!(to_server.ends_with("last\r\nSE"), "{to_server:?}");
        let empty = [(Direction::ToServer, "BDAT 0 LAST\r\nQUIT")];
        let (to_server, _) = replay(&empty, Point::BodyEnd, 4096).unwrap();
        assert_eq!(to_server, "BDAT 0 LAST\r\n");
    }

    #[test]
    fn a_refused_data_begins_no_body() {
        let dialogue = [
            (Direction::ToClient, "220 mx\r\n"),
            (Direction::ToServer, "DATA\r\n"),
            (Direction::ToClient, "503 no\r\n"),
            (Direction::ToServer, "EHLO x\r\n"),
            (Direction::ToClient, "250 mx\r\n"),
        ];
        let (_, to_client) = replay(&dialogue, Point::Ehlo, 1).unwrap();
        assert!(to_client.ends_with("250 mx\r\n"));
        assert_eq!(replay(&dialogue, Point::Body(NonZeroU64::MIN), 1), None);
    }

    #[test]
    fn inside_tls_only_octets_are_counted() {
        let dialogue = [
            (Direction::ToClient, "220 mx\r\n"),
            (Direction::ToServer, "STARTTLS\r\n"),
            (Direction::ToClient, "220 go\r\n"),
            (Direction::ToServer, "EHLO x\r\n"),
            (Direction::ToClient, "250 mx\r\n"),
        ];
        assert_eq!(replay(&dialogue, Point::Ehlo, 1), None);
        assert!(replay(&dialogue, Point::ToServer(NonZeroU64::new(18).unwrap()), 4).is_some());
        let implicit = [
            (Direction::ToServer, "\u{16}\u{3}\u{1}EHLO\r\n"),
            (Direction::ToClient, "220 mx\r\n"),
        ];
        assert_eq!(replay(&implicit, Point::Banner, 1), None);
    }

    #[test]
    fn more_commands_than_are_kept_in_mind_end_the_following_and_nothing_else() {
        let mut state = Dialogue::new(Some(Point::Mail));
        for _ in 0..=Dialogue::MOST_ASKED {
            assert_eq!(state.observe(Direction::ToServer, b"NOOP\r\n"), None);
        }
        assert_eq!(state.client, Client::Opaque);
        assert_eq!(state.asked.len(), Dialogue::MOST_ASKED);
        assert_eq!(
            state.observe(Direction::ToClient, b"220 x\r\n250 x\r\n"),
            None
        );
    }
}
