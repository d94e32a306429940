//! Targets that cannot be measured: what is wrong is said in words, before anything is sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use crate::lab::Lab;
use crate::server_process::Server;

fn refused(target: &str, more: &[&str], words: &str) {
    let lab = Lab::new();
    let arguments = [&["run", "--messages", "5", "--target", target], more].concat();
    let (code, said) = lab.run(&arguments);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(words) && said.contains(target), "{said}");
    assert!(lab.results().is_empty() && !lab.path().join("prixfixe-lab").exists());
}

#[test]
fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    refused(&address.to_string(), &[], "nobody listens there");
}

#[test]
fn a_host_without_an_address() {
    refused("nowhere.invalid:25", &[], "no address");
}

#[test]
fn a_server_of_another_protocol() {
    let ssh = speaker(|stream| stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"));
    refused(
        &ssh.to_string(),
        &[],
        "this is no SMTP server: it says \"SSH-2.0",
    );
    // It waits for a request, and calls what it gets a bad one.
    let web = speaker(|stream| {
        let _ = stream.read(&mut [0; 64])?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    });
    refused(
        &web.to_string(),
        &[],
        "this is no SMTP server: it says \"HTTP/1.1 400",
    );
}

#[test]
fn a_server_that_takes_no_mail() {
    let closed = speaker(|stream| stream.write_all(b"554 5.3.2 closed for today\r\n"));
    refused(
        &closed.to_string(),
        &[],
        "it takes no mail from here: \"554",
    );
    let curt = speaker(|_| Ok(()));
    refused(&curt.to_string(), &[], "hung up instead of a greeting");
}

#[test]
fn a_certificate_that_nobody_vouches_for() {
    let folder = Lab::new();
    let settings = "listen = [\"127.0.0.1:0\"]\n[tls]\ncertificate = \"self-signed\"\n";
    let server = Server::start_with(folder.path(), settings);
    let target = server.address();
    refused(target, &["--tls", "starttls"], "--insecure");
    let lab = Lab::new();
    let trusting = [
        "run",
        "--messages",
        "5",
        "--target",
        target,
        "--tls",
        "starttls",
        "--insecure",
    ];
    let (code, said) = lab.run(&trusting);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn encryption_that_is_not_offered() {
    let folder = Lab::new();
    let server = Server::start(folder.path());
    refused(
        server.address(),
        &["--tls", "starttls"],
        "does not announce STARTTLS",
    );
}

#[test]
fn a_greeting_that_never_ends_is_given_up_at_its_time_out() {
    let dripping = speaker(|stream| {
        loop {
            stream.write_all(b"2")?;
            thread::sleep(Duration::from_millis(50));
        }
    });
    let target = dripping.to_string();
    refused(&target, &["--timeout", "banner=500ms"], "no SMTP server");
}

#[test]
fn a_server_that_steers_terminals_is_quoted_without_that() {
    let coloured = speaker(|stream| {
        stream.write_all(b"220 here\r\n")?;
        answer_lines(stream, |line| {
            if line.starts_with("MAIL") {
                "550 \x1b[2Jno\r\n"
            } else {
                "250 ok\r\n"
            }
        })
    });
    let lab = Lab::new();
    let target = coloured.to_string();
    let (code, said) = lab.run(&[
        "run",
        "--messages",
        "2",
        "--workers",
        "1",
        "--target",
        &target,
    ]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("550 ?[2Jno") && !said.contains('\x1b'),
        "{said}"
    );
}

#[test]
fn a_schedule_that_was_not_kept_is_no_success() {
    let slow = speaker(|stream| {
        stream.write_all(b"220 here\r\n")?;
        answer_lines(stream, |line| match line {
            "DATA" => "354 go\r\n",
            "." => {
                thread::sleep(Duration::from_millis(700));
                "250 ok\r\n"
            }
            _ => "250 ok\r\n",
        })
    });
    let lab = Lab::new();
    let target = slow.to_string();
    let load = [
        "run",
        "--mode",
        "sustained",
        "--rate",
        "20",
        "--duration",
        "1s",
        "--workers",
        "1",
        "--timeout",
        "grace=1s",
        "--target",
        &target,
    ];
    let (code, said) = lab.run(&load);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("messages were never begun"), "{said}");
}

/// Answers each line of a client, those of a body but the last not.
fn answer_lines(
    stream: &mut std::net::TcpStream,
    answer: impl Fn(&str) -> &'static str,
) -> std::io::Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines();
    let mut in_body = false;
    for line in lines {
        let line = line?;
        let line = line.trim_end();
        if in_body && line != "." {
            continue;
        }
        let reply = answer(line);
        in_body = reply.starts_with('3');
        stream.write_all(reply.as_bytes())?;
    }
    Ok(())
}

/// A listener that does this with everybody, and then hangs up.
fn speaker(
    speak: impl Fn(&mut std::net::TcpStream) -> std::io::Result<()> + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            // Who is spoken to may have left.
            let _ = speak(&mut stream);
        }
    });
    address
}
