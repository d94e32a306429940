//! The parser of commands: no line breaks it, and what it made of an address is an address that
//! it understands the same way and that cannot break a header. The first octet is a switch.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prixfixe_proto::{
    HeloName, Mailbox, Xclient,
    fuzzing::{Command, parse},
};

fuzz_target!(|data: &[u8]| {
    let Some((switch, line)) = data.split_first() else {
        return;
    };
    let brackets_optional = switch & 1 != 0;
    let Ok(command) = parse(line, brackets_optional) else {
        return;
    };
    match &command {
        Command::Helo(name) | Command::Ehlo(name) => {
            check_text(name.as_str());
            assert_eq!(name.as_str().parse::<HeloName>().as_ref(), Ok(name));
        }
        Command::Mail(path, parameters) => {
            if let Some(id) = &parameters.envelope_id {
                check_text(id.as_str());
            }
            check_again(
                &format!("MAIL FROM:{path}"),
                &command,
                |again| matches!(again, Command::Mail(again, _) if again == path),
            );
            path.mailbox().into_iter().for_each(check_mailbox);
        }
        Command::Rcpt(path, parameters) => {
            check_again(
                &format!("RCPT TO:{path}"),
                &command,
                |again| matches!(again, Command::Rcpt(again, _) if again == path),
            );
            if let Some(original) = &parameters.original_recipient {
                check_text(original.address());
            }
            path.mailbox().into_iter().for_each(check_mailbox);
        }
        Command::Xclient(Ok(told)) => check_xclient(told),
        _ => {}
    }
    // Case, trailing space and a switch that only adds must make no difference.
    let spaced = [line, b" "].concat();
    assert_eq!(parse(&spaced, brackets_optional).as_ref(), Ok(&command));
    assert_eq!(parse(line, true), Ok(command));
});

fn check_again(line: &str, command: &Command, same: impl Fn(&Command) -> bool) {
    let again = parse(line.as_bytes(), false);
    assert!(again.as_ref().is_ok_and(same), "{command:?}: {line}");
}

fn check_xclient(told: &Xclient) {
    for name in [&told.name, &told.helo].into_iter().flatten() {
        if let Some(name) = name.known() {
            check_text(name.as_str());
            assert_eq!(name.as_str().parse::<HeloName>().as_ref(), Ok(name));
        }
    }
    if let Some(login) = told.login.as_ref().and_then(|login| login.known()) {
        check_text(login.as_str());
    }
}

fn check_mailbox(mailbox: &Mailbox) {
    check_text(mailbox.as_str());
    assert!(mailbox.as_str().len() <= 254);
    assert_eq!(mailbox.as_str().parse::<Mailbox>().as_ref(), Ok(mailbox));
    let whole = format!("{}@{}", mailbox.local_part(), mailbox.domain());
    assert_eq!(whole, mailbox.as_str());
    let ascii = mailbox.as_str().is_ascii();
    assert_eq!(mailbox.is_internationalized(), !ascii);
}

fn check_text(text: &str) {
    assert!(
        !text.is_empty() && !text.contains(char::is_control),
        "{text:?}"
    );
}
