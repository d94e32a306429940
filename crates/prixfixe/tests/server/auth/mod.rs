//! Logins, mechanism by mechanism, over memory.

mod delays;
mod mechanisms;
mod offers;
mod secrecy;
mod verifiers;

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use prixfixe::{
    AuthDemand, AuthFailure, Body, Client, Envelope, ForwardPath, Handler, Identity, Mechanisms,
    MessageVerdict, Refusal, Secret, Server, Settings, Verdict, Verifier,
    auth::{ScramKeys, VerifierFuture},
    testkit::{TestClient, connect},
};

use super::scene::{id, settings, watchdog};

/// Base64, as the client needs it.
pub(crate) fn base64(text: impl AsRef<[u8]>) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

pub(crate) fn unbase64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}

/// Knows one user.
#[derive(Debug)]
struct OneUser;

const USER: &str = "anna";
const PASSWORD: &str = "correct horse battery staple";
const TOKEN: &str = "ya29.dG9rZW4tb2YtYW5uYQ==";

fn keys() -> ScramKeys {
    let rounds = NonZeroU32::new(4096).unwrap();
    ScramKeys::derive(
        &Secret::new(PASSWORD.to_owned()),
        b"salt and pepper",
        rounds,
    )
}

impl Verifier for OneUser {
    fn mechanisms(&self) -> Mechanisms {
        Mechanisms::ALL
    }

    fn check_password<'a>(&'a self, user: &'a str, password: &'a Secret) -> VerifierFuture<'a, ()> {
        let right = user == USER && password.expose() == PASSWORD;
        Box::pin(async move {
            if right {
                Ok(())
            } else {
                Err(AuthFailure::Denied)
            }
        })
    }

    fn scram_keys<'a>(&'a self, user: &'a str) -> VerifierFuture<'a, ScramKeys> {
        let found = if user == USER {
            Ok(keys())
        } else {
            Err(AuthFailure::Denied)
        };
        Box::pin(async move { found })
    }

    fn check_token<'a>(
        &'a self,
        _: Option<&'a str>,
        token: &'a Secret,
    ) -> VerifierFuture<'a, String> {
        let right = token.expose() == TOKEN;
        Box::pin(async move {
            if right {
                Ok(USER.to_owned())
            } else {
                Err(AuthFailure::Denied)
            }
        })
    }
}

/// Keeps out whoever may not come in, and says in the message id who has sent it.
#[derive(Debug, Default)]
struct Doorkeeper {
    refuses: bool,
}

impl Handler for Doorkeeper {
    async fn auth(&self, client: &Client, identity: &Identity) -> Verdict {
        assert_eq!(client.identity, None, "not yet");
        assert_eq!(identity.name, USER);
        if self.refuses {
            Verdict::Refuse(Refusal::new(550, 7, 1, "Not today").unwrap())
        } else {
            Verdict::Accept
        }
    }

    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(
        &self,
        client: &Client,
        envelope: Envelope,
        body: &mut Body<'_>,
    ) -> MessageVerdict {
        let _ = body.read_to_end(usize::MAX).await;
        let user = client
            .identity
            .as_ref()
            .map_or("nobody", |identity| &identity.name);
        MessageVerdict::Accept(id(&format!("{user}-{}", client.protocol(&envelope))))
    }
}

fn login_settings(verifier: impl Verifier) -> Settings {
    let mut settings = settings();
    settings.session.auth.demand = AuthDemand::Optional;
    settings.session.auth.without_tls = true;
    settings.verifier = Some(Arc::new(verifier));
    settings
}

/// A client that has said EHLO.
async fn client_of(settings: Settings, handler: Doorkeeper) -> TestClient {
    let server = Server::new(settings);
    let mut client = connect(&server, &Arc::new(handler));
    client.greet().await.unwrap();
    client
}

async fn client() -> TestClient {
    client_of(login_settings(OneUser), Doorkeeper::default()).await
}

/// Sends lines, and tells the code and the text of each reply.
async fn converse(client: &mut TestClient, lines: &[&str]) -> Vec<String> {
    let mut replies = Vec::new();
    for line in lines {
        let reply = client.command(line).await.unwrap();
        replies.push(format!("{} {}", reply.code, reply.lines.join("/")));
    }
    replies
}

const SUCCEEDED: &str = "235 2.7.0 Authentication succeeded";
const FAILED: &str = "535 5.7.8 Authentication failed";
const UNDECIDED: &str = "454 4.7.0 Temporary authentication failure";

fn plain(user: &str, password: &str) -> String {
    format!("AUTH PLAIN {}", base64(format!("\0{user}\0{password}")))
}

/// Who the server believes the client to be.
async fn who_am_i(client: &mut TestClient) -> String {
    let reply = client
        .send("a@example.org", "b@example.com", "x\r\n")
        .await
        .unwrap();
    reply.lines[0].rsplit_once('=').unwrap().1.to_owned()
}
