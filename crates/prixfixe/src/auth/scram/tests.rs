use std::num::NonZeroU32;

use super::*;
use crate::auth::Secret;

const USER: &str = "user";
const FIRST: &[u8] = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";

fn keys(salt: &str, rounds: u32) -> ScramKeys {
    let salt = base64::decode(salt.as_bytes()).unwrap();
    let password = Secret::new("pencil".to_owned());
    ScramKeys::derive(&password, &salt, NonZeroU32::new(rounds).unwrap())
}

/// RFC 7677 section 3.
#[test]
fn the_example_of_the_rfc() {
    let mut scram = Scram::new(false, None);
    let Turn::FetchKeys { user } = scram.hear(FIRST) else {
        panic!("the message is taken");
    };
    assert_eq!(user, USER);
    let State::Introduced(introduction) = scram.state else {
        panic!("the client has introduced itself");
    };
    let keys = keys("W22ZaJ0SNY7soEsUEjb6gQ==", 4096);
    let challenged = Challenged::new(introduction, keys, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    assert_eq!(
        challenged.server_first,
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let last = challenged.prove(
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    );
    assert_eq!(
        last,
        Ok("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".to_owned())
    );
}

/// A client that follows the RFC: how an exchange ends with what it changes in the final message.
struct Scene {
    plus: bool,
    bindings: Option<Bindings>,
    first: Vec<u8>,
    binding: Vec<u8>,
    password: &'static str,
}

impl Scene {
    fn plain() -> Self {
        Self {
            plus: false,
            bindings: None,
            first: FIRST.to_vec(),
            binding: b"n,,".to_vec(),
            password: "pencil",
        }
    }

    fn bound(name: &str, data: &[u8]) -> Self {
        let header = format!("p={name},,");
        Self {
            plus: true,
            bindings: Some(Bindings {
                exporter: Some(Box::from(&b"exported"[..])),
                end_point: Some(Box::from(&b"hash"[..])),
            }),
            first: [header.as_bytes(), b"n=user,r=abc"].concat(),
            binding: [header.as_bytes(), data].concat(),
            password: "pencil",
        }
    }

    fn run(self, change: impl Fn(String) -> String) -> String {
        let mut scram = Scram::new(self.plus, self.bindings);
        match scram.hear(&self.first) {
            Turn::FetchKeys { user } => assert_eq!(user, USER),
            Turn::Failed(None) => return "failed".to_owned(),
            other => panic!("{other:?}"),
        }
        let Turn::Challenge(challenge) = scram.take_keys(keys("c2FsdA==", 3)) else {
            panic!("the keys were wanted");
        };
        let server_first = String::from_utf8(challenge).unwrap();
        let nonce = server_first.split(',').next().unwrap();
        let without_proof = format!("c={},{nonce}", base64::encode(&self.binding));
        let bare = String::from_utf8(self.first).unwrap();
        let bare = &bare[bare.find("n=").unwrap()..];
        let message = format!("{bare},{server_first},{without_proof}");
        let mut salted = [0; KEY];
        aws_lc_rs::pbkdf2::derive(
            aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA256,
            NonZeroU32::new(3).unwrap(),
            b"salt",
            self.password.as_bytes(),
            &mut salted,
        );
        let client_key = sign(&salted, b"Client Key");
        let signature = sign(&hash(&client_key), message.as_bytes());
        let proof: Vec<u8> = client_key
            .iter()
            .zip(signature)
            .map(|(a, b)| a ^ b)
            .collect();
        let last = change(format!("{without_proof},p={}", base64::encode(&proof)));
        match scram.hear(last.as_bytes()) {
            Turn::Proven { user, last } => {
                assert_eq!(user, USER);
                let server_key = sign(&salted, b"Server Key");
                let signature = base64::encode(&sign(&server_key, message.as_bytes()));
                assert_eq!(last, format!("v={signature}").into_bytes());
                "proven".to_owned()
            }
            Turn::Failed(Some(why)) => String::from_utf8(why).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_proof_that_fits_and_others() {
    assert_eq!(Scene::plain().run(|last| last), "proven");
    let wrong = Scene {
        password: "pen",
        ..Scene::plain()
    };
    assert_eq!(wrong.run(|last| last), "e=invalid-proof");
    let cut = |last: String| format!("{}p=", last.split_once("p=").unwrap().0);
    assert_eq!(Scene::plain().run(cut), "e=invalid-proof");
    let long = |last: String| {
        let (start, proof) = last.split_once("p=").unwrap();
        let longer = [base64::decode(proof.as_bytes()).unwrap(), vec![0]].concat();
        format!("{start}p={}", base64::encode(&longer))
    };
    assert_eq!(Scene::plain().run(long), "e=invalid-proof");
}

#[test]
fn final_messages_that_are_malformed_or_of_another_exchange() {
    for (change, error) in [
        ((|_| String::new()) as fn(String) -> String, "e=other-error"),
        (|last| last.replace(",p=", ",q="), "e=other-error"),
        (|last| last.replace("c=", "d="), "e=other-error"),
        (|last| last.replace(",r=", ",s="), "e=other-error"),
        (|last| last.replace(",r=", ",r=x"), "e=other-error"),
        (
            |last| last.replace("c=biws", "c=eSws"),
            "e=channel-bindings-dont-match",
        ),
        (|last| last.replace("c=biws", "c=!"), "e=invalid-encoding"),
        (|last| last.replace("p=", "p=!"), "e=invalid-encoding"),
        (|last| last.replace(",p=", ",x=y,p="), "e=invalid-proof"),
    ] {
        assert_eq!(Scene::plain().run(change), error);
    }
}

#[test]
fn channel_bindings() {
    let keep = |last| last;
    assert_eq!(
        Scene::bound("tls-exporter", b"exported").run(keep),
        "proven"
    );
    assert_eq!(
        Scene::bound("tls-server-end-point", b"hash").run(keep),
        "proven"
    );
    let mismatch = "e=channel-bindings-dont-match";
    assert_eq!(Scene::bound("tls-exporter", b"other").run(keep), mismatch);
    assert_eq!(Scene::bound("tls-exporter", b"").run(keep), mismatch);
    assert_eq!(Scene::bound("tls-unique", b"x").run(keep), "failed");
    let without = Scene {
        bindings: Some(Bindings::default()),
        ..Scene::bound("tls-exporter", b"exported")
    };
    assert_eq!(without.run(keep), "failed");
}

#[test]
fn the_flag_fits_the_mechanism() {
    let keep = |last| last;
    let flagged = |flag: &str, plus: bool, offered: bool| {
        let scene = Scene {
            plus,
            bindings: offered.then(Bindings::default),
            first: format!("{flag},,n=user,r=abc").into_bytes(),
            binding: format!("{flag},,").into_bytes(),
            ..Scene::plain()
        };
        scene.run(keep)
    };
    assert_eq!(flagged("n", false, true), "proven");
    assert_eq!(flagged("y", false, false), "proven");
    assert_eq!(flagged("y", false, true), "failed", "a downgrade");
    assert_eq!(flagged("n", true, true), "failed");
    assert_eq!(flagged("y", true, true), "failed");
    assert_eq!(flagged("p=tls-exporter", false, true), "failed");
    assert_eq!(flagged("p=tls-exporter", true, false), "failed");
}

#[test]
fn first_messages() {
    let user = |message: &str| match Scram::new(false, None).hear(message.as_bytes()) {
        Turn::FetchKeys { user } => Some(user),
        Turn::Failed(None) => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(user("n,,n=a=2Cb=3Dc,r=x").as_deref(), Some("a,b=c"));
    assert_eq!(user("n,a=tim,n=tim,r=x").as_deref(), Some("tim"));
    assert_eq!(user("n,,n=tim,r=x,y=extension").as_deref(), Some("tim"));
    for message in [
        "",
        "n",
        "n,",
        "n,,",
        "n,,n=tim",
        "n,,n=tim,",
        "n,,n=tim,r=",
        "n,,n=tim,r=a b",
        "n,,n=tim,r=\u{e9}",
        "n,,n=,r=x",
        "n,,n=a=2,r=x",
        "n,,n=a=2c,r=x",
        "n,,n=a=,r=x",
        "n,,n=a\0b,r=x",
        "n,,r=x,n=tim",
        "n,,m=mandatory,n=tim,r=x",
        "n,a=other,n=tim,r=x",
        "n,tim,n=tim,r=x",
        "n,a=,n=tim,r=x",
        "x,,n=tim,r=x",
        "N,,n=tim,r=x",
        "p=,,n=tim,r=x",
    ] {
        assert_eq!(user(message), None, "{message:?}");
    }
    assert!(matches!(
        Scram::new(false, None).hear(b"n,,n=\xff,r=x"),
        Turn::Failed(None)
    ));
}

#[test]
fn nothing_is_heard_twice() {
    let mut scram = Scram::new(false, None);
    assert!(matches!(scram.hear(b"x"), Turn::Failed(None)));
    assert!(matches!(scram.hear(FIRST), Turn::Failed(None)));
    assert!(matches!(
        scram.take_keys(keys("c2FsdA==", 1)),
        Turn::Failed(None)
    ));
    let mut scram = Scram::new(false, None);
    assert!(matches!(scram.hear(FIRST), Turn::FetchKeys { .. }));
    assert!(matches!(scram.hear(FIRST), Turn::Failed(None)));
}

#[test]
fn each_exchange_has_a_nonce_of_its_own() {
    let nonce = || {
        let mut scram = Scram::new(false, None);
        let _ = scram.hear(FIRST);
        match scram.take_keys(keys("c2FsdA==", 1)) {
            Turn::Challenge(challenge) => challenge,
            other => panic!("{other:?}"),
        }
    };
    assert_ne!(nonce(), nonce());
}

#[test]
fn debug_output_holds_no_secret() {
    let bindings = Bindings {
        exporter: Some(Box::from(&b"exported"[..])),
        end_point: None,
    };
    let mut scram = Scram::new(false, Some(bindings));
    let _ = scram.hear(FIRST);
    let text = format!("{scram:?}");
    assert!(!text.contains("user") && !text.contains("rOpr"), "{text}");
}
