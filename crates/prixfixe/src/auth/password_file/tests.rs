use std::{fs, num::NonZeroU32};

use super::*;
use crate::auth::base64;

const PENCIL: &str = "{SCRAM-SHA-256}4096$W22ZaJ0SNY7soEsUEjb6gQ==\
    $WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=$wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
const SECRET_LINE: &str = "*:{SECRET}c2VjcmV0IG9mIHRoaXMgc2VydmVy";

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn file(text: &str) -> (tempfile::TempDir, PasswordFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    fs::write(&path, text).unwrap();
    let opened = PasswordFile::open(path, PasswordFileSettings::default()).unwrap();
    (folder, opened)
}

fn argon2id() -> String {
    PasswordEntry::generate(PasswordScheme::Argon2id, &secret("password"))
        .unwrap()
        .to_string()
}

#[tokio::test]
async fn passwords_of_both_schemes() {
    let text = format!("# users\n\nanna:{PENCIL}\r\nbert:{}\n", argon2id());
    let (_folder, file) = file(&text);
    assert_eq!(file.users(), 2);
    for (user, password, expected) in [
        ("anna", "pencil", Ok(())),
        ("anna", "password", Err(AuthFailure::Denied)),
        ("bert", "password", Ok(())),
        ("bert", "pencil", Err(AuthFailure::Denied)),
        ("nobody", "pencil", Err(AuthFailure::Denied)),
        ("nobody", "password", Err(AuthFailure::Denied)),
        ("*", "password", Err(AuthFailure::Denied)),
    ] {
        let checked = file.check_password(user, &secret(password)).await;
        assert_eq!(checked, expected, "{user} {password}");
    }
}

/// A million rounds of PBKDF2 are two million hashes, which no processor makes in the time that is
/// asked for here; an answer without them takes a thousandth of it.
#[tokio::test]
async fn the_password_of_an_unknown_user_is_checked_all_the_same() {
    let slow = PENCIL.replace("4096", "1000000");
    let (_folder, file) = file(&format!("anna:{slow}\n"));
    for user in ["anna", "nobody"] {
        let start = std::time::Instant::now();
        let checked = file.check_password(user, &secret("password")).await;
        assert_eq!(checked, Err(AuthFailure::Denied));
        assert!(start.elapsed().as_millis() >= 20, "{user} was not checked");
    }
}

#[tokio::test]
async fn nobody_is_there_in_an_empty_file() {
    let (_folder, file) = file("");
    let checked = file.check_password("anna", &secret("pencil")).await;
    assert_eq!(checked, Err(AuthFailure::Denied));
    let rounds = file.scram_keys("anna").await.unwrap().iterations;
    assert_eq!(rounds.get(), ScramKeys::ITERATIONS_DEFAULT);
}

#[tokio::test]
async fn false_keys_look_like_true_ones_and_stay_the_same() {
    let text = format!("{SECRET_LINE}\nanna:{PENCIL}\nbert:{}\n", argon2id());
    let (_one, one) = file(&text);
    let (_two, two) = file(&text);
    assert!(
        one.scram_keys("anna")
            .await
            .unwrap()
            .is_password(&secret("pencil"))
    );
    for user in ["bert", "nobody"] {
        let keys = one.scram_keys(user).await.unwrap();
        assert_eq!(keys.iterations, NonZeroU32::new(4096).unwrap());
        assert_eq!(keys.salt.len(), 16);
        assert!(!keys.is_password(&secret("password")));
        let again = two.scram_keys(user).await.unwrap();
        assert_eq!(keys.salt, again.salt, "after a restart");
    }
    let (_three, three) = file(&format!("anna:{PENCIL}\n"));
    let before = three.scram_keys("nobody").await.unwrap().salt;
    three.reload().unwrap();
    assert_eq!(three.scram_keys("nobody").await.unwrap().salt, before);
}

/// Files from elsewhere have salts of other lengths, which must not tell who exists.
#[tokio::test]
async fn false_salts_are_as_long_as_true_ones() {
    for octets in [8, 12, 32, 64] {
        let salt = base64::encode(&vec![7; octets]);
        let keys = PENCIL.replace("W22ZaJ0SNY7soEsUEjb6gQ==", &salt);
        let (_folder, file) = file(&format!("anna:{keys}\nbert:{}\n", argon2id()));
        for user in ["anna", "bert", "nobody"] {
            let keys = file.scram_keys(user).await.unwrap();
            assert_eq!(keys.salt.len(), octets, "{user}");
        }
    }
}

#[tokio::test]
async fn a_broken_file_changes_nothing() {
    let (folder, file) = file(&format!("anna:{PENCIL}\n"));
    let path = folder.path().join("users");
    fs::write(&path, format!("carl:{PENCIL}\nnonsense\n")).unwrap();
    let error = file.reload().unwrap_err();
    assert_eq!(error.to_string(), "line 2: write USER:{SCHEME}...");
    assert_eq!(file.check_password("anna", &secret("pencil")).await, Ok(()));
    fs::write(&path, format!("carl:{PENCIL}\n")).unwrap();
    file.reload().unwrap();
    assert_eq!(file.check_password("carl", &secret("pencil")).await, Ok(()));
    let gone = file.check_password("anna", &secret("pencil")).await;
    assert_eq!(gone, Err(AuthFailure::Denied));
    fs::remove_file(&path).unwrap();
    assert!(matches!(file.reload(), Err(PasswordFileError::Read { .. })));
    File::create(&path).unwrap().set_len(FILE_MAX + 1).unwrap();
    assert!(matches!(file.reload(), Err(PasswordFileError::TooBig(_))));
}

#[test]
fn lines_that_are_not_understood() {
    let argon2id = argon2id();
    for (line, reason) in [
        ("anna".to_owned(), "USER:"),
        (format!(":{PENCIL}"), "name"),
        (format!(" anna:{}", PENCIL.replace("4096", "1")), "rounds"),
        (format!("an\u{7}na:{PENCIL}"), "name"),
        (format!("a\u{ad}b:{PENCIL}"), "name"),
        ("anna:pencil".to_owned(), "scheme"),
        ("anna:{PLAIN}pencil".to_owned(), "scheme"),
        ("anna:{SCRAM-SHA-256}".to_owned(), "ROUNDS$"),
        (format!("anna:{}", PENCIL.replace("4096", "4095")), "rounds"),
        (
            format!("anna:{}", PENCIL.replace("4096", "5000001")),
            "rounds",
        ),
        (format!("anna:{}", PENCIL.replace("W22Z", "W!2Z")), "salt"),
        (
            format!(
                "anna:{}",
                PENCIL.replace("W22ZaJ0SNY7soEsUEjb6gQ==", "c2FsdA==")
            ),
            "salt",
        ),
        (format!("anna:{}", PENCIL.replace("WG5d", "")), "key"),
        (format!("anna:{PENCIL}$x"), "follows"),
        (format!("anna:{PENCIL}\nanna:{PENCIL}"), "already"),
        ("anna:{ARGON2ID}x".to_owned(), "argon2id"),
        (
            format!("anna:{}", argon2id.replace("$argon2id", "$argon2i")),
            "argon2id",
        ),
        (
            format!("anna:{}", argon2id.replace("v=19", "v=16")),
            "argon2id",
        ),
        (
            format!("anna:{}", argon2id.replace("m=19456", "m=262145")),
            "256 MiB",
        ),
        (
            format!("anna:{}", argon2id.replace("t=2", "t=65")),
            "256 MiB",
        ),
        (
            format!("anna:{}", argon2id.rsplit_once('$').unwrap().0),
            "hash",
        ),
        ("*:{SECRET}c2hvcnQ=".to_owned(), "16 octets"),
        (format!("*:{PENCIL}"), "16 octets"),
    ] {
        let error = PasswordFile::check_text(&line).unwrap_err().to_string();
        assert!(error.contains(reason), "{line}: {error}");
        assert!(
            !error.contains("pencil") && !error.contains("W22Z"),
            "{error}"
        );
    }
}

#[test]
fn entries_are_read_as_they_are_written() {
    for scheme in [PasswordScheme::ScramSha256, PasswordScheme::Argon2id] {
        let entry = PasswordEntry::generate(scheme, &secret("pencil")).unwrap();
        let read: PasswordEntry = entry.to_string().parse().unwrap();
        assert_eq!(read.to_string(), entry.to_string());
        assert!(read.is_password(&secret("pencil")) && !read.is_password(&secret("pen")));
        let debug = format!("{entry:?}");
        assert!(!debug.contains("stored") && !debug.contains('$'), "{debug}");
    }
}

/// Checks wait for their turn, and beyond the bound nobody waits.
#[tokio::test]
async fn too_many_checks_at_a_time() {
    let settings = PasswordFileSettings {
        checks_at_once: 1,
        checks_waiting: 1,
    };
    let checks = Arc::new(Checks::new(settings));
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (started, starts) = tokio::sync::oneshot::channel();
    let first = {
        let checks = Arc::clone(&checks);
        tokio::spawn(async move {
            let check = move || {
                let _ = started.send(());
                wait.recv().is_ok()
            };
            checks.run(check).await
        })
    };
    starts.await.unwrap();
    let mut second = Box::pin(checks.run(|| true));
    assert!(futures_are_pending(&mut second).await);
    assert_eq!(checks.run(|| true).await, Err(AuthFailure::Busy));
    // A check that nobody waits for any more keeps its place: its thread is not free.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(checks.run(|| true).await, Err(AuthFailure::Busy));
    go.send(()).unwrap();
    assert_eq!(second.await, Ok(true));
    assert_eq!(checks.run(|| true).await, Ok(true));
}

async fn futures_are_pending<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
    std::future::poll_fn(|cx| {
        let pending = std::pin::Pin::new(&mut *future).poll(cx).is_pending();
        std::task::Poll::Ready(pending)
    })
    .await
}

#[tokio::test]
async fn a_check_that_panics_is_no_answer() {
    let checks = Checks::new(PasswordFileSettings::default());
    let panicked: Result<(), _> = checks.run(|| panic!("on purpose")).await;
    assert_eq!(panicked, Err(AuthFailure::Unavailable));
}
