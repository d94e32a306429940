//! Clients that vanish in the middle of a body, politely and not.

use std::time::Duration;

use socket2::SockRef;

use crate::{
    aftermath::all_is_well,
    server_process::{LISTEN, Server, logs_every_end, store},
    smtp_client::Client,
    stored_mail,
};

#[test]
fn nothing_of_them_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_with(folder.path(), &logs_every_end());
    // The last is large enough to be on its way into the store already.
    let large = b"0123456789012345678901234567890123456789012345678901234567890\r\n".repeat(50_000);
    let halves: [&[u8]; 5] = [b"", b"text", b"text\r\n.\r", b"\r\n.", &large];
    for half in halves {
        for reset in [false, true] {
            let mut client = Client::greeted(server.address());
            client.begin("a@example.org", "b@example.com");
            client.send(half);
            if reset {
                SockRef::from(&client.socket())
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
            }
            drop(client);
            server.await_log("session ended");
        }
    }
    assert!(stored_mail::all(&store(folder.path())).is_empty());
    server.terminate();
    assert!(server.wait().success());

    // Nor does the next start find remains of them: that would be a warning.
    let server = Server::start_with(folder.path(), LISTEN);
    all_is_well(server, folder.path());
}

/// Whoever leaves without having heard the reply may find the message stored; once is enough.
#[test]
fn who_leaves_before_the_reply_has_sent_one_message_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_with(folder.path(), &logs_every_end());
    for _ in 0..20 {
        let mut client = Client::greeted(server.address());
        client.begin("a@example.org", "b@example.com");
        client.send(b"text\r\n.\r\n");
        drop(client);
        server.await_log("session ended");
    }
    let mails = stored_mail::all(&store(folder.path()));
    assert!(mails.len() <= 20, "{} messages", mails.len());
    assert!(mails.iter().all(|mail| mail.body == b"text\r\n"));
}
