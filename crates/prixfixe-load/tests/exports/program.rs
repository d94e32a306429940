//! Running other people's programs.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A command for a program that the tests need. Debian keeps some in folders of the administrator.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

/// A running program, which is ended when this is dropped.
pub(crate) struct Watched(Child);

impl Watched {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| match error.kind() {
            ErrorKind::NotFound => panic!("{name} is not installed; run `cargo xtask setup`"),
            _ => panic!("{name}: {error}"),
        }))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Of loopback, and free at this moment, for programs that cannot choose one and say which.
pub(crate) fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// Returns when somebody listens there.
pub(crate) fn await_listener(port: u16) {
    let watchdog = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < watchdog, "nobody listens on port {port}");
        thread::sleep(Duration::from_millis(20));
    }
}
