#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;

use super::*;

fn read(text: &[u8], form: FileForm) -> Vec<Vec<u8>> {
    Joined::new(text, form, 1000)
        .map(|message| message.unwrap().1)
        .collect()
}

fn found(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = open(path)
        .unwrap()
        .map(|message| message.unwrap())
        .map(|message| (message.place, message.octets))
        .collect();
    found.sort();
    found
}

#[test]
fn a_mailbox_is_read_without_its_from_lines_its_quotes_and_its_empty_lines() {
    let text = b"From a Sat\nA: b\n\n>From x\n>>From y\n>Fro\n\n\nFrom b\nlast";
    let messages = read(text, FileForm::Mboxrd);
    assert_eq!(
        messages,
        [&b"A: b\n\nFrom x\n>From y\n>Fro\n\n"[..], b"last"]
    );
    let messages = read(text, FileForm::Mboxo);
    assert_eq!(messages[0], b"A: b\n\nFrom x\n>>From y\n>Fro\n\n");
}

#[test]
fn a_mailbox_with_crlf_is_read_the_same_way() {
    let text = b"From a\r\nA: b\r\n\r\n>From x\r\n\r\nFrom b\r\nC: d\r\n\r\n";
    assert_eq!(
        read(text, FileForm::Mboxrd),
        [&b"A: b\r\n\r\nFrom x\r\n"[..], b"C: d\r\n"]
    );
}

#[test]
fn messages_of_a_mailbox_are_named_by_their_line() {
    let text = &b"From a\nb\n\nFrom c\nd\n"[..];
    let lines: Vec<u64> = Joined::new(text, FileForm::Mboxrd, 1000)
        .map(|message| message.unwrap().0)
        .collect();
    assert_eq!(lines, [1, 4]);
}

#[test]
fn an_empty_message_is_one() {
    let messages = read(b"From a\nFrom b\n\nFrom c\nx\n", FileForm::Mboxrd);
    assert_eq!(messages, [&b""[..], b"", b"x\n"]);
}

#[test]
fn a_message_has_as_many_octets_as_it_may_and_no_more() {
    let text = &b"From a\n>From \n\n123\nFrom b\n"[..];
    let largest = |most| -> Vec<bool> {
        Joined::new(text, FileForm::Mboxrd, most)
            .map(|message| message.is_ok())
            .collect()
    };
    assert_eq!(largest(11), [true, true]);
    assert_eq!(largest(10), [false]);
    let line = [b"From a\n", &[b'x'; 100][..]].concat();
    for (most, is_ok) in [(100, true), (99, false), (98, false)] {
        let mut messages = Joined::new(&line[..], FileForm::Mboxrd, most);
        assert_eq!(
            messages.next().is_some_and(|message| message.is_ok()),
            is_ok
        );
        assert!(messages.next().is_none());
    }
}

#[test]
fn a_dump_is_divided_at_its_first_headers() {
    let one = "X-Client-Addr: 127.0.0.1\nX-Client-Proto: SMTP\n\nFrom x\nX-Client-Addr: y\n";
    let text = format!("{one}\n{one}\n");
    let messages = read(text.as_bytes(), FileForm::SinkDump);
    assert_eq!(messages, [one.as_bytes(), one.as_bytes()]);
}

#[test]
fn an_empty_mailbox_has_no_messages_and_another_file_is_none() {
    assert_eq!(read(b"", FileForm::Mboxrd).len(), 0);
    let mut other = Joined::new(&b"Subject: x\n\nFrom a\n"[..], FileForm::Mboxrd, 1000);
    assert!(matches!(other.next(), Some(Err(JoinedError::NoMessage))));
    assert!(other.next().is_none());
}

#[test]
fn forms_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, text, form) in [
        ("empty", "", Form::File(FileForm::Mboxrd)),
        ("mbox", "From a\n", Form::File(FileForm::Mboxrd)),
        ("dump", "X-Client-Addr: 1\n", Form::File(FileForm::SinkDump)),
    ] {
        fs::write(path(name), text).unwrap();
        assert_eq!(detect(&path(name)).unwrap(), form, "{name}");
    }
    assert_eq!(detect(folder.path()).unwrap(), Form::Folder);
    fs::create_dir(path("new")).unwrap();
    fs::create_dir(path("cur")).unwrap();
    assert_eq!(detect(folder.path()).unwrap(), Form::Maildir);
    fs::write(path("other"), "hello").unwrap();
    let unknown = open(&path("other")).unwrap_err().to_string();
    assert!(unknown.contains("other is no Maildir"), "{unknown}");
    let missing = open(&path("missing")).unwrap_err().to_string();
    assert!(missing.contains("missing: No such file"), "{missing}");
}

#[test]
fn a_maildir_has_what_was_delivered_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("new/1", "a"),
        ("cur/2:2,S", "b"),
        ("tmp/3", "half"),
        ("log", "c"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    assert_eq!(
        found(folder.path()),
        [
            ("cur/2:2,S".to_owned(), b"b".to_vec()),
            ("new/1".to_owned(), b"a".to_vec())
        ]
    );
}

#[test]
fn what_is_under_way_in_a_maildir_is_no_message_whatever_folders_are_missing() {
    for folders in [&["new", "tmp"][..], &["cur", "tmp"], &["tmp"], &["new"]] {
        let folder = tempfile::tempdir().unwrap();
        for name in folders {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("1"), name).unwrap();
        }
        assert_eq!(detect(folder.path()).unwrap(), Form::Maildir, "{folders:?}");
        let expected: Vec<_> = folders
            .iter()
            .filter(|name| **name != "tmp")
            .map(|name| (format!("{name}/1"), name.as_bytes().to_vec()))
            .collect();
        assert_eq!(found(folder.path()), expected, "{folders:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["user/new/1", "user/tmp/2", "tmp/3"] {
        let path = folder.path().join("mail").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    let places: Vec<_> = found(folder.path())
        .into_iter()
        .map(|(place, _)| place)
        .collect();
    assert_eq!(places, ["mail/tmp/3", "mail/user/new/1"]);
    let none = open_as(&folder.path().join("mail/user/new"), Form::Maildir);
    assert!(matches!(none, Err(ExportError::Unreadable { .. })));
}

#[test]
fn messages_beside_a_tmp_are_not_taken_for_an_empty_maildir() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tmp")).unwrap();
    fs::write(folder.path().join("tmp/1"), "half").unwrap();
    fs::write(folder.path().join(".lock"), "").unwrap();
    assert_eq!(detect(folder.path()).unwrap(), Form::Maildir);
    fs::write(folder.path().join("1.eml"), "whole").unwrap();
    let refused = open(folder.path()).unwrap_err();
    assert!(matches!(refused, ExportError::HalfAMaildir(_)), "{refused}");
    assert!(refused.to_string().contains("--form folder"), "{refused}");
    let as_form = |form| open_as(folder.path(), form).unwrap().count();
    assert_eq!((as_form(Form::Folder), as_form(Form::Maildir)), (2, 0));
    // With a folder for what is delivered it is one, whatever else lies there.
    fs::create_dir(folder.path().join("new")).unwrap();
    assert_eq!(detect(folder.path()).unwrap(), Form::Maildir);
}

#[test]
fn a_folder_has_all_files_below_it_but_hidden_ones_and_links() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("1.eml", "a"),
        ("b/c/2.eml", "b"),
        (".lock", "x"),
        ("b/.x/3", "x"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
    assert_eq!(
        found(folder.path()),
        [
            ("1.eml".to_owned(), b"a".to_vec()),
            ("b/c/2.eml".to_owned(), b"b".to_vec())
        ]
    );
}

#[test]
fn folders_that_go_on_for_ever_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d/".repeat(folder::MOST_DEPTH));
    fs::create_dir_all(deep).unwrap();
    let messages: Vec<_> = open(folder.path()).unwrap().collect();
    assert!(matches!(messages[..], [Err(ExportError::TooDeep(_))]));
}

/// Lines as they are written into a mailbox, in either way of quoting.
fn quoted(message: &[u8], form: FileForm) -> Vec<u8> {
    let mut text = b"From sender date\n".to_vec();
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        let quotes = line.iter().take_while(|octet| **octet == b'>').count();
        let is_like_from = line[quotes..].starts_with(b"From ");
        if is_like_from && (form == FileForm::Mboxrd || quotes == 0) {
            text.push(b'>');
        }
        text.extend_from_slice(line);
    }
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.push(b'\n');
    text
}

fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("From x"),
        Just(">From x"),
        Just(">>From "),
        Just(">"),
        Just(""),
        Just("From"),
        Just("a"),
        Just("X-Client-Addr: ")
    ];
    proptest::collection::vec(line, 1..12).prop_map(|lines| (lines.join("\n") + "\n").into_bytes())
}

proptest! {
    #[test]
    fn what_was_written_into_a_mailbox_is_read_from_it(
        messages in proptest::collection::vec(lines(), 0..5),
    ) {
        let text: Vec<u8> =
            messages.iter().flat_map(|message| quoted(message, FileForm::Mboxrd)).collect();
        prop_assert_eq!(read(&text, FileForm::Mboxrd), messages);
    }

    #[test]
    fn the_other_quoting_is_undone_but_where_it_is_ambiguous(message in lines()) {
        let ambiguous = message.starts_with(b">From ")
            || memchr::memmem::find(&message, b"\n>From ").is_some();
        prop_assume!(!ambiguous);
        let text = quoted(&message, FileForm::Mboxo);
        prop_assert_eq!(read(&text, FileForm::Mboxo), [message]);
    }

    #[test]
    fn no_file_is_read_without_an_end_or_with_more_than_it_has(
        text in proptest::collection::vec(any::<u8>(), 0..300),
        form in prop_oneof![
            Just(FileForm::Mboxrd), Just(FileForm::Mboxo), Just(FileForm::SinkDump)
        ],
        like_a_message: bool,
    ) {
        let mut file = Vec::new();
        if like_a_message {
            file.extend_from_slice(b"From \n");
        }
        file.extend_from_slice(&text);
        let octets: usize = Joined::new(&file[..], form, 1000)
            .map(|message| message.map_or(0, |(_, octets)| octets.len()))
            .sum();
        prop_assert!(octets <= file.len());
    }
}
