//! `inbox delete`.

use crate::program::{Fixture, assert_fails, text};

#[test]
fn named_messages_go_and_others_stay() {
    let fixture = Fixture::new();
    let ids: Vec<_> = (0..4)
        .map(|_| fixture.deliver("a@example.com", "b@example.com", b"x\r\n"))
        .collect();
    assert_eq!(fixture.print(&["delete", &ids[1]]), b"1 message deleted\n");
    assert_fails(&fixture.inbox(&["show", &ids[1]]), 1, "no message");

    let output = fixture.inbox(&["delete", &ids[1], &ids[0], &ids[0]]);
    assert_eq!(output.status.code(), Some(1), "one was not there");
    assert_eq!(text(&output.stdout), "1 message deleted\n");
    assert!(text(&output.stderr).contains(&format!("there is no message {}", ids[1])));
    assert_eq!(fixture.ids(&["list", "--oldest-first"]), ids[2..]);

    // The server goes on beside it, and a name is not given twice.
    let next = fixture.deliver("a@example.com", "b@example.com", b"y\r\n");
    assert!(next > ids[3]);
}

#[test]
fn criteria_need_a_yes() {
    let mut fixture = Fixture::new();
    let ids: Vec<_> = ["ann", "bob", "ann"]
        .iter()
        .map(|name| fixture.deliver(&format!("{name}@example.com"), "b@example.com", b"x\r\n"))
        .collect();
    let filtered = ["delete", "--sender", "ann@"];
    assert_fails(
        &fixture.inbox(&filtered),
        2,
        "2 messages match, nothing was deleted; add --yes",
    );
    assert_eq!(fixture.ids(&["list", "--oldest-first"]), ids);
    fixture.stop();
    assert_eq!(
        fixture.print(&[&filtered[..], &["--yes"]].concat()),
        b"2 messages deleted\n"
    );
    assert_eq!(fixture.ids(&["list"]), ids[1..2]);
    assert_fails(&fixture.inbox(&["delete", "--all"]), 2, "1 message match");
    assert_eq!(
        fixture.print(&["delete", "--all", "--yes"]),
        b"1 message deleted\n"
    );
    assert_eq!(fixture.ids(&["list"]), [""; 0]);
    assert_eq!(
        fixture.print(&["delete", "--all", "--yes"]),
        b"0 messages deleted\n"
    );
}

#[test]
fn wrong_usage_deletes_nothing() {
    let fixture = Fixture::new();
    let id = fixture.deliver("a@example.com", "b@example.com", b"x\r\n");
    for (arguments, reason) in [
        (&["delete"][..], "by ID, by criteria or by --all"),
        (&["delete", "--yes"], "by ID, by criteria or by --all"),
        (&["delete", &id, "--sender", "a"], "cannot be used with"),
        (&["delete", &id, "--all"], "cannot be used with"),
        (
            &["delete", "--all", "--sender", "a", "--yes"],
            "cannot be used with",
        ),
        (&["delete", &id, "no-id"], "not a message id"),
        (&["delete", "--since", "yesterday", "--yes"], "not a time"),
    ] {
        assert_fails(&fixture.inbox(arguments), 2, reason);
    }
    assert_eq!(fixture.ids(&["list"]), [id]);
}
