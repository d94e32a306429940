//! Real messages over TLS, by DATA and by BDAT, are stored as they were sent, octet by octet.

use crate::{
    real_mail::{Corpus, wire},
    server_process::{Server, store},
    smtp_client::id,
    stored_mail,
    tls_client::{Secure, implicit, start_tls},
};

const NAME: &str = "mx.example.com";

#[test]
fn the_corpus_is_stored_as_it_is_sent_over_starttls() {
    is_stored_as_it_is_sent("starttls", start_tls);
}

#[test]
fn the_corpus_is_stored_as_it_is_sent_over_implicit_tls() {
    is_stored_as_it_is_sent("implicit", implicit);
}

fn is_stored_as_it_is_sent(mode: &str, connect: fn(&str, &str) -> Secure) {
    let Some(corpus) = Corpus::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let settings = format!(
        "listen = []\n[tls]\ncertificate = \"self-signed\"\n\
         [[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"{mode}\"\n"
    );
    let server = Server::start_with(folder.path(), &settings);
    let mut client = connect(server.address(), NAME);
    for (name, file) in corpus.files() {
        let lines = wire(&file);
        let by_data = client.deliver("a@example.org", "b@example.com", &lines);
        let by_bdat =
            client.deliver_in_chunks("a@example.org", "b@example.com", &file, file.len() / 3 + 1);
        for (how, reply, sent) in [("DATA", by_data, &lines), ("BDAT", by_bdat, &file)] {
            let mail = stored_mail::named(&store(folder.path()), id(&reply));
            assert!(mail.body == *sent, "{name} has changed ({how}, {mode})");
        }
    }
    let stored = stored_mail::all(&store(folder.path())).len();
    assert_eq!(stored, 2 * corpus.names.len());
}
