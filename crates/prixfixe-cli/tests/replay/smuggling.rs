//! SMTP smuggling against the binary. Behind each sequence of the known attacks stands a whole
//! second transaction. Whatever the mode, it never becomes a message, the session stays in step,
//! and what is stored is the one body that the model says.

use prixfixe::BareNewline;

use crate::{
    line_end_modes::{MODES, address, settings},
    naive_body::NaiveBody,
    server_process::{Server, store},
    smtp_client::{Client, code, id},
    stored_mail,
};

/// All of section "End-of-data" among the inputs that have broken other receivers.
const SEQUENCES: [&str; 11] = [
    "\n.\n",
    "\r.\r",
    "\r.\n",
    "\n.\r",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r\n",
    "\r\n.\r",
    "\r\n\0.\r\n",
    "\r\n.\0\r\n",
    "\r\r\n.\r\r\n",
];

/// What stands before the sequence.
const TEXTS: [&str; 3] = ["", "text", "Subject: x\r\n\r\ntext\r\n"];

const SECOND: &str = "MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n\
    From: evil\r\n\r\nsmuggled\r\n.\r\n";

/// How a flight is written. Cut around the sequence, it arrives in several reads.
const WRITES: [fn(usize) -> usize; 2] = [|length| length, |_| 1];

#[test]
fn no_sequence_smuggles_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &settings());
    let mut expected = Vec::new();
    for mode in MODES {
        // One session for all: what one attempt leaves behind shows in the next.
        let mut client = Client::greeted(address(&server, mode));
        for sequence in SEQUENCES {
            for text in TEXTS {
                for write in WRITES {
                    let body = format!("{text}{sequence}{SECOND}");
                    expected.extend(attempt(&mut client, mode, body.as_bytes(), write));
                }
            }
        }
    }
    let mails = stored_mail::all(&store(folder.path()));
    assert_eq!(mails.len(), expected.len());
    for (id, body) in expected {
        let mail = mails
            .iter()
            .find(|mail| mail.id == id)
            .expect("a promised message");
        assert_eq!(mail.envelope, "<a@example.org> to <b@example.com>");
        assert_eq!(
            mail.body.escape_ascii().to_string(),
            body.escape_ascii().to_string()
        );
    }
}

/// Sends one body; the name and the octets of the message, if it must be accepted.
fn attempt(
    client: &mut Client<std::net::TcpStream>,
    mode: BareNewline,
    body: &[u8],
    write: fn(usize) -> usize,
) -> Option<(String, Vec<u8>)> {
    let model = NaiveBody::of(body, mode).unwrap();
    assert_eq!(
        model.end,
        body.len(),
        "the model knows no end before the true one"
    );
    client.begin("a@example.org", "b@example.com");
    for piece in body.chunks(write(body.len())) {
        client.send(piece);
    }
    let reply = client.reply();
    let shown = body.escape_ascii();
    assert_eq!(
        code(&client.command("VRFY in-step")),
        252,
        "{mode:?} {shown}"
    );
    if mode == BareNewline::Reject && model.bare_newline {
        assert_eq!(code(&reply), 550, "{mode:?} {shown}");
        return None;
    }
    Some((id(&reply).to_owned(), model.octets))
}
