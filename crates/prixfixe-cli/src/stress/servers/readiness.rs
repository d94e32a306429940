//! Whether a server that was started takes mail: its log says where it listens, and its admin
//! listener whether it is ready.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

/// How far a server is on its way.
pub(super) struct Progress {
    log: PathBuf,
    /// Where its lines begin; those before are of an earlier start.
    already: u64,
}

impl Progress {
    pub(super) fn of_log(log: PathBuf, already: u64) -> Self {
        Self { log, already }
    }

    /// Its addresses, once it is ready.
    pub(super) fn look(&mut self) -> Option<Vec<String>> {
        let mut log = File::open(&self.log).ok()?;
        log.seek(SeekFrom::Start(self.already)).ok()?;
        let mut text = String::new();
        log.take(MOST_LOG).read_to_string(&mut text).ok()?;
        let (addresses, admin) = told(&text)?;
        is_ready(admin).then_some(addresses)
    }
}

/// Octets of a log that are read: the lines of a start are far fewer.
const MOST_LOG: u64 = 1 << 20;

/// Where it listens, and where its admin listener does.
fn told(log: &str) -> Option<(Vec<String>, SocketAddr)> {
    let (_, rest) = log.split_once(LISTENING)?;
    let (listed, rest) = rest.split_once(" as ")?;
    let (_, rest) = rest.split_once(ADMIN)?;
    let end = rest.find('"')?;
    let admin = rest[..end].parse().ok()?;
    Some((listed.split(", ").map(str::to_owned).collect(), admin))
}

const LISTENING: &str = "\"message\":\"listening on ";
const ADMIN: &str = "\"message\":\"/healthz and /readyz are served on ";

fn is_ready(admin: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&admin, ANSWER)?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; b"HTTP/1.1 200".len()];
        stream.read_exact(&mut status)?;
        Ok(&status == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

/// How long one answer may take; the next look asks again.
const ANSWER: Duration = Duration::from_secs(2);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_all_addresses_and_the_admin_listener() {
        let log = concat!(
            r#"{"level":"INFO","message":"listening on 127.0.0.1:1, 127.0.0.1:2 as localhost"}"#,
            "\n",
            r#"{"level":"INFO","message":"/healthz and /readyz are served on 127.0.0.1:3"}"#,
            "\n",
        );
        let (addresses, admin) = told(log).unwrap();
        assert_eq!(addresses, ["127.0.0.1:1", "127.0.0.1:2"]);
        assert_eq!(admin.port(), 3);
        // Cut anywhere it says nothing, rather than something wrong.
        let end = log.trim_end().len() - 2;
        for length in 0..end {
            assert!(told(&log[..length]).is_none(), "{length}");
        }
    }
}
