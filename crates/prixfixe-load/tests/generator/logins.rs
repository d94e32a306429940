//! AUTH by PLAIN and by LOGIN.

use std::sync::{Arc, Mutex};

use prixfixe_load::failure::FailureKind;
use prixfixe_load::failure::Stage;
use prixfixe_load::plan::{Login, Mechanism};

use crate::scripted_server::{Act, At, Seen, Server, closed, run};

fn login(mechanism: Mechanism) -> Login {
    Login {
        user: "user".to_owned(),
        password: "päss".to_owned(),
        mechanism,
    }
}

#[test]
fn plain_goes_in_one_line() {
    let seen: Seen<String> = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&seen);
    let server = Server::scripted(move |moment| {
        if moment.at == At::Auth {
            let line = String::from_utf8_lossy(moment.octets).into_owned();
            lines.lock().unwrap().push(line);
        }
        Act::Usual
    });
    let mut plan = closed(&server, 4, 1);
    plan.login = Some(login(Mechanism::Plain));
    let measured = run(&plan);
    assert_eq!(measured.accepted, 4, "{:?}", measured.errors);
    assert_eq!(*seen.lock().unwrap(), ["AUTH PLAIN AHVzZXIAcMOkc3M=\r\n"]);
    assert_eq!(measured.stages_ms[&Stage::Auth].count, 1);
    assert!(!measured.settings.to_string().contains("päss"));
}

#[test]
fn login_answers_two_questions() {
    use std::io::{BufRead, BufReader, Write};
    let seen: Seen<String> = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&seen);
    let server = Server::start(move |stream, _| {
        let mut stream = BufReader::new(stream);
        stream.get_mut().write_all(b"220 here\r\n").unwrap();
        for reply in [
            "250-here\r\n250 AUTH=LOGIN\r\n",
            "334 VXNlcm5hbWU6\r\n",
            "334 UGFzc3dvcmQ6\r\n",
            "535 5.7.8 no\r\n",
        ] {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            lines.lock().unwrap().push(line);
            stream.get_mut().write_all(reply.as_bytes()).unwrap();
        }
    });
    let mut plan = closed(&server, 1, 1);
    plan.login = Some(login(Mechanism::Login));
    let measured = run(&plan);
    assert_eq!(measured.errors[0].kind, FailureKind::Permanent(535));
    assert_eq!(measured.errors[0].stage, Stage::Auth);
    let seen = seen.lock().unwrap();
    assert_eq!(
        seen[1..],
        ["AUTH LOGIN\r\n", "dXNlcg==\r\n", "cMOkc3M=\r\n"]
    );
}
