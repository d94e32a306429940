//! The message that all programs send: complete, so that none adds a header of its own, and with
//! what is easily damaged on the way.

/// Lines that begin with dots, 8-bit text, a long line, trailing space, empty lines at the end.
pub(crate) fn tricky() -> Vec<u8> {
    let mut message = String::from(
        "From: Ann <ann@example.org>\r\n\
         To: Bob <bob@example.com>\r\n\
         Subject: r\u{e9}sum\u{e9}\r\n\
         Date: Fri, 3 Jul 2026 10:00:00 +0000\r\n\
         Message-ID: <tricky@example.org>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\
         \r\n\
         .one dot\r\n\
         ..two dots\r\n\
         .\r\n\
         gr\u{fc}n \u{20ac}\r\n\
         trailing space \r\n",
    );
    message.push_str(&"long ".repeat(180));
    message.push_str("\r\nFrom here on it is empty.\r\n\r\n\r\n");
    message.into_bytes()
}

/// The same with the line ends of Unix, as programs expect it that read files.
pub(crate) fn tricky_with_lf() -> Vec<u8> {
    tricky()
        .into_iter()
        .filter(|octet| *octet != b'\r')
        .collect()
}

/// The same with what programs add that put a CRLF behind everything between two line ends.
pub(crate) fn tricky_and_empty_line() -> Vec<u8> {
    [&tricky()[..], b"\r\n"].concat()
}

/// As DATA carries it, RFC 5321 section 4.5.2.
pub(crate) fn doubled_dots(message: &[u8]) -> Vec<u8> {
    let lines = message.split_inclusive(|octet| *octet == b'\n');
    let dot = |line: &&[u8]| {
        if line.starts_with(b".") {
            &b"."[..]
        } else {
            b""
        }
    };
    lines.flat_map(|line| [dot(&line), line].concat()).collect()
}

/// Fails with a text that can be read if these are not the same octets.
pub(crate) fn same(found: &[u8], expected: &[u8]) {
    assert_eq!(
        found.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
}

/// What all programs that send [`tricky`] say.
pub(crate) const ENVELOPE: &str = "<ann@example.org> to <bob@example.com>";
