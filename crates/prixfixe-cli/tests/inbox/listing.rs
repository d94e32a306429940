//! `inbox list` and `inbox search`.

use crate::program::{Fixture, text};

#[test]
fn the_newest_message_comes_first() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.print(&["list"]), b"");
    let ids: Vec<String> = (0..60)
        .map(|number| {
            let body = format!("Subject: number {number}\r\n\r\n");
            fixture.deliver("ann@example.com", "bob@example.com", body.as_bytes())
        })
        .collect();
    let newest_first: Vec<String> = ids.iter().rev().cloned().collect();
    // Beside the server, and after it.
    for _ in 0..2 {
        assert_eq!(fixture.ids(&["list", "--limit", "0"]), newest_first);
        assert_eq!(fixture.ids(&["list", "--limit", "2"]), newest_first[..2]);
        assert_eq!(
            fixture.ids(&["list", "--limit", "2", "--oldest-first"]),
            ids[..2]
        );
        let cut = fixture.inbox(&["list"]);
        assert_eq!(
            text(&cut.stdout).lines().count(),
            51,
            "a heading and 50 messages"
        );
        assert!(text(&cut.stderr).contains("--limit 0"));
        if fixture.server.is_running() {
            fixture.stop();
        }
    }
}

#[test]
fn a_row_tells_what_is_known() {
    let fixture = Fixture::new();
    let id = fixture.deliver(
        "",
        "bob@example.com",
        b"Subject: =?utf-8?q?Caf=C3=A9?= =?iso-8859-1?q?_=E0_la_carte?=\r\n\r\nhello\r\n",
    );
    let table = text(&fixture.print(&["list"]));
    let [heading, row] = table.lines().collect::<Vec<_>>()[..] else {
        panic!("{table}")
    };
    for (title, cell) in [
        ("ID", &*id),
        ("SIZE", "72 B"),
        ("FROM", "<>"),
        ("TO", "bob@"),
        ("SUBJECT", "Café à la"),
    ] {
        let column = heading.find(title).unwrap();
        match title {
            "SIZE" => assert!(row[..column + 4].ends_with(cell), "{table}"),
            _ => assert!(row[column..].starts_with(cell), "{table}"),
        }
    }

    let object = &fixture.objects(&["list", "--json"])[0];
    assert_eq!(object["id"], id.as_str());
    assert_eq!(object["sender"], "");
    assert_eq!(object["recipients"][0], "bob@example.com");
    assert_eq!(object["subject"], "Café à la carte");
    assert_eq!(object["size"], 72);
    assert_eq!(object["state"], "stored");
    assert_eq!(object["helo"], "client.example");
    assert!(object["received_at"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn no_control_character_of_a_message_is_printed() {
    let fixture = Fixture::new();
    let id = fixture.deliver(
        "ann@example.com",
        "bob@example.com",
        b"Subject: a\x1b]0;title\x07\t\xc2\x9b31m =?utf-8?q?=1B[2J=0A=E2=80=AE?=\r\n\r\n\x1b[2J\r\n",
    );
    for arguments in [
        &["list"][..],
        &["list", "--json"],
        &["search", "--id", &id, "--json"],
    ] {
        let printed = text(&fixture.print(arguments));
        let active = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!printed.contains(active), "{printed:?}");
    }
    let subject = &fixture.objects(&["list", "--json"])[0]["subject"];
    assert!(
        subject.as_str().unwrap().contains("a\u{1b}]0;title\u{7}"),
        "{subject:?}"
    );
}

#[test]
fn each_criterion_finds_its_messages() {
    let fixture = Fixture::new();
    let deliver = |from, to, body: &[u8]| fixture.deliver(from, to, body);
    let first = deliver(
        "ann@example.com",
        "bob@example.com",
        b"Subject: Invoice 4711\r\n\r\nthe needle is here\r\n",
    );
    let second = deliver(
        "billing@shop.example",
        "carol@lists.example.com",
        b"Subject: =?utf-8?q?=C3=9Cbersicht_der_Konten?=\r\n\r\nhay\r\n",
    );
    let both = [second.clone(), first.clone()];
    let check = |criteria: &[&str], expected: &[String]| {
        let found = fixture.ids(&[&["search"], criteria].concat());
        assert_eq!(found, expected, "{criteria:?}");
    };
    let (first, second) = ([first], [second]);
    check(&["--sender", "ANN@"], &first);
    check(&["--recipient", "lists."], &second);
    check(&["--subject", "invoice"], &first);
    check(&["--subject", "übersicht DER"], &second);
    check(&["--subject", "=C3=9Cbersicht"], &second);
    check(&["--text", "NEEDLE is"], &first);
    check(&["--text", "Subject:"], &both);
    check(&["--id", &second[0]], &second);
    check(&["--id", &second[0], "--sender", "ann"], &[]);
    check(&["--state", "stored"], &both);
    check(&["--state", "dead"], &[]);
    check(&["--since", "1h"], &both);
    check(&["--until", "1h"], &[]);
    check(&["--since", "2020-01-31", "--until", "2999-12-31"], &both);
    check(&["--until", "2020-01-31T08:00:00Z"], &[]);
    check(&["--sender", "example", "--limit", "1"], &both[..1]);

    // A whole day is meant, also by the date at which it ends.
    let newest = fixture.objects(&["list", "--json"]).remove(0);
    let today = &newest["received_at"].as_str().unwrap()[..10];
    check(&["--until", today], &both);
    check(&["--since", today, "--id", &both[0]], &both[..1]);
    let none = fixture.inbox(&["search", "--sender", "nobody"]);
    assert_eq!(none.status.code(), Some(0));
    assert_eq!(text(&none.stderr), "no messages\n");
}
