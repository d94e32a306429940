//! Defaults, file, environment and flags: the later one wins, and each answers for its faults.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "certificates/mod.rs"]
mod certificates;

#[test]
fn the_later_layer_wins() {
    let folder =
        folder_with("domain = \"file.example\"\nmax_connections = 1\nmax_recipients = 7\n");
    let variables = [
        ("SMTP_DOMAIN", "env.example"),
        ("SMTP_MAX_CONNECTIONS", "2"),
    ];
    let flags = ["--domain", "flag.example"];
    let printed = print(&folder, &variables, &flags);
    assert_has(&printed, "domain = \"flag.example\"  # flag --domain");
    assert_has(
        &printed,
        "max_connections = 2  # environment SMTP_MAX_CONNECTIONS",
    );
    assert_has(&printed, "max_recipients = 7  # prixfixe.toml:3");
    assert_has(&printed, "listen_backlog = 1024  # default");
}

#[test]
fn every_variable_has_its_key() {
    let folder = folder_with("");
    let (certificate, key) = certificates::made("mx.example.com").write_as(folder.path(), "mx");
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let variables = [
        ("SMTP_MAX_MESSAGE_SIZE", "26214400"),
        ("SMTP_TLS_CERT", certificate),
        ("SMTP_TLS_KEY", key),
        ("PRIXFIXE_RECIPIENTS", "example.com, ann@example.org"),
        ("PRIXFIXE_LISTEN", "[\"127.0.0.1:26\", \"[::1]:26\"]"),
        ("PRIXFIXE_STRICT_LENGTHS", "true"),
        ("PRIXFIXE_DESTINATION", "discard"),
        ("PRIXFIXE_STORE__MIN_FREE_DISK", "0"),
        ("PRIXFIXE_LIMITS__COMMAND_ERRORS", "off"),
        ("PRIXFIXE_TIMEOUTS__DRAIN", "5s"),
        ("PRIXFIXE_ADMIN__LISTEN", "off"),
        ("PRIXFIXE_LOG__LEVEL", ""),
        ("SMTP_HOST", "of another program"),
    ];
    let printed = print(&folder, &variables, &[]);
    let files = [
        format!("certificate = {certificate:?}  # environment SMTP_TLS_CERT"),
        format!("key = {key:?}  # environment SMTP_TLS_KEY"),
    ];
    for line in files {
        assert_has(&printed, &line);
    }
    for line in [
        "max_message_size = \"25MiB\"  # environment SMTP_MAX_MESSAGE_SIZE",
        "recipients = [\"example.com\", \"ann@example.org\"]  # environment PRIXFIXE_RECIPIENTS",
        "listen = [\"127.0.0.1:26\", \"[::1]:26\"]  # environment PRIXFIXE_LISTEN",
        "strict_lengths = true  # environment PRIXFIXE_STRICT_LENGTHS",
        "destination = \"discard\"  # environment PRIXFIXE_DESTINATION",
        "min_free_disk = \"off\"  # environment PRIXFIXE_STORE__MIN_FREE_DISK",
        "command_errors = \"off\"  # environment PRIXFIXE_LIMITS__COMMAND_ERRORS",
        "drain = \"5s\"  # environment PRIXFIXE_TIMEOUTS__DRAIN",
        "listen = \"off\"  # environment PRIXFIXE_ADMIN__LISTEN",
        "level = \"info\"  # default",
    ] {
        assert_has(&printed, line);
    }
}

#[test]
fn every_flag_has_its_key() {
    let folder = folder_with("");
    let flags = [
        "--domain=mx.example",
        "--recipients=example.com",
        "--recipients=example.org,example.net",
        "--listen=unix:/run/a",
        "--destination=discard",
        "--store=/var/mail",
        "--max-connections=2",
        "--max-message-size=1MiB",
        "--workers=3",
        "--admin=off",
        "--log-format=json",
        "--log-level=warn",
        "--set=limits.command_errors=5",
        "--set=limits.exempt_networks=10.0.0.0/8,unix",
    ];
    let printed = print(&folder, &[], &flags);
    for line in [
        "domain = \"mx.example\"  # flag --domain",
        "recipients = [\"example.com\", \"example.org\", \"example.net\"]  # flag --recipients",
        "listen = [\"unix:/run/a\"]  # flag --listen",
        "destination = \"discard\"  # flag --destination",
        "path = \"/var/mail\"  # flag --store",
        "max_connections = 2  # flag --max-connections",
        "max_message_size = \"1MiB\"  # flag --max-message-size",
        "workers = 3  # flag --workers",
        "listen = \"off\"  # flag --admin",
        "format = \"json\"  # flag --log-format",
        "level = \"warn\"  # flag --log-level",
        "command_errors = 5  # flag --set",
        "exempt_networks = [\"10.0.0.0/8\", \"unix\"]  # flag --set",
    ] {
        assert_has(&printed, line);
    }
}

#[test]
fn addresses_in_brackets_are_no_array() {
    let folder = folder_with("");
    let printed = print(
        &folder,
        &[("PRIXFIXE_LISTEN", "[::1]:26,127.0.0.1:26")],
        &[],
    );
    assert_has(&printed, "listen = [\"[::1]:26\", \"127.0.0.1:26\"]");
    let printed = print(
        &folder,
        &[],
        &["--listen", "[::1]:26", "--listen", "127.0.0.1:26"],
    );
    assert_has(
        &printed,
        "listen = [\"[::1]:26\", \"127.0.0.1:26\"]  # flag --listen",
    );
}

#[test]
fn a_port_moves_the_default_listeners_only() {
    let folder = folder_with("");
    let printed = print(&folder, &[("SMTP_PORT", "26")], &[]);
    let moved = "listen = [\"127.0.0.1:26\", \"[::1]:26\"]  # environment SMTP_PORT";
    assert_has(&printed, moved);
    let printed = print(&folder, &[("SMTP_PORT", "26")], &["--port", "27"]);
    assert_has(
        &printed,
        "listen = [\"127.0.0.1:27\", \"[::1]:27\"]  # flag --port",
    );

    let folder = folder_with("listen = [\"127.0.0.1:2500\"]\n");
    let output = run(&folder, &[("SMTP_PORT", "26")], &["--print"]);
    assert_has(
        &text(&output.stdout),
        "listen = [\"127.0.0.1:2500\"]  # prixfixe.toml:1",
    );
    let warning = "warning: SMTP_PORT: listen: has no effect, since prixfixe.toml:1:10 sets the \
                   addresses; remove one of them";
    assert_has(&text(&output.stderr), warning);
}

#[test]
fn all_layers_report_their_faults_at_once() {
    let folder = folder_with("max_connections = 0\n");
    let variables = [
        ("SMTP_PORT", "smtp"),
        ("SMTP_MAX_CONNECTIONS", "many"),
        ("SMTP_DOMAIN", "a.example"),
        ("PRIXFIXE_DOMAIN", "b.example"),
        ("PRIXFIXE_LISTN", "127.0.0.1:25"),
        ("PRIXFIXE_TIMEOUTS__COMMAND", "30"),
        ("PRIXFIXE_RECIPIENTS", "[\"a.example\""),
        ("PRIXFIXE_LISTENER__TLS", "none"),
    ];
    let flags = ["--workers", "0", "--set", "limits.sped=5", "--set", "fast"];
    let output = run(&folder, &variables, &flags);
    assert_eq!(output.status.code(), Some(2));
    let faults = text(&output.stderr);
    for fault in [
        "prixfixe.toml:1:19: max_connections: 0 is out of range; write 1 to 1000000",
        "SMTP_PORT: listen: \"smtp\" is not a whole number; write 0 to 65535",
        "SMTP_MAX_CONNECTIONS: max_connections: \"many\" is not a whole number; write 1 to 1000000",
        "domain: also set by ",
        "PRIXFIXE_LISTN: unknown variable; did you mean PRIXFIXE_LISTEN?",
        "PRIXFIXE_TIMEOUTS__COMMAND: timeouts.command: 30 has no unit; write \"30s\" for seconds",
        "PRIXFIXE_RECIPIENTS: recipients: not valid TOML: ",
        "PRIXFIXE_LISTENER__TLS: unknown variable; ",
        "--workers: workers: 0 is out of range; write 1 to 1024",
        "--set: limits.sped: unknown key; ",
        "--set: \"fast\" is no assignment; write KEY=VALUE",
        "11 faults",
    ] {
        assert_has(&faults, fault);
    }
}

#[test]
fn paths_are_relative_to_what_names_them() {
    let folder = folder_with("");
    fs::create_dir(folder.path().join("etc")).unwrap();
    let file =
        "recipients = [\"file:list\"]\nlisten = [\"unix:smtp.sock\"]\n[store]\npath = \"mail\"\n";
    fs::write(folder.path().join("etc/prixfixe.toml"), file).unwrap();
    fs::write(folder.path().join("etc/list"), "example.com\n").unwrap();
    let in_etc = |name: &str| folder.path().canonicalize().unwrap().join("etc").join(name);
    let flags = ["check-config", "etc/prixfixe.toml", "--print"];
    let printed = text(&prixfixe(folder.path(), &[], &flags).stdout);
    assert_has(
        &printed,
        &format!("path = \"{}\"", in_etc("mail").display()),
    );
    assert_has(
        &printed,
        &format!("[\"unix:{}\"]", in_etc("smtp.sock").display()),
    );
    assert_has(
        &printed,
        &format!("[\"file:{}\"]", in_etc("list").display()),
    );

    let flags = [
        "check-config",
        "etc/prixfixe.toml",
        "--print",
        "--store",
        "mail",
    ];
    let printed = text(&prixfixe(folder.path(), &[], &flags).stdout);
    let here = folder.path().canonicalize().unwrap().join("mail");
    assert_has(
        &printed,
        &format!("path = \"{}\"  # flag --store", here.display()),
    );
}

#[test]
fn the_file_is_named_in_one_of_three_ways() {
    let folder = folder_with("domain = \"file.example\"\n");
    let summary = |variables: &[(&str, &str)], arguments: &[&str]| {
        text(&prixfixe(folder.path(), variables, arguments).stdout)
    };
    let named = "file.example listens on";
    assert_has(&summary(&[], &["check-config", "prixfixe.toml"]), named);
    assert_has(
        &summary(&[], &["check-config", "--config", "prixfixe.toml"]),
        named,
    );
    assert_has(
        &summary(&[], &["--config", "prixfixe.toml", "check-config"]),
        named,
    );
    assert_has(
        &summary(&[("PRIXFIXE_CONFIG", "prixfixe.toml")], &["check-config"]),
        named,
    );
    assert_has(
        &summary(&[("PRIXFIXE_CONFIG", "")], &["check-config"]),
        "localhost listens on",
    );

    let twice = ["--config", "prixfixe.toml", "check-config", "prixfixe.toml"];
    assert_eq!(prixfixe(folder.path(), &[], &twice).status.code(), Some(2));
    let missing = prixfixe(folder.path(), &[], &["check-config", "nowhere.toml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert_has(&text(&missing.stderr), "nowhere.toml: cannot be read: ");
}

fn folder_with(file: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("prixfixe.toml"), file).unwrap();
    folder
}

fn print(folder: &TempDir, variables: &[(&str, &str)], flags: &[&str]) -> String {
    let output = run(folder, variables, &[flags, &["--print"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn run(folder: &TempDir, variables: &[(&str, &str)], flags: &[&str]) -> Output {
    let arguments = [&["check-config", "prixfixe.toml"], flags].concat();
    prixfixe(folder.path(), variables, &arguments)
}

fn prixfixe(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prixfixe"))
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn assert_has(text: &str, part: &str) {
    assert!(text.contains(part), "no {part:?} in:\n{text}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
