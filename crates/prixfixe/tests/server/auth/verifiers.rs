//! Verifiers that are slow, busy or broken.

use super::*;

/// Does this, whatever it is asked.
#[derive(Debug, Clone, Copy)]
enum Odd {
    Busy,
    Unavailable,
    Stalls,
    Panics,
}

impl Odd {
    fn act<'a, T: Send + 'a>(self) -> VerifierFuture<'a, T> {
        Box::pin(async move {
            match self {
                Self::Busy => Err(AuthFailure::Busy),
                Self::Unavailable => Err(AuthFailure::Unavailable),
                Self::Stalls => std::future::pending().await,
                Self::Panics => std::panic::panic_any("on purpose"),
            }
        })
    }
}

impl Verifier for Odd {
    fn mechanisms(&self) -> Mechanisms {
        Mechanisms::ALL
    }

    fn check_password<'a>(&'a self, _: &'a str, _: &'a Secret) -> VerifierFuture<'a, ()> {
        self.act()
    }

    fn scram_keys<'a>(&'a self, _: &'a str) -> VerifierFuture<'a, ScramKeys> {
        self.act()
    }

    fn check_token<'a>(&'a self, _: Option<&'a str>, _: &'a Secret) -> VerifierFuture<'a, String> {
        self.act()
    }
}

#[tokio::test(start_paused = true)]
async fn cannot_decide_and_the_session_goes_on() {
    let scram = format!("AUTH SCRAM-SHA-256 {}", base64("n,,n=anna,r=abc"));
    let xoauth2 = base64(format!("user=anna\x01auth=Bearer {TOKEN}\x01\x01"));
    let xoauth2 = format!("AUTH XOAUTH2 {xoauth2}");
    let lines = [&plain(USER, PASSWORD)[..], &scram, &xoauth2];
    for odd in [Odd::Busy, Odd::Unavailable, Odd::Stalls, Odd::Panics] {
        let mut client = client_of(login_settings(odd), Doorkeeper::default()).await;
        let start = tokio::time::Instant::now();
        assert_eq!(
            converse(&mut client, &lines).await,
            [UNDECIDED; 3],
            "{odd:?}"
        );
        let waited = match odd {
            Odd::Stalls => 3 * Duration::from_secs(60),
            _ => Duration::ZERO,
        };
        assert_eq!(start.elapsed(), waited, "{odd:?}");
        assert_eq!(who_am_i(&mut client).await, "nobody-ESMTP");
    }
}

/// The defaults of the trait know nobody.
#[derive(Debug)]
struct Defaults;

impl Verifier for Defaults {
    fn mechanisms(&self) -> Mechanisms {
        Mechanisms::ALL
    }
}

#[tokio::test(start_paused = true)]
async fn the_defaults_deny() {
    let mut client = client_of(login_settings(Defaults), Doorkeeper::default()).await;
    let xoauth2 = base64(format!("user=anna\x01auth=Bearer {TOKEN}\x01\x01"));
    let xoauth2 = format!("AUTH XOAUTH2 {xoauth2}");
    let replies = converse(&mut client, &[&plain(USER, PASSWORD), &xoauth2, ""]).await;
    assert_eq!([&replies[0], &replies[2]], [FAILED, FAILED]);
    let scram = format!("AUTH SCRAM-SHA-256 {}", base64("n,,n=anna,r=abc"));
    let reply = client.command(&scram).await.unwrap();
    let challenge = String::from_utf8(unbase64(&reply.lines[0])).unwrap();
    assert!(challenge.ends_with(&format!(",i={}", ScramKeys::ITERATIONS_DEFAULT)));
    // The salt is the same when it is asked for again, on any connection of this server.
    client.command("*").await.unwrap();
    let again = client.command(&scram).await.unwrap();
    let again = String::from_utf8(unbase64(&again.lines[0])).unwrap();
    let salt = |text: &str| text.split(',').nth(1).map(ToOwned::to_owned);
    assert_eq!(salt(&challenge), salt(&again));
}
