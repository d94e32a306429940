//! What holds for every session: nothing that a client sends, an application answers or a clock
//! does breaks the machine, and how the input was cut shows nowhere.

mod chunk_sequence;
mod data_and_bdat;
mod driver;
mod operations;
mod settings;

use std::sync::Arc;

use operations::Operation;
use prixfixe_proto::Refusal;
use proptest::prelude::*;

/// A piece of what a client might say, good, bad or in between.
fn words() -> impl Strategy<Value = Vec<u8>> {
    let fixed = [
        &b"EHLO client.example\r\n"[..],
        b"HELO client.example\r\n",
        b"EHLO refuse.example\r\n",
        b"MAIL FROM:<a@example.org>\r\n",
        b"MAIL FROM:<> SIZE=50 BODY=8BITMIME\r\n",
        b"MAIL FROM:<refuse@example.org>\r\n",
        b"RCPT TO:<b@example.com>\r\n",
        b"RCPT TO:<refuse@example.com>\r\n",
        b"RCPT TO:<full@example.com>\r\n",
        b"LHLO client.example\r\n",
        b"MAIL FROM:<a@example.org> PRDR\r\n",
        b"MAIL FROM:<a@example.org> RET=HDRS ENVID=a+2Bb MT-PRIORITY=-3 BY=60;NT HOLDFOR=5\r\n",
        b"MAIL FROM:<a@example.org> ENVID=a+0D+0Ab\r\n",
        b"RCPT TO:<b@example.com> NOTIFY=DELAY ORCPT=utf-8;\\x{F6}\r\n",
        b"RCPT TO:<close@example.com>\r\n",
        b"DATA\r\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"VRFY x\r\n",
        b"QUIT\r\n",
        b"BDAT 3\r\n",
        b"AUTH PLAIN\r\n",
        b"AUTH PLAIN =\r\n",
        b"AUTH LOGIN dXNlcg==\r\n",
        b"AUTH PLAIN cmlnaHQ=\r\n",
        b"AUTH PLAIN d3Jvbmc=\r\n",
        b"AUTH CRAM-MD5\r\n",
        b"cmlnaHQ=\r\n",
        b"d3Jvbmc=\r\n",
        b"bGF0ZXI=\r\n",
        b"d2h5\r\n",
        b"*\r\n",
        b"BDAT 0\r\n",
        b"BDAT 0 LAST\r\n",
        b"BDAT 9\r\n",
        b"BDAT 9 LAST\r\n",
        b"bdat 61\r\n",
        b"BDAT 4294967296 LAST\r\n",
        b"BDAT 18446744073709551615\r\n",
        b"BDAT -1\r\n",
        b"BDAT 3 LST\r\n",
        b"MAIL FROM:<a@example.org> BODY=BINARYMIME\r\n",
        b"XCLIENT NAME=spike.example PORT=42 HELO=spike\r\n",
        b"XCLIENT ADDR=192.0.2.7 LOGIN=a+2Bb\r\n",
        b"XCLIENT LOGIN=user\r\n",
        b"XCLIENT ADDR=[UNAVAILABLE]\r\n",
        b"XCLIENT HELO=a+0D+0A\r\n",
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"Received: x\r\n",
        b"text\r\n",
        b"..\r\n",
        b".\r\n",
        b"\r\n.\r\n",
        b"\n.\n",
        b"\r",
        b"\n",
        b".",
        b"\0",
    ];
    let transaction = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n";
    let envelope = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n";
    prop_oneof![
        12 => prop::sample::select(fixed.to_vec()).prop_map(<[u8]>::to_vec),
        4 => Just(transaction.to_vec()),
        2 => Just(envelope.to_vec()),
        4 => chunk(),
        2 => prop::collection::vec(prop::sample::select(b"\r\n.x\0".to_vec()), 0..12),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (1..700_usize).prop_map(|length| vec![b'x'; length]),
    ]
}

/// A chunk with what it announces.
fn chunk() -> impl Strategy<Value = Vec<u8>> {
    let octets = prop::sample::select(b"\r\n.x\0\xe9".to_vec());
    (prop::collection::vec(octets, 0..30), any::<bool>()).prop_map(|(octets, last)| {
        let last = if last { " LAST" } else { "" };
        let mut sent = format!("BDAT {}{last}\r\n", octets.len()).into_bytes();
        sent.extend(octets);
        sent
    })
}

/// A piece of a body.
fn body_text() -> impl Strategy<Value = Vec<u8>> {
    let octets = prop::sample::select(b"\r\n.x\0\xe9".to_vec());
    prop_oneof![
        3 => prop::collection::vec(octets, 0..25),
        1 => Just(b"\r\nReceived: x\r\n".to_vec()),
        1 => Just(b"line\r\n".to_vec()),
    ]
}

/// A conversation that usually gets as far as a body.
fn session() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(words(), 0..30).prop_map(|words| {
        let mut sent = b"EHLO client.example\r\n".to_vec();
        sent.extend(words.concat());
        sent
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        10 => words().prop_map(Operation::Input),
        2 => Just(Operation::Accept),
        2 => any::<u8>().prop_map(Operation::Each),
        2 => prop::sample::select(vec![421, 450, 550]).prop_map(Operation::Refuse),
        1 => Just(Operation::RefuseBody),
        1 => Just(Operation::Expire),
        1 => Just(Operation::ShutDown),
    ]
}

/// Refuses whoever asks for it.
fn application(question: &str) -> Option<Refusal> {
    let code = match question {
        _ if question.contains("refuse") => 550,
        _ if question.contains("close") => 421,
        _ if question.starts_with("MESSAGE") && question.contains("full") => 452,
        _ => return None,
    };
    Refusal::new(code, 7, 1, "As you wish").ok()
}

/// What a failure finds becomes a dialogue, so it is not kept in a file of its own.
fn effort() -> ProptestConfig {
    let long = std::env::var_os("PRIXFIXE_LONG").is_some();
    ProptestConfig {
        cases: if long { 60_000 } else { 4_000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(effort())]

    #[test]
    fn no_sequence_of_operations_breaks_a_session(
        bits: u8,
        operations in prop::collection::vec(operation(), 0..60),
    ) {
        operations::check(&Arc::new(settings::config(bits)), &operations);
    }

    #[test]
    fn no_octets_break_a_session(
        bits: u8,
        octets in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        operations::check(&Arc::new(settings::config(bits)), &Operation::decode(&octets));
    }

    #[test]
    fn how_the_input_is_cut_shows_nowhere(
        bits: u8,
        sent in session(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let config = Arc::new(settings::config(bits));
        let whole = driver::run(&config, &application, [&sent[..]]);
        let octets = driver::run(&config, &application, sent.chunks(1));
        prop_assert_eq!(&octets, &whole, "octet by octet");

        let mut cuts: Vec<usize> = cuts.iter().map(|at| at.index(sent.len() + 1)).collect();
        cuts.extend([0, sent.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &sent[pair[0]..pair[1]]);
        let cut = driver::run(&config, &application, pieces);
        prop_assert_eq!(&cut, &whole, "cut at {:?}", cuts);
    }

    #[test]
    fn chunks_in_any_order_come_to_what_the_words_say(
        octets in prop::collection::vec(prop_oneof![0..40_u8, Just(8_u8), any::<u8>()], 0..60),
        piece in 1..40_usize,
    ) {
        chunk_sequence::check(&octets, piece);
    }

    #[test]
    fn a_body_is_the_same_by_data_and_by_bdat(
        bits: u8,
        lines in prop::collection::vec(body_text(), 0..12),
        sizes in prop::collection::vec(0..40_u8, 0..8),
        piece in 1..40_usize,
    ) {
        data_and_bdat::check(settings::config(bits), &lines.concat(), &sizes, piece);
    }
}
