//! Stores and settings that cannot be used, and the ways to name a store.

use std::fs;

use crate::{
    program::{Fixture, assert_fails, command, inbox, run, text},
    server_process,
};

#[test]
fn a_store_that_cannot_be_read_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let list = |store: &str| inbox(&folder.path().join(store), &["list"]);
    assert_fails(
        &list("none"),
        1,
        "there is no mail store here; name its folder by --store",
    );
    assert!(
        !folder.path().join("none").exists(),
        "looking makes nothing"
    );

    fs::create_dir(folder.path().join("foreign")).unwrap();
    fs::write(
        folder.path().join("foreign/mail.sqlite3"),
        "something else entirely",
    )
    .unwrap();
    assert_fails(&list("foreign"), 1, "not an SQLite database");

    let mut fixture = Fixture::new();
    fixture.deliver("a@example.com", "b@example.com", b"x\r\n");
    fixture.stop();
    let store = server_process::store(fixture.folder.path());
    // The version stands in the header of every SQLite file, at byte 60.
    let database = store.join("mail.sqlite3");
    let mut bytes = fs::read(&database).unwrap();
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&database, bytes).unwrap();
    for arguments in [
        &["list"][..],
        &["show", "00000000001"],
        &["delete", "--all", "--yes"],
    ] {
        assert_fails(&inbox(&store, arguments), 1, "schema version 99");
    }
}

#[test]
fn the_store_is_named_by_settings_or_flag() {
    let fixture = Fixture::new();
    let id = fixture.deliver("a@example.com", "b@example.com", b"x\r\n");
    let file = fixture.folder.path().join("other.toml");
    let file = file.to_str().unwrap();
    fs::write(file, "[store]\npath = \"store\"\n").unwrap();
    let store = server_process::store(fixture.folder.path());
    let store = store.to_str().unwrap();
    for arguments in [
        &["--config", file, "inbox", "show", &*id][..],
        &["inbox", "--config", file, "show", &id],
        &["inbox", "show", &id, "--config", file],
        &["inbox", "--store", store, "show", &id],
        &["inbox", "show", "--store", store, &id],
    ] {
        let output = run(arguments);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(text(&output.stdout).ends_with("x\r\n"));
    }
    let shown = command(&["inbox", "list"])
        .env("PRIXFIXE_STORE__PATH", store)
        .output()
        .unwrap();
    assert!(text(&shown.stdout).contains(&id));

    fs::write(file, "domian = \"x\"\n[store]\npaht = \"store\"\n").unwrap();
    let broken = run(&["inbox", "list", "--config", file]);
    assert_fails(&broken, 2, "did you mean domain?");
    assert_fails(&broken, 2, "did you mean store.path?");
    let rescue = run(&["inbox", "list", "--config", file, "--store", store]);
    assert_eq!(
        rescue.status.code(),
        Some(0),
        "mail is readable beside broken settings"
    );
}
