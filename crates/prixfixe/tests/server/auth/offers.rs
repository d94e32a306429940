//! What is offered, and where.

use prixfixe::{ListenError, ListenerSettings, Mechanism};

use super::*;

/// Serves PLAIN alone.
#[derive(Debug)]
struct PlainOnly;

impl Verifier for PlainOnly {
    fn mechanisms(&self) -> Mechanisms {
        Mechanisms::of(&[Mechanism::Plain])
    }
}

async fn offered(settings: Settings) -> Option<String> {
    let server = Server::new(settings);
    let mut client = connect(&server, &Arc::new(Doorkeeper::default()));
    let lines = client.greet().await.unwrap().lines;
    lines.into_iter().find(|line| line.starts_with("AUTH"))
}

#[tokio::test]
async fn what_the_policy_and_the_verifier_have_in_common() {
    let all = "AUTH SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN";
    assert_eq!(offered(login_settings(OneUser)).await.as_deref(), Some(all));
    let plain = offered(login_settings(PlainOnly)).await;
    assert_eq!(plain.as_deref(), Some("AUTH PLAIN"));
    let mut settings = login_settings(PlainOnly);
    settings.session.auth.mechanisms = Mechanisms::of(&[Mechanism::Login]);
    assert_eq!(offered(settings).await, None);
    let mut settings = login_settings(OneUser);
    settings.session.auth.without_tls = false;
    assert_eq!(offered(settings).await, None, "passwords in plain text");
    assert_eq!(offered(super::settings()).await, None);
}

#[tokio::test]
async fn a_listener_with_logins_needs_a_verifier() {
    let mut with_logins = ListenerSettings::default();
    with_logins.auth.demand = AuthDemand::Required;
    with_logins.auth.without_tls = true;
    let listen = |settings, listener| Server::new(settings).listen_tcp("127.0.0.1:0", listener);
    let refused = listen(settings(), with_logins.clone());
    assert!(
        matches!(refused, Err(ListenError::NoVerifier)),
        "{refused:?}"
    );
    assert!(listen(login_settings(PlainOnly), with_logins.clone()).is_ok());
    with_logins.auth.mechanisms = Mechanisms::of(&[Mechanism::Login]);
    let refused = listen(login_settings(PlainOnly), with_logins);
    assert!(
        matches!(refused, Err(ListenError::NoVerifier)),
        "{refused:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_required() {
    let mut settings = login_settings(OneUser);
    settings.session.auth.demand = AuthDemand::Required;
    let mut client = client_of(settings, Doorkeeper::default()).await;
    let refused = client
        .send("a@example.org", "b@example.com", "x\r\n")
        .await
        .unwrap();
    assert_eq!(refused.code, 530);
    assert_eq!(
        converse(&mut client, &[&plain(USER, PASSWORD)]).await,
        [SUCCEEDED]
    );
    assert_eq!(who_am_i(&mut client).await, "anna-ESMTPA");
}
