//! The examples, run as the programs that they are.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
};

/// An example that listens on a free port; it ends with the test.
#[derive(Debug)]
pub(crate) struct Program {
    process: Child,
    output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Program {
    /// Starts an example with at most so many descriptors, and with these arguments behind its
    /// address.
    pub(crate) fn start(name: &str, descriptors: usize, arguments: &[&str]) -> Self {
        let tests = std::env::current_exe().unwrap();
        let built = tests.parent().and_then(|deps| deps.parent()).unwrap();
        let path = built.join("examples").join(name);
        assert!(
            path.exists(),
            "the example is not built: cargo build -p prixfixe --examples"
        );
        let mut process = Command::new("sh")
            .args(["-c", "ulimit -n $1; shift; exec \"$@\"", "sh"])
            .arg(descriptors.to_string())
            .arg(path)
            .arg("127.0.0.1:0")
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap();
        Self {
            address: address.parse().unwrap(),
            process,
            output,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends the program and returns what it has printed since it listens.
    pub(crate) fn end(mut self) -> String {
        self.process.kill().unwrap();
        let mut printed = String::new();
        self.output.read_to_string(&mut printed).unwrap();
        printed
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have been ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
