//! The table of docs/extensions.md says what EHLO says, in every state in which that differs.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use prixfixe_proto::{
    AuthDemand, AuthVerdict, Config, DateTime, Mechanisms, Protocol, Session, Stage, Step, TlsMode,
    Verdict,
};

/// What holds when a client says EHLO or LHLO.
#[derive(Debug, Clone, Copy)]
struct Scene {
    lmtp: bool,
    /// The settings offer all there is, and the handler promises all it can.
    generous: bool,
    under_tls: bool,
    logged_in: bool,
}

const SCENES: [Scene; 6] = {
    let plain = Scene {
        lmtp: false,
        generous: false,
        under_tls: false,
        logged_in: false,
    };
    let generous = Scene {
        generous: true,
        ..plain
    };
    let under_tls = Scene {
        under_tls: true,
        ..generous
    };
    [
        plain,
        generous,
        under_tls,
        Scene {
            logged_in: true,
            ..under_tls
        },
        Scene {
            lmtp: true,
            ..generous
        },
        Scene {
            lmtp: true,
            ..under_tls
        },
    ]
};

#[test]
fn the_table_says_what_ehlo_says() {
    let rows = rows();
    assert!(rows.len() >= 17, "rows are missing: {rows:?}");
    for scene in SCENES {
        let expected: BTreeSet<&str> = rows
            .iter()
            .filter(|row| is_announced(&row.announced, scene))
            .map(|row| row.extension.as_str())
            .collect();
        let greeting = greeting(scene);
        let said: BTreeSet<&str> = greeting.iter().map(String::as_str).collect();
        assert_eq!(said, expected, "{scene:?}");
    }
}

#[test]
fn helo_announces_nothing() {
    let mut session = session(SCENES[1]);
    assert_eq!(
        say(&mut session, "HELO client.example\r\n"),
        "250 mx.example.com\r\n"
    );
}

/// What the third column of the table means.
fn is_announced(words: &str, scene: Scene) -> bool {
    match words {
        "always" => true,
        "where a listener offers it, until it is used" => scene.generous && !scene.under_tls,
        "where clients can log in, under TLS unless a listener says otherwise, until they have" => {
            scene.generous && scene.under_tls && !scene.logged_in
        }
        "over SMTP" => !scene.lmtp,
        "to trusted clients" | "if the handler promises it" => scene.generous,
        "if the handler promises it, under TLS" => scene.generous && scene.under_tls,
        _ => panic!("no test knows what this means: {words}"),
    }
}

/// The keywords of the answer to EHLO or LHLO.
fn greeting(scene: Scene) -> Vec<String> {
    let mut session = session(scene);
    let greeting = if scene.lmtp {
        "LHLO client.example\r\n"
    } else {
        "EHLO client.example\r\n"
    };
    if scene.under_tls {
        say(&mut session, "STARTTLS\r\n");
    }
    if scene.logged_in {
        say(&mut session, greeting);
        say(&mut session, "AUTH PLAIN AGEAYg==\r\n");
    }
    let replies = say(&mut session, greeting);
    let mut lines = replies.lines();
    assert_eq!(lines.next(), Some("250-mx.example.com"), "{scene:?}");
    let keyword = |line: &str| line[4..].split(' ').next().map(str::to_owned);
    lines.filter_map(keyword).collect()
}

/// A session whose banner is sent.
fn session(scene: Scene) -> Session {
    let session = Session::new(Arc::new(config(scene)), Instant::now());
    let mut session = session.beginning_at(DateTime::from_unix(1_767_225_600));
    say(&mut session, "");
    session
}

/// Brings a line to a session whose application says yes to everything; returns its replies.
fn say(session: &mut Session, line: &str) -> String {
    let (now, mut rest, mut output) = (Instant::now(), line.as_bytes(), Vec::new());
    loop {
        let progress = session.process(rest, &mut output, now);
        rest = &rest[progress.consumed..];
        let answered = match progress.step {
            Step::Ask(Stage::Auth) => session.answer_auth(AuthVerdict::Success, &mut output, now),
            Step::Ask(_) => session.answer(Verdict::Accept, &mut output, now),
            Step::StartTls => session.secured(now),
            Step::NeedInput => return String::from_utf8_lossy(&output).into_owned(),
            other => panic!("{other:?} at {line:?}"),
        };
        assert_eq!(answered, Ok(()), "{line:?}");
    }
}

fn config(scene: Scene) -> Config {
    let domain = "mx.example.com".parse();
    let mut config = Config::new(domain.unwrap_or_else(|e| panic!("{e}")));
    if scene.lmtp {
        config.protocol = Protocol::Lmtp;
    }
    if scene.generous {
        config.tls = TlsMode::StartTls;
        config.auth.demand = AuthDemand::Optional;
        config.auth.mechanisms = Mechanisms::PASSWORD;
        config.xclient = true;
        config.promises.dsn = true;
        config.promises.require_tls = true;
        config.promises.mt_priority = true;
        config.promises.deliver_by = Some(Duration::from_secs(60));
        config.promises.future_release = Some(Duration::from_secs(60));
    }
    config
}

#[derive(Debug)]
struct Row {
    extension: String,
    announced: String,
}

/// The rows of the table; the page has no other.
fn rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/extensions.md");
    let page = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let row = |line: &str| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (extension, _standard, announced) = (cells.next()?, cells.next()?, cells.next()?);
        Some(Row {
            extension: extension.to_owned(),
            announced: announced.to_owned(),
        })
    };
    page.lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .filter_map(row)
        .collect()
}
