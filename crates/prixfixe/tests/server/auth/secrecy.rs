//! No credential ever shows in a log.

use std::{io, sync::Mutex};

use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// Everything that is logged.
#[derive(Debug, Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn nothing_that_was_secret_is_logged() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(captured.clone())
        .finish();
    // While there is only one subscriber, what another test is the first to log stays unlogged here.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let secrets = [
        "wrong-password-of-anna",
        "wrong-token-of-anna",
        PASSWORD,
        TOKEN,
    ];
    let mut sent = Vec::new();
    tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            for password in [secrets[0], PASSWORD] {
                sent.push(plain(USER, password)[11..].to_owned());
                let mut client = client().await;
                converse(&mut client, &[&plain(USER, password), "QUIT"]).await;

                let mut client = client_of(login_settings(OneUser), Doorkeeper::default()).await;
                let lines = [base64(USER), base64(password)];
                sent.push(lines[1].clone());
                converse(&mut client, &["AUTH LOGIN", &lines[0], &lines[1], "QUIT"]).await;
            }
            for token in [secrets[1], TOKEN] {
                let bearer = base64(format!("n,a=anna,\x01auth=Bearer {token}\x01\x01"));
                let google = base64(format!("user=anna\x01auth=Bearer {token}\x01\x01"));
                for line in [format!("OAUTHBEARER {bearer}"), format!("XOAUTH2 {google}")] {
                    let mut client = client().await;
                    converse(&mut client, &[&format!("AUTH {line}"), "QUIT"]).await;
                    sent.push(line.split_once(' ').unwrap().1.to_owned());
                }
            }
            let mut client = client().await;
            for password in [secrets[0], PASSWORD] {
                mechanisms::scram(&mut client, USER, password).await;
            }
        });
    });
    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("login failed") && log.contains("logged in"),
        "{log}"
    );
    assert!(log.contains("session ended"), "{log}");
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} in {log}");
        assert!(!log.contains(&base64(secret)), "{secret} in {log}");
    }
    assert!(sent.len() >= 8);
    for response in sent {
        assert!(!log.contains(&response), "{response} in {log}");
    }
}
