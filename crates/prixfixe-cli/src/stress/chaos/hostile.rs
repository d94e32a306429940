//! Clients that say what nobody should, as data.

use std::time::Duration;

/// What a hostile client does, and what a sound server may make of it.
pub(super) struct Hostile {
    /// What it is called.
    pub(super) name: &'static str,
    /// What it does, in order.
    pub(super) steps: &'static [Step],
    /// One of these codes has to be among the replies; with none of them named, a server may also
    /// hang up without a word.
    pub(super) answers: &'static [u16],
    /// How many bodies the server may take: a second 354 means that one message was made two.
    pub(super) most_bodies: usize,
}

/// One thing that a hostile client does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Says this.
    Say(&'static [u8]),
    /// Says this so many times.
    Repeat(&'static [u8], u32),
    /// Says nothing for so long.
    Pause(Duration),
    /// Says one octet at a time, so far apart, as long as the row lasts.
    Trickle(&'static [u8], Duration),
    /// Reads nothing from now on.
    Deaf,
    /// Says nothing more, and goes on listening.
    HalfClose,
}

use Step::{Deaf, HalfClose, Pause, Repeat, Say, Trickle};

/// Until the server has answered DATA, so that what follows is a body.
const TURN: Step = Pause(Duration::from_millis(60));
const TO_BODY: Step =
    Say(b"EHLO hostile.example\r\nMAIL FROM:<first@hostile.example>\r\nRCPT TO:<recipient@example.com>\r\nDATA\r\n");
const SECOND: Step = Say(b"MAIL FROM:<smuggled@hostile.example>\r\nRCPT TO:<recipient@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nsecond\r\n.\r\nQUIT\r\n");
const TO_RECIPIENT: Step =
    Say(b"EHLO hostile.example\r\nMAIL FROM:<first@hostile.example>\r\nRCPT TO:<recipient@example.com>\r\n");

/// Floods the server with commands and never reads a reply.
pub(super) static NEVER_READS: Hostile = Hostile {
    name: "never reads",
    steps: &[
        Deaf,
        Say(b"EHLO hostile.example\r\n"),
        Repeat(b"NOOP\r\n", 2_000_000),
    ],
    answers: &[],
    most_bodies: 0,
};

/// A command, an octet at a time.
pub(super) static SLOW_COMMAND: Hostile = Hostile {
    name: "slow command",
    steps: &[Trickle(
        b"EHLO a.very.long.name.hostile.example",
        Duration::from_millis(100),
    )],
    answers: &[],
    most_bodies: 0,
};

/// A body, an octet at a time.
pub(super) static SLOW_BODY: Hostile = Hostile {
    name: "slow body",
    steps: &[
        TO_BODY,
        TURN,
        Trickle(b"Subject: slow\r\n\r\n", Duration::from_millis(100)),
    ],
    answers: &[],
    most_bodies: 1,
};

/// STARTTLS, and the first octets of a handshake.
pub(super) static UNFINISHED_HANDSHAKE: Hostile = Hostile {
    name: "unfinished handshake",
    steps: &[
        Say(b"EHLO hostile.example\r\nSTARTTLS\r\n"),
        TURN,
        Trickle(b"\x16\x03\x01\x02\x00\x01\x00", Duration::from_millis(100)),
    ],
    answers: &[],
    most_bodies: 0,
};

/// A body under way that comes to no end.
pub(super) static LARGE_BODY: Hostile = Hostile {
    name: "large body",
    steps: &[
        TO_BODY,
        TURN,
        Say(b"Subject: large\r\n\r\n"),
        Repeat(LINE, 12_000),
        Trickle(b"x", Duration::from_millis(100)),
    ],
    answers: &[],
    most_bodies: 1,
};

/// 78 octets, the usual length of a line.
const LINE: &[u8] =
    b"0123456789012345678901234567890123456789012345678901234567890123456789012345\r\n";

/// A connection that does nothing.
pub(super) static IDLE: Hostile = Hostile {
    name: "idle",
    steps: &[Trickle(b"", Duration::from_millis(100))],
    answers: &[],
    most_bodies: 0,
};

macro_rules! ending {
    ($name:literal, $ending:literal) => {
        Hostile {
            name: $name,
            steps: &[
                TO_BODY,
                TURN,
                Say(b"Subject: x\r\n\r\nfirst"),
                Say($ending),
                SECOND,
            ],
            answers: &[],
            most_bodies: 1,
        }
    };
}

const fn said(name: &'static str, steps: &'static [Step], answers: &'static [u16]) -> Hostile {
    Hostile {
        name,
        steps,
        answers,
        most_bodies: 0,
    }
}

/// All inputs of the row `hostile-inputs`.
pub(super) static INPUTS: [Hostile; 29] = [
    ending!("LF.LF", b"\n.\n"),
    ending!("CR.CR", b"\r.\r"),
    ending!("CR.LF", b"\r.\n"),
    ending!("LF.CR", b"\n.\r"),
    ending!("LF.CRLF", b"\n.\r\n"),
    ending!("CRLF.LF", b"\r\n.\n"),
    ending!("CR.CRLF", b"\r.\r\n"),
    ending!("CRLF.CR", b"\r\n.\r"),
    ending!("CRLF NUL.CRLF", b"\r\n\0.\r\n"),
    ending!("CRLF.NUL CRLF", b"\r\n.\0\r\n"),
    ending!("CRCRLF.CRCRLF", b"\r\r\n.\r\r\n"),
    said(
        "NUL in a command",
        &[Say(b"EHLO a\0b\r\nQUIT\r\n")],
        &[500, 501],
    ),
    said(
        "a command of 64 KB",
        &[
            Say(b"EHLO "),
            Repeat(b"xxxxxxxxxxxxxxxx", 4096),
            Say(b"\r\nQUIT\r\n"),
        ],
        &[500],
    ),
    said(
        "an endless line",
        &[
            Repeat(b"xxxxxxxxxxxxxxxx", 65_536),
            Pause(Duration::from_millis(50)),
        ],
        &[],
    ),
    said("DATA first", &[Say(b"DATA\r\nQUIT\r\n")], &[503]),
    said(
        "RCPT before MAIL",
        &[Say(
            b"EHLO x.example\r\nRCPT TO:<a@example.com>\r\nQUIT\r\n",
        )],
        &[503],
    ),
    said(
        "nested MAIL",
        &[Say(
            b"EHLO x.example\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nQUIT\r\n",
        )],
        &[503],
    ),
    said(
        "HTTP",
        &[Say(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")],
        &[],
    ),
    said(
        "early talk",
        &[Say(b"EHLO early.example\r\nQUIT\r\n")],
        &[250, 554, 421],
    ),
    said(
        "BDAT of 2^64",
        &[
            TO_RECIPIENT,
            Say(b"BDAT 18446744073709551616 LAST\r\nQUIT\r\n"),
        ],
        &[501, 552, 554],
    ),
    said(
        "BDAT of 2^63",
        &[
            TO_RECIPIENT,
            Say(b"BDAT 9223372036854775808 LAST\r\n"),
            HalfClose,
        ],
        &[],
    ),
    said(
        "BDAT of -1",
        &[TO_RECIPIENT, Say(b"BDAT -1 LAST\r\nQUIT\r\n")],
        &[501],
    ),
    said(
        "BDAT without MAIL",
        &[Say(b"EHLO x.example\r\nBDAT 6 LAST\r\nQUIT\r\nQUIT\r\n")],
        &[503],
    ),
    said(
        "a flood of recipients",
        &[
            Say(b"EHLO x.example\r\nMAIL FROM:<>\r\n"),
            Repeat(b"RCPT TO:<recipient@example.com>\r\n", 5000),
            Say(b"RSET\r\nQUIT\r\n"),
        ],
        &[452, 421],
    ),
    said(
        "STARTTLS injection",
        &[Say(b"EHLO x.example\r\nSTARTTLS\r\nRSET\r\nNOOP\r\n")],
        &[],
    ),
    said(
        "garbage instead of TLS",
        &[
            Say(b"EHLO x.example\r\nSTARTTLS\r\n"),
            TURN,
            Repeat(b"\xff\x00garbage", 100),
        ],
        &[220],
    ),
    said(
        "garbage",
        &[Repeat(b"\xff\xfe\x00\x01\x80\r\n", 200)],
        &[500, 501, 421],
    ),
    said(
        "a header through HELO",
        &[Say(b"HELO a\rX-Injected: yes\r\nQUIT\r\n")],
        &[500, 501],
    ),
    said(
        "half-close in mid-command",
        &[Say(b"EHLO half"), HalfClose],
        &[],
    ),
];
