//! What must hold when the bad client has gone.

use std::path::Path;

use crate::{
    server_process::{Server, store},
    smtp_client::{Client, id},
    stored_mail,
};

/// The server takes a message, that one is all it has stored, and it stops in order without ever
/// having warned of anything.
pub(crate) fn all_is_well(server: Server, folder: &Path) {
    all_is_well_but(server, folder, &[]);
}

/// The same, where warnings with these words are due, each of them once.
pub(crate) fn all_is_well_but(mut server: Server, folder: &Path, due: &[&str]) {
    assert!(server.is_running());
    let mut client = Client::greeted(server.address());
    let reply = client.deliver("a@example.org", "b@example.com", b"afterwards\r\n");
    let mail = stored_mail::only(&store(folder));
    assert_eq!(
        (mail.id.as_str(), mail.body.as_slice()),
        (id(&reply), &b"afterwards\r\n"[..])
    );
    server.terminate();
    assert!(server.wait().success());
    let bad = |line: &&String| line.contains("\"WARN\"") || line.contains("\"ERROR\"");
    let bad: Vec<_> = server.log().iter().filter(bad).collect();
    let as_due = bad.len() == due.len() && due.iter().zip(&bad).all(|(due, bad)| bad.contains(due));
    assert!(as_due, "warnings other than {due:?}: {bad:?}");
}
