//! smtplib, by which the programs of half the world send their mail.

use prixfixe_delivery::sqlite::BodyType;

use crate::{
    message::{self, ENVELOPE},
    program::{program, run},
    secured::{BOTH, PASSWORD, Secured, Tls, USER},
    server_process::{LISTEN, Server, store},
    stored_mail,
};

#[test]
fn smtplib_delivers_8bitmime() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    python(
        &server,
        "client.sendmail('ann@example.org', ['bob@example.com'], message, ['BODY=8BITMIME'])",
    );
    let mail = stored_mail::only(&store(folder.path()));
    assert_eq!(mail.envelope, ENVELOPE);
    message::same(&mail.body, &message::tricky());
    assert_eq!(mail.details.body_type, BodyType::EightBitMime);
    assert!(!mail.details.smtputf8);
}

#[test]
fn smtplib_delivers_smtputf8() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    python(
        &server,
        "client.sendmail('änn@exämple.org', ['bøb@example.com'], message, \
         ['SMTPUTF8', 'BODY=8BITMIME'])",
    );
    let mail = stored_mail::only(&store(folder.path()));
    assert_eq!(mail.envelope, "<änn@exämple.org> to <bøb@example.com>");
    message::same(&mail.body, &message::tricky());
    assert!(mail.details.smtputf8);
}

/// The null sender of a bounce, several messages on one connection, and a reset between them.
#[test]
fn smtplib_delivers_many_on_one_connection() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    python(
        &server,
        "
for number in range(20):
    client.sendmail('', [f'bob{number}@example.com', 'eve@example.com'], message)
    assert client.noop()[0] == 250
    assert client.rset()[0] == 250
",
    );
    let mails = stored_mail::all(&store(folder.path()));
    assert_eq!(mails.len(), 20);
    for (number, mail) in mails.iter().enumerate() {
        assert_eq!(
            mail.envelope,
            format!("<> to <bob{number}@example.com> <eve@example.com>")
        );
        message::same(&mail.body, &message::tricky());
    }
}

/// Who asks for the longest answers: every refusal becomes the exception that belongs to it.
#[test]
fn smtplib_understands_refusals() {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("recipients = [\"example.com\"]\nmax_message_size = 1000\n{LISTEN}");
    let server = Server::start_with(folder.path(), &settings);
    python(
        &server,
        "
try:
    client.sendmail('ann@example.org', ['bob@example.net'], b'short')
    raise SystemExit('relayed')
except smtplib.SMTPRecipientsRefused as refused:
    assert refused.recipients['bob@example.net'][0] == 550, refused
try:
    client.sendmail('ann@example.org', ['bob@example.com'], message)
    raise SystemExit('too large, and accepted')
except smtplib.SMTPSenderRefused as refused:
    assert refused.smtp_code == 552, refused
assert client.verify('bob@example.com')[0] == 252
client.sendmail('ann@example.org', ['bob@example.com', 'bob@example.net'], b'short')
",
    );
    let mail = stored_mail::only(&store(folder.path()));
    assert_eq!(mail.envelope, ENVELOPE);
    assert_eq!(mail.body, b"short\r\n");
}

#[test]
fn smtplib_delivers_over_tls() {
    for tls in BOTH {
        let secured = Secured::open();
        python_over(tls, &secured, SEND);
        message::same(&secured.only().body, &message::tricky());
    }
}

#[test]
fn smtplib_logs_in() {
    for mechanism in ["plain", "login"] {
        for tls in BOTH {
            let secured = Secured::with_login();
            let script = format!(
                "
client.user, client.password = '{USER}', '{PASSWORD}'
assert client.auth('{mechanism}', client.auth_{mechanism})[0] == 235
{SEND}"
            );
            python_over(tls, &secured, &script);
            message::same(&secured.only().body, &message::tricky());
        }
    }
}

/// Passwords travel under TLS only, and a wrong one is no secret to its owner.
#[test]
fn smtplib_hears_what_is_wrong_with_its_login() {
    let secured = Secured::with_login();
    python(
        &secured.server,
        &format!(
            "
assert not client.has_extn('auth')
try:
    client.login('{USER}', '{PASSWORD}')
    raise SystemExit('the password was sent for all to read')
except smtplib.SMTPNotSupportedError:
    pass
"
        ),
    );
    python_over(
        Tls::StartTls,
        &secured,
        &format!(
            "
try:
    client.login('{USER}', 'wrong')
    raise SystemExit('logged in')
except smtplib.SMTPAuthenticationError as refused:
    assert refused.smtp_code == 535, refused
"
        ),
    );
    assert!(secured.is_empty());
}

const SEND: &str = "client.sendmail('ann@example.org', ['bob@example.com'], message)";

/// Logs in by each of the ways that it knows and that are offered, and is told why when it fails.
#[test]
fn smtplib_logs_in_without_tls_where_a_listener_allows_it() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    let mut passwd = std::process::Command::new(env!("CARGO_BIN_EXE_prixfixe"));
    passwd.arg("passwd").arg(&users).args(["anna", "--stdin"]);
    run(&mut passwd, b"correct horse\n");
    let settings = format!(
        "recipients = [\"example.com\"]\nlisten = []\n[auth]\npassword_file = \"{}\"\n\
         [[listener]]\naddress = \"127.0.0.1:0\"\nauth = \"required\"\nauth_without_tls = true\n",
        users.display()
    );
    let server = Server::start_with(folder.path(), &settings);
    for mechanism in ["plain", "login"] {
        python(
            &server,
            &format!(
                "
try:
    client.sendmail('ann@example.org', ['bob@example.com'], b'short')
    raise SystemExit('not logged in, and accepted')
except smtplib.SMTPSenderRefused as refused:
    assert refused.smtp_code == 530, refused
client.ehlo()
assert client.esmtp_features['auth'].split() == ['SCRAM-SHA-256', 'PLAIN', 'LOGIN']
method = client.auth_{mechanism}
client.user, client.password = 'anna', 'wrong'
try:
    client.auth('{mechanism}', method)
    raise SystemExit('logged in with a wrong password')
except smtplib.SMTPAuthenticationError as refused:
    assert refused.smtp_code == 535, refused
client.password = 'correct horse'
assert client.auth('{mechanism}', method, initial_response_ok=False)[0] == 235
client.sendmail('ann@example.org', ['bob@example.com'], b'short')
"
            ),
        );
    }
    assert_eq!(stored_mail::all(&store(folder.path())).len(), 2);
}

/// Runs a script with a `client` that is connected, and a `message`.
fn python(server: &Server, script: &str) {
    let connect = format!(
        "client = smtplib.SMTP('127.0.0.1', {}, 'client.example')",
        server.port()
    );
    python_with(&connect, script);
}

/// The same over TLS; the client verifies the certificate.
fn python_over(tls: Tls, secured: &Secured, script: &str) {
    let to = format!("('127.0.0.1', {}, 'client.example'", secured.port(tls));
    let connect = match tls {
        Tls::StartTls => format!("client = smtplib.SMTP{to})\nclient.starttls(context=context)"),
        Tls::Implicit => format!("client = smtplib.SMTP_SSL{to}, context=context)"),
    };
    let certificate = secured.certificate();
    let context = format!(
        "import ssl\ncontext = ssl.create_default_context(cafile='{}')",
        certificate.display()
    );
    python_with(&format!("{context}\n{connect}"), script);
}

fn python_with(connect: &str, script: &str) {
    let whole = format!(
        "
import smtplib, sys
message = sys.stdin.buffer.read()
{connect}
client.ehlo_or_helo_if_needed()
{script}
assert client.quit()[0] == 221
"
    );
    let mut command = program("python3");
    // What it takes a script for must not depend on where the tests run.
    command.env("PYTHONUTF8", "1").args(["-c", &whole]);
    run(&mut command, &message::tricky());
}
