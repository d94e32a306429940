//! Each mechanism, with a login that succeeds and others that do not.

use aws_lc_rs::{digest, hmac, pbkdf2};

use super::*;

#[tokio::test(start_paused = true)]
async fn plain_logins() {
    watchdog(async {
        let mut client = client().await;
        assert_eq!(who_am_i(&mut client).await, "nobody-ESMTP");
        let replies = converse(
            &mut client,
            &[
                &plain(USER, "wrong"),
                &plain("nobody", PASSWORD),
                &plain(USER, PASSWORD),
            ],
        )
        .await;
        assert_eq!(replies, [FAILED, FAILED, SUCCEEDED]);
        assert_eq!(who_am_i(&mut client).await, "anna-ESMTPA");
        // RSET and EHLO do not log out.
        assert_eq!(client.command("EHLO again").await.unwrap().code, 250);
        assert_eq!(who_am_i(&mut client).await, "anna-ESMTPA");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn login_logins() {
    watchdog(async {
        let mut client = client().await;
        let (user, password) = (base64(USER), base64(PASSWORD));
        let (initial, wrong) = (format!("AUTH LOGIN {user}"), base64("wrong"));
        let replies = converse(
            &mut client,
            &["AUTH LOGIN", &user, &wrong, &initial, &password],
        )
        .await;
        let (name, pass) = ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6");
        assert_eq!(replies, [name, pass, FAILED, pass, SUCCEEDED]);
        assert_eq!(who_am_i(&mut client).await, "anna-ESMTPA");
    })
    .await;
}

/// A client of SCRAM-SHA-256; the reply to its proof, and whether the server has proven itself.
pub(super) async fn scram(client: &mut TestClient, user: &str, password: &str) -> (String, bool) {
    let bare = format!("n={user},r=fyko+d2lbbFgONRv9qkxdawL");
    let first = format!("AUTH SCRAM-SHA-256 {}", base64(format!("n,,{bare}")));
    let reply = client.command(&first).await.unwrap();
    assert_eq!(reply.code, 334);
    let challenge = String::from_utf8(unbase64(&reply.lines[0])).unwrap();
    let parts: Vec<_> = challenge.split(',').collect();
    let salt = unbase64(parts[1].strip_prefix("s=").unwrap());
    let rounds = parts[2].strip_prefix("i=").unwrap().parse().unwrap();
    let mut salted = [0; 32];
    let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
    pbkdf2::derive(algorithm, rounds, &salt, password.as_bytes(), &mut salted);
    let sign =
        |key: &[u8], message: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    let client_key = sign(&salted, b"Client Key");
    let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
    let without_proof = format!("c=biws,{}", parts[0]);
    let message = format!("{bare},{challenge},{without_proof}");
    let signature = sign(stored_key.as_ref(), message.as_bytes());
    let pairs = client_key.as_ref().iter().zip(signature.as_ref());
    let proof: Vec<u8> = pairs.map(|(key, signature)| key ^ signature).collect();
    let last = base64(format!("{without_proof},p={}", base64(proof)));
    let reply = client.command(&last).await.unwrap();
    assert_eq!(reply.code, 334);
    let server_key = sign(&salted, b"Server Key");
    let expected = format!(
        "v={}",
        base64(sign(server_key.as_ref(), message.as_bytes()))
    );
    let said = String::from_utf8(unbase64(&reply.lines[0])).unwrap();
    let reply = client.command("").await.unwrap();
    assert_eq!(said == expected, reply.code == 235, "{said}");
    assert!(said == expected || said == "e=invalid-proof", "{said}");
    (
        format!("{} {}", reply.code, reply.lines[0]),
        said == expected,
    )
}

#[tokio::test(start_paused = true)]
async fn scram_logins() {
    watchdog(async {
        let mut client = client().await;
        let failed = (FAILED.to_owned(), false);
        assert_eq!(scram(&mut client, USER, "wrong").await, failed);
        assert_eq!(scram(&mut client, "nobody", PASSWORD).await, failed);
        let succeeded = (SUCCEEDED.to_owned(), true);
        assert_eq!(scram(&mut client, USER, PASSWORD).await, succeeded);
        assert_eq!(who_am_i(&mut client).await, "anna-ESMTPA");
    })
    .await;
}

/// The last word of the server is answered with an empty response, and with nothing else.
#[tokio::test(start_paused = true)]
async fn scram_that_ends_in_another_way() {
    watchdog(async {
        let mut client = client().await;
        let malformed = ["AUTH SCRAM-SHA-256 bm9uc2Vuc2U=", "AUTH SCRAM-SHA-256", "*"];
        let replies = converse(&mut client, &malformed).await;
        assert_eq!(
            replies,
            [FAILED, "334 ", "501 5.7.0 Authentication cancelled"]
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn oauth_bearer_logins() {
    watchdog(async {
        let mut client = client().await;
        let message = |user: &str, token: &str| {
            let message = format!("n,{user},\x01host=mx\x01port=25\x01auth=Bearer {token}\x01\x01");
            format!("AUTH OAUTHBEARER {}", base64(message))
        };
        let why = format!("334 {}", base64(r#"{"status":"invalid_token"}"#));
        let wrong = message("a=anna", "wrong");
        let replies = converse(&mut client, &[&wrong, "AQ=="]).await;
        assert_eq!(replies, [&why[..], FAILED]);
        let other = message("a=bert", TOKEN);
        assert_eq!(
            converse(&mut client, &[&other, "AQ=="]).await,
            [&why[..], FAILED]
        );
        assert_eq!(
            converse(&mut client, &[&message("", TOKEN)]).await,
            [SUCCEEDED]
        );
        assert_eq!(who_am_i(&mut client).await, "anna-ESMTPA");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn xoauth2_logins() {
    watchdog(async {
        let mut client = client().await;
        let message = |token: &str| base64(format!("user=anna\x01auth=Bearer {token}\x01\x01"));
        let why = format!("334 {}", base64(r#"{"status":"401","schemes":"bearer"}"#));
        let wrong = format!("AUTH XOAUTH2 {}", message("wrong"));
        assert_eq!(
            converse(&mut client, &[&wrong, ""]).await,
            [&why[..], FAILED]
        );
        let right = message(TOKEN);
        let replies = converse(&mut client, &["AUTH XOAUTH2", &right]).await;
        assert_eq!(replies, ["334 ", SUCCEEDED]);
        assert_eq!(who_am_i(&mut client).await, "anna-ESMTPA");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_handler_may_refuse_a_user() {
    watchdog(async {
        let mut client = client_of(login_settings(OneUser), Doorkeeper { refuses: true }).await;
        let replies = converse(&mut client, &[&plain(USER, PASSWORD)]).await;
        assert_eq!(replies, ["550 5.7.1 Not today"]);
        assert_eq!(who_am_i(&mut client).await, "nobody-ESMTP");
        assert_eq!(scram(&mut client, USER, "wrong").await.0, FAILED);
    })
    .await;
}
