//! A receiver that keeps what it gets in a Maildir or a mailbox, and plays one trick.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use prixfixe_load::label::{self, Inspected};

/// What is done to the messages with these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mischief {
    None,
    Drop(u64),
    Double(u64),
    /// The octet at this place has one bit changed.
    ChangeOctet(u64, usize),
    LoseLastLine(u64),
    /// Each is kept with its own label and what follows the other's.
    SwapBodies(u64, u64),
    LeaveDots(u64),
    /// It is kept for all but its first recipient.
    DropRecipient(u64),
    /// Each is kept for the recipients of the other.
    SwapRecipients(u64, u64),
    RefuseAndKeep(u64),
    /// It is kept, and the connection closed.
    LoseReply(u64),
}

/// How messages are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Maildir,
    /// A Maildir with a file for each recipient.
    Copies,
    /// With every line that looks like `From ` quoted.
    Mbox,
}

/// A running receiver.
#[derive(Debug)]
pub(crate) struct Receiver {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    listening: JoinHandle<()>,
    mail: Arc<Mail>,
}

impl Receiver {
    pub(crate) fn start(path: &Path, form: Form, mischief: Mischief) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let mail = Arc::new(Mail::new(path, form, mischief));
        let listening = {
            let (stopped, mail) = (Arc::clone(&stopped), Arc::clone(&mail));
            thread::spawn(move || {
                let mut conversations = Vec::new();
                for stream in listener.incoming() {
                    if stopped.load(Ordering::SeqCst) {
                        break;
                    }
                    let (stream, mail) = (stream.unwrap(), Arc::clone(&mail));
                    // A client that goes away ends its conversation and nothing else.
                    conversations.push(thread::spawn(move || {
                        let _ = converse(&stream, &mail);
                    }));
                }
                for conversation in conversations {
                    conversation.join().unwrap();
                }
            })
        };
        Self {
            address,
            stopped,
            listening,
            mail,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Waits for all conversations, and says where the mail is.
    pub(crate) fn stop(self) -> PathBuf {
        self.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address).unwrap());
        self.listening.join().unwrap();
        assert!(self.mail.withheld.lock().unwrap().is_none(), "half a swap");
        self.mail.path.clone()
    }
}

fn converse(stream: &TcpStream, mail: &Mail) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream);
    let mut output = stream;
    output.write_all(b"220 receiver.example ESMTP\r\n")?;
    let mut line = String::new();
    let mut chunks = Vec::new();
    let mut recipients = Vec::new();
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let command = line.trim_end().to_ascii_uppercase();
        let reply = match command.split(' ').next().unwrap_or_default() {
            "EHLO" => {
                "250-receiver.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250 SMTPUTF8"
            }
            "DATA" => {
                output.write_all(b"354 go on\r\n")?;
                let message = read_data(&mut input)?;
                match mail.keep(&message, std::mem::take(&mut recipients)) {
                    Some(reply) => reply,
                    None => return Ok(()),
                }
            }
            "BDAT" => {
                let mut words = command.split(' ').skip(1);
                let octets: u64 = words.next().unwrap().parse().unwrap();
                (&mut input).take(octets).read_to_end(&mut chunks)?;
                if words.next().is_none() {
                    "250 2.0.0 go on"
                } else {
                    let message = std::mem::take(&mut chunks);
                    let message = Received::whole(message);
                    match mail.keep(&message, std::mem::take(&mut recipients)) {
                        Some(reply) => reply,
                        None => return Ok(()),
                    }
                }
            }
            "RCPT" => {
                let address = line.trim_end().strip_prefix("RCPT TO:<").unwrap();
                recipients.push(address.strip_suffix('>').unwrap().to_owned());
                "250 2.1.5 ok"
            }
            "QUIT" => "221 2.0.0 bye",
            _ => "250 2.0.0 ok",
        };
        output.write_all(reply.as_bytes())?;
        output.write_all(b"\r\n")?;
    }
}

/// A message, as it is and as it came over the wire.
struct Received {
    message: Vec<u8>,
    on_the_wire: Vec<u8>,
}

impl Received {
    fn whole(message: Vec<u8>) -> Self {
        Self {
            on_the_wire: message.clone(),
            message,
        }
    }
}

fn read_data(input: &mut impl BufRead) -> std::io::Result<Received> {
    let mut received = Received::whole(Vec::new());
    loop {
        let start = received.on_the_wire.len();
        if input.read_until(b'\n', &mut received.on_the_wire)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = &received.on_the_wire[start..];
        if line == b".\r\n" {
            received.on_the_wire.truncate(start);
            return Ok(received);
        }
        let line = line.strip_prefix(b".").unwrap_or(line);
        received.message.extend_from_slice(line);
    }
}

/// What is kept.
#[derive(Debug)]
struct Mail {
    path: PathBuf,
    form: Form,
    mailbox: Option<Mutex<File>>,
    kept: Mutex<u64>,
    mischief: Mischief,
    /// The first message of a swap.
    withheld: Mutex<Option<(Vec<u8>, Vec<String>)>>,
}

impl Mail {
    fn new(path: &Path, form: Form, mischief: Mischief) -> Self {
        let mailbox = match form {
            Form::Maildir | Form::Copies => {
                for name in ["new", "cur", "tmp"] {
                    fs::create_dir_all(path.join(name)).unwrap();
                }
                None
            }
            Form::Mbox => Some(Mutex::new(File::create(path).unwrap())),
        };
        Self {
            path: path.to_owned(),
            form,
            mailbox,
            kept: Mutex::new(0),
            mischief,
            withheld: Mutex::new(None),
        }
    }

    /// Keeps a message, and says what to answer, if anything.
    fn keep(&self, received: &Received, mut recipients: Vec<String>) -> Option<&'static str> {
        let Inspected::Intact(label) = label::inspect(&received.message) else {
            panic!("the generator sent something wrong");
        };
        let mut message = received.message.clone();
        let mut reply = Some("250 2.0.0 taken");
        match self.mischief {
            Mischief::Drop(number) if number == label.number => return reply,
            Mischief::Double(number) if number == label.number => {
                self.write(&message, &recipients);
            }
            Mischief::ChangeOctet(number, at) if number == label.number => message[at] ^= 1,
            Mischief::LoseLastLine(number) if number == label.number => {
                let lines = message.strip_suffix(b"\r\n").unwrap();
                let end = memchr::memrchr(b'\n', lines).unwrap();
                message.truncate(end + 1);
            }
            Mischief::SwapBodies(one, other) if [one, other].contains(&label.number) => {
                let mut withheld = self.withheld.lock().unwrap();
                let Some((first, its_recipients)) = withheld.take() else {
                    *withheld = Some((message, recipients));
                    return reply;
                };
                let (first_label, first_body) = first.split_at(end_of_label(&first));
                let (label, body) = message.split_at(end_of_label(&message));
                self.write(&[first_label, body].concat(), &its_recipients);
                message = [label, first_body].concat();
            }
            Mischief::SwapRecipients(one, other) if [one, other].contains(&label.number) => {
                let mut withheld = self.withheld.lock().unwrap();
                let Some((first, its_recipients)) = withheld.take() else {
                    *withheld = Some((message, recipients));
                    return reply;
                };
                self.write(&first, &recipients);
                recipients = its_recipients;
            }
            Mischief::DropRecipient(number) if number == label.number => {
                recipients.remove(0);
            }
            Mischief::LeaveDots(number) if number == label.number => {
                assert_ne!(message, received.on_the_wire, "nothing was doubled");
                message.clone_from(&received.on_the_wire);
            }
            Mischief::RefuseAndKeep(number) if number == label.number => {
                reply = Some("452 4.3.1 no room");
            }
            Mischief::LoseReply(number) if number == label.number => reply = None,
            _ => {}
        }
        self.write(&message, &recipients);
        reply
    }

    fn write(&self, message: &[u8], recipients: &[String]) {
        const TRACE: &str = "Received: from load by receiver.example\r\n";
        match self.form {
            Form::Mbox => self.write_one(TRACE, message),
            Form::Maildir => {
                let all = recipients.join(", ");
                self.write_one(&format!("Envelope-To: {all}\r\n{TRACE}"), message);
            }
            Form::Copies => {
                for one in recipients {
                    self.write_one(&format!("Delivered-To: {one}\r\n{TRACE}"), message);
                }
            }
        }
    }

    fn write_one(&self, trace: &str, message: &[u8]) {
        let number = {
            let mut kept = self.kept.lock().unwrap();
            *kept += 1;
            *kept
        };
        let traced = [trace.as_bytes(), message].concat();
        let Some(mailbox) = &self.mailbox else {
            fs::write(self.path.join(format!("new/{number}")), traced).unwrap();
            return;
        };
        let mut text = b"From load Sun Nov  1 12:00:00 2026\n".to_vec();
        for line in traced.split_inclusive(|octet| *octet == b'\n') {
            let quotes = line.iter().take_while(|octet| **octet == b'>').count();
            if line[quotes..].starts_with(b"From ") {
                text.push(b'>');
            }
            text.extend_from_slice(line.strip_suffix(b"\r\n").unwrap());
            text.push(b'\n');
        }
        text.push(b'\n');
        mailbox.lock().unwrap().write_all(&text).unwrap();
    }
}

/// Where what follows the label begins.
fn end_of_label(message: &[u8]) -> usize {
    let label = memchr::memmem::find(message, b"Prixfixe-Load:").unwrap();
    label + memchr::memchr(b'\n', &message[label..]).unwrap() + 1
}
