use proptest::prelude::*;

use super::*;

fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, block].concat()
}

fn tcp_of(text: &str) -> Source {
    Source::Tcp(text.parse().unwrap())
}

/// Headers of both versions, and whom they name.
fn headers() -> Vec<(Vec<u8>, Source)> {
    let text = |line: &str, source| (format!("{line}\r\n").into_bytes(), source);
    let tcp4 = [192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0, 25];
    let mut tcp6 = [0; 36];
    tcp6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    tcp6[15] = 7;
    tcp6[32..].copy_from_slice(&[0x30, 0x39, 0, 25]);
    let extended = [&tcp4[..], &[0x04, 0, 2, 1, 2]].concat();
    let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    vec![
        text("PROXY UNKNOWN", Source::ItsPeer),
        text(
            &format!("PROXY UNKNOWN {longest} {longest} 65535 65535"),
            Source::ItsPeer,
        ),
        text(
            "PROXY TCP4 192.0.2.7 198.51.100.1 12345 25",
            tcp_of("192.0.2.7:12345"),
        ),
        text("PROXY TCP4 0.0.0.0 0.0.0.0 0 0", tcp_of("0.0.0.0:0")),
        text("PROXY TCP6 :: :: 1 1", tcp_of("[::]:1")),
        text(
            "PROXY TCP6 2001:db8::7 ::1 12345 25",
            tcp_of("[2001:db8::7]:12345"),
        ),
        text(
            &format!("PROXY TCP6 {longest} {longest} 65535 65535"),
            tcp_of(&format!("[{longest}]:65535")),
        ),
        (binary(0x20, 0x00, b""), Source::ItsPeer),
        (binary(0x20, 0x11, &tcp4), Source::ItsPeer),
        (binary(0x20, 0xff, b"anything"), Source::ItsPeer),
        (binary(0x21, 0x00, b"skipped"), Source::ItsPeer),
        (binary(0x21, 0x11, &tcp4), tcp_of("192.0.2.7:12345")),
        (binary(0x21, 0x11, &extended), tcp_of("192.0.2.7:12345")),
        (binary(0x21, 0x21, &tcp6), tcp_of("[2001:db8::7]:12345")),
        (binary(0x21, 0x31, &[b'/'; 216]), Source::Unix),
        (binary(0x20, 0x00, &[0; BLOCK_MAX]), Source::ItsPeer),
    ]
}

/// Reads as a driver does: never more than what is certainly part of the header.
fn read_exactly(sent: &[u8]) -> (Result<Header, HeaderError>, usize) {
    let mut taken = 0;
    loop {
        match parse(&sent[..taken]) {
            Err(HeaderError::Incomplete(least)) if taken + least <= sent.len() => {
                assert!(least > 0);
                taken += least;
            }
            outcome => return (outcome, taken),
        }
    }
}

#[test]
fn whom_a_header_names() {
    for (header, source) in headers() {
        let length = header.len();
        let expected = Ok(Header { length, source });
        let shown = header.escape_ascii().to_string();
        assert_eq!(parse(&header), expected, "{shown}");
        let followed = [&header[..], b"EHLO client.example\r\n"].concat();
        assert_eq!(parse(&followed), expected, "{shown}");
        assert_eq!(read_exactly(&followed), (expected, length), "{shown}");
    }
}

#[test]
fn no_start_of_a_header_is_whole_and_what_it_lacks_is_no_more_than_that() {
    for (header, _) in headers() {
        for at in 0..header.len() {
            let outcome = parse(&header[..at]);
            let Err(HeaderError::Incomplete(least)) = outcome else {
                panic!("{}: {outcome:?}", header[..at].escape_ascii());
            };
            assert!((1..=header.len() - at).contains(&least), "{least} at {at}");
        }
    }
}

#[test]
fn what_is_no_header_is_refused() {
    let check = |input: &[u8], error: HeaderError| {
        let followed = [input, b"\r\nEHLO client.example\r\n"].concat();
        let shown = input.escape_ascii();
        assert_eq!(parse(&followed), Err(error), "{shown}");
        // As soon as it can be told, and at every later cut.
        let told = |at: &usize| parse(&followed[..*at]) == Err(error);
        let first = (0..=followed.len()).find(told).unwrap();
        assert!((first..=followed.len()).all(|at| told(&at)), "{shown}");
    };
    for other in [
        "EHLO client.example",
        "GET / HTTP/1.1",
        "proxy UNKNOWN",
        "PROXY\tUNKNOWN",
        " PROXY UNKNOWN",
        "PROXYUNKNOWN",
        "\x16\x03\x01\x02",
        "\r\n\r\n\0\r\nQUIT\r",
        "\r\nPROXY UNKNOWN",
    ] {
        check(other.as_bytes(), HeaderError::Missing);
    }
    for malformed in [
        "PROXY ",
        "PROXY UNKNOWN\n",
        "PROXY TCP4",
        "PROXY TCP5 192.0.2.7 192.0.2.1 1 25",
        "PROXY tcp4 192.0.2.7 192.0.2.1 1 25",
        "PROXY  TCP4 192.0.2.7 192.0.2.1 1 25",
        "PROXY TCP4  192.0.2.7 192.0.2.1 1 25",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 25 ",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 25 26",
        "PROXY TCP4 192.0.2.7 192.0.2.1 1 65536",
        "PROXY TCP4 192.0.2.7 192.0.2.1 +1 25",
        "PROXY TCP4 192.0.2.7 192.0.2.1 01 25",
        "PROXY TCP4 192.0.2.7 192.0.2.1 -1 25",
        "PROXY TCP4 192.0.2.7 192.0.2.256 1 25",
        "PROXY TCP4 192.0.2.007 192.0.2.1 1 25",
        "PROXY TCP4 192.0.2 192.0.2.1 1 25",
        "PROXY TCP4 ::1 ::1 1 25",
        "PROXY TCP6 192.0.2.7 192.0.2.1 1 25",
        "PROXY TCP6 fe80::1%eth0 ::1 1 25",
        "PROXY TCP6 [::1] ::1 1 25",
        "PROXY TCP4 192.0.2.7\0 192.0.2.1 1 25",
        "PROXY TCP4 client.example 192.0.2.1 1 25",
    ] {
        check(malformed.as_bytes(), HeaderError::Malformed);
    }
    check(b"PROXY UNKNOWN \xff", HeaderError::Malformed);
    check(
        &[b"PROXY UNKNOWN ", &[b'x'; 92][..]].concat(),
        HeaderError::TextTooLong,
    );
    let exactly = [b"PROXY UNKNOWN ", &[b'x'; 91][..], b"\r\n"].concat();
    assert_eq!(parse(&exactly).map(|header| header.length), Ok(TEXT_MAX));
    for (command, family, block) in [
        (0x11, 0x11, 12),
        (0x22, 0x11, 12),
        (0x2f, 0x11, 12),
        (0x31, 0x11, 12),
        (0x21, 0x01, 12),
        (0x21, 0x10, 12),
        (0x21, 0x12, 12),
        (0x21, 0x22, 36),
        (0x21, 0x32, 216),
        (0x21, 0x41, 216),
        (0x21, 0x11, 11),
        (0x21, 0x11, 0),
        (0x21, 0x21, 35),
        (0x21, 0x21, 12),
        (0x21, 0x31, 215),
    ] {
        check(
            &binary(command, family, &vec![1; block]),
            HeaderError::Malformed,
        );
    }
    check(
        &binary(0x20, 0x00, &[0; BLOCK_MAX + 1]),
        HeaderError::BlockTooLong,
    );
}

fn text_header(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    let (from_port, to_port) = (source.port(), destination.port());
    format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n").into_bytes()
}

fn binary_header(source: SocketAddr, destination: SocketAddr, extensions: &[u8]) -> Vec<u8> {
    let octets = |address: SocketAddr| match address.ip() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let ports = [
        source.port().to_be_bytes(),
        destination.port().to_be_bytes(),
    ]
    .concat();
    let block = [
        octets(source),
        octets(destination),
        ports,
        extensions.to_vec(),
    ]
    .concat();
    binary(0x21, if source.is_ipv4() { 0x11 } else { 0x21 }, &block)
}

/// The start of a header, or none, then anything.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let starts = [
        &b""[..],
        b"PROXY ",
        b"PROXY TCP4 1.2.3.4 ",
        b"PROXY TCP6 ::1 ",
        SIGNATURE,
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0",
    ];
    let texts = prop::collection::vec(prop::sample::select(b"0159:. f\r\n".to_vec()), 0..120);
    let octets = prop::collection::vec(any::<u8>(), 0..300);
    (
        prop::sample::select(starts.to_vec()),
        prop_oneof![texts, octets],
    )
        .prop_map(|(start, rest)| [start, &rest].concat())
}

proptest! {
    #[test]
    fn a_header_names_the_client_that_was_put_into_it(
        source in any::<SocketAddr>(),
        address in any::<[u8; 16]>(),
        port in any::<u16>(),
        extensions in prop::collection::vec(any::<u8>(), 0..64),
        behind in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let destination = match source {
            SocketAddr::V4(_) => IpAddr::from(*address.first_chunk::<4>().unwrap()),
            SocketAddr::V6(_) => IpAddr::from(address),
        };
        let destination = SocketAddr::new(destination, port);
        // A scope or a flow is no part of a header.
        let source = SocketAddr::new(source.ip(), source.port());
        for header in [
            text_header(source, destination),
            binary_header(source, destination, &extensions),
        ] {
            let length = header.len();
            let expected = Ok(Header { length, source: Source::Tcp(source) });
            let sent = [header, behind.clone()].concat();
            prop_assert_eq!(parse(&sent), expected);
            prop_assert_eq!(read_exactly(&sent), (expected, length));
        }
    }

    #[test]
    fn no_octets_break_it_and_more_of_them_change_no_outcome(input in input()) {
        let mut earlier: Option<Result<Header, HeaderError>> = None;
        for at in 0..=input.len() {
            let outcome = parse(&input[..at]);
            if let Some(earlier) = earlier {
                prop_assert_eq!(outcome, earlier);
            }
            match outcome {
                Ok(header) => prop_assert_eq!(header.length, at.min(header.length)),
                Err(HeaderError::Incomplete(least)) => {
                    prop_assert!(least > 0 && at + least <= FIXED + BLOCK_MAX);
                    continue;
                }
                Err(_) => {}
            }
            earlier = Some(outcome);
        }
    }
}
