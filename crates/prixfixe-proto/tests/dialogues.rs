//! Replays the dialogue files against the core: flight by flight, whole, cut in two at every
//! octet, and octet by octet; replies and accepted messages are the same each time.

#[path = "dialogue/mod.rs"]
mod dialogue;
mod driver;

use std::{path::Path, sync::Arc, time::Duration};

use dialogue::{Dialogue, Reply, Verdict, replies_match};
use driver::{Driver, Outcome};
use prixfixe_proto::{AuthDemand, BareNewline, Config, Mechanisms, Protocol, Refusal, TlsMode};

#[test]
fn every_dialogue_holds_however_it_is_cut() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let dialogues = Dialogue::read_all(&folder);
    assert!(dialogues.len() >= 80, "dialogue files are missing");
    let mut faults = Vec::new();
    for dialogue in &dialogues {
        if let Err(fault) = check(dialogue) {
            faults.push(format!("--- {}\n{fault}", dialogue.name));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {} dialogues fail\n{}",
        faults.len(),
        dialogues.len(),
        faults.join("\n")
    );
}

fn check(dialogue: &Dialogue) -> Result<(), String> {
    let config = Arc::new(config(&dialogue.settings)?);
    let application = |question: &str| refusal(&dialogue.verdicts, question);

    let mut driver = Driver::new(&config, &application);
    let mut seen = 0;
    for (number, flight) in dialogue.flights.iter().enumerate() {
        driver.send(&flight.sent);
        check_replies(&flight.replies, &driver.outcome.replies[seen..])
            .map_err(|fault| format!("in flight {number}:\n{fault}"))?;
        seen = driver.outcome.replies.len();
    }
    let lockstep = &driver.outcome;
    check_outcome(dialogue, lockstep)?;

    let sent = dialogue.sent();
    let agrees = |how: &str, outcome: &Outcome| {
        if outcome == lockstep {
            return Ok(());
        }
        let expected = dialogue.replies();
        check_replies(&expected, &outcome.replies).map_err(|fault| format!("{how}:\n{fault}"))?;
        Err(format!("{how}: {outcome:?}\nlockstep: {lockstep:?}"))
    };
    agrees("whole", &driver::run(&config, &application, [&sent[..]]))?;
    let octets = driver::run(&config, &application, sent.chunks(1));
    agrees("octet by octet", &octets)?;
    for at in cuts(&sent) {
        let (first, second) = sent.split_at(at);
        let outcome = driver::run(&config, &application, [first, second]);
        agrees(&format!("cut at {at}"), &outcome)?;
    }
    Ok(())
}

/// Every place; where that would take minutes, a thousand places and those around the dots that
/// stand near a line end.
fn cuts(sent: &[u8]) -> impl Iterator<Item = usize> {
    let long = std::env::var_os("PRIXFIXE_LONG").is_some();
    let all = if long { 16 << 10 } else { 4 << 10 };
    let stride = if sent.len() > all {
        sent.len() / 1000
    } else {
        1
    };
    (0..=sent.len()).filter(move |at| {
        let near = &sent[at.saturating_sub(4)..sent.len().min(at + 4)];
        at % stride == 0 || near.contains(&b'\n') && near.contains(&b'.')
    })
}

fn check_outcome(dialogue: &Dialogue, outcome: &Outcome) -> Result<(), String> {
    if outcome.closed.is_some() != dialogue.closes {
        return Err(format!("closed: {:?}", outcome.closed));
    }
    let same = outcome.messages.len() == dialogue.messages.len()
        && outcome
            .messages
            .iter()
            .zip(&dialogue.messages)
            .all(|(got, expected)| {
                let envelope = expected.envelope.as_ref();
                got.body == expected.body && envelope.is_none_or(|e| *e == got.envelope)
            });
    if same {
        return Ok(());
    }
    let shown = outcome
        .messages
        .iter()
        .map(|m| format!("E: {}\n= \"{}\"", m.envelope, m.body.escape_ascii()));
    Err(format!(
        "accepted:\n{}",
        shown.collect::<Vec<_>>().join("\n")
    ))
}

fn check_replies(expected: &[Reply], got: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(got);
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    if (text.is_empty() || text.ends_with("\r\n")) && replies_match(expected, &lines) {
        return Ok(());
    }
    let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
    Err(format!(
        "expected\n  {}\ngot\n  {}",
        expected.join("\n  "),
        lines.join("\n  ")
    ))
}

fn config(settings: &[(String, String)]) -> Result<Config, String> {
    let domain = "mx.example.com".parse().map_err(|e| format!("{e}"))?;
    let mut config = Config::new(domain);
    for (name, value) in settings {
        set(&mut config, name, value).ok_or(format!("no setting {name} = {value}"))?;
    }
    Ok(config)
}

fn set(config: &mut Config, name: &str, value: &str) -> Option<()> {
    let seconds = || Some(Some(Duration::from_secs(value.parse().ok()?)));
    let promises = &mut config.promises;
    match name {
        "dsn" => promises.dsn = value.parse().ok()?,
        "require_tls" => promises.require_tls = value.parse().ok()?,
        "mt_priority" => promises.mt_priority = value.parse().ok()?,
        "deliver_by" => promises.deliver_by = seconds()?,
        "future_release" => promises.future_release = seconds()?,
        "protocol" if value == "lmtp" => config.protocol = Protocol::Lmtp,
        "xclient" => config.xclient = value.parse().ok()?,
        _ => return set_limit_or_quirk(config, name, value),
    }
    Some(())
}

fn set_limit_or_quirk(config: &mut Config, name: &str, value: &str) -> Option<()> {
    let (limits, quirks) = (&mut config.limits, &mut config.quirks);
    match name {
        "message_size" => limits.message_size = value.parse().ok()?,
        "recipients" => limits.recipients = value.parse().ok()?,
        "text_line" => limits.text_line = value.parse().ok()?,
        "drain" => limits.drain = value.parse().ok()?,
        "messages" => limits.messages = value.parse().ok()?,
        "errors" => limits.errors = value.parse().ok()?,
        "idle_commands" => limits.idle_commands = value.parse().ok()?,
        "auth_failures" => limits.auth_failures = value.parse().ok()?,
        "tls" => {
            config.tls = match value {
                "starttls" => TlsMode::StartTls,
                "implicit" => TlsMode::Implicit,
                _ => return None,
            }
        }
        "auth" => {
            config.auth.mechanisms = Mechanisms::PASSWORD;
            config.auth.demand = match value {
                "optional" => AuthDemand::Optional,
                "required" => AuthDemand::Required,
                _ => return None,
            }
        }
        "auth_without_tls" => config.auth.without_tls = value.parse().ok()?,
        "received_fields" => limits.received_fields = value.parse().ok()?,
        "missing_brackets" => quirks.missing_brackets = value.parse().ok()?,
        "strict_lengths" => quirks.strict_lengths = value.parse().ok()?,
        "refuse_nul" => quirks.refuse_nul = value.parse().ok()?,
        "bare_newline" => {
            quirks.bare_newline = match value {
                "reject" => BareNewline::Reject,
                "normalise" => BareNewline::Normalise,
                "accept" => BareNewline::Accept,
                _ => return None,
            }
        }
        _ => return None,
    }
    Some(())
}

/// The refusal that the file has for a question: `550 5.1.1 text`.
fn refusal(verdicts: &[Verdict], question: &str) -> Option<Refusal> {
    let verdict = verdicts.iter().find(|v| v.question == question)?;
    let mut words = verdict.reply.splitn(3, ' ');
    let parsed = (|| {
        let code = words.next()?.parse().ok()?;
        let mut enhanced = words.next()?.split('.').skip(1).map(str::parse);
        let (subject, detail) = (enhanced.next()?.ok()?, enhanced.next()?.ok()?);
        Refusal::new(code, subject, detail, words.next()?.to_owned()).ok()
    })();
    Some(parsed.unwrap_or_else(|| panic!("not a reply: {}", verdict.reply)))
}
