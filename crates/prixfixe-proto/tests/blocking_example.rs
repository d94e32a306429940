//! The example `blocking`, run as the program that it is, with a real client.

use std::{
    error::Error,
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

const SCRIPT: &str = "import smtplib, sys\n\
    client = smtplib.SMTP(sys.argv[1], int(sys.argv[2]))\n\
    for _ in range(3):\n\
    \x20   client.sendmail('a@example.org', ['b@example.com'], sys.argv[3].encode())\n\
    client.quit()\n";
const MESSAGE: &str = "Subject: x\r\n\r\n.Hello\r\n";

#[test]
fn blocking_takes_mail_from_a_real_client() -> Result<(), Box<dyn Error>> {
    let tests = std::env::current_exe()?;
    let built = tests.parent().and_then(|deps| deps.parent());
    let path = built.ok_or("no build folder")?.join("examples/blocking");
    let hint = "the example is not built: cargo build -p prixfixe-proto --examples";
    assert!(path.exists(), "{hint}");
    let mut program = Command::new(path)
        .arg("127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = BufReader::new(program.stdout.take().ok_or("no output")?);
    let mut line = String::new();
    output.read_line(&mut line)?;
    let address = line.trim().strip_prefix("listening on ");
    let (ip, port) = address
        .and_then(|a| a.split_once(':'))
        .ok_or(line.clone())?;

    let sent = Command::new("python3")
        .args(["-c", SCRIPT, ip, port, MESSAGE])
        .status()?;
    program.kill()?;
    program.wait()?;
    assert!(sent.success());
    let mut printed = String::new();
    output.read_to_string(&mut printed)?;
    assert_eq!(printed, format!("{MESSAGE}\n").repeat(3));
    Ok(())
}
