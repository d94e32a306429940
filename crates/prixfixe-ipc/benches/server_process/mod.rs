//! The server of a benchmark, as a process of its own: the benchmark's program, started once more.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use prixfixe_ipc::{Address, Server, ServerConfig, Stopper};

pub(crate) type Failure = Box<dyn Error>;

/// A server that runs until this is dropped or the benchmark dies.
pub(crate) struct ServerProcess {
    child: Child,
    pub(crate) address: Address,
}

impl ServerProcess {
    /// Starts it under a name of its own.
    pub(crate) fn start(bench: &str) -> Result<Self, Failure> {
        let name = format!("prixfixe-bench-{bench}-{}", std::process::id());
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", &name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = child.stdout.take().ok_or("no output")?;
        BufReader::new(said).read_line(&mut String::new())?;
        let address = Address::abstract_name(name)?;
        Ok(Self { child, address })
    }

    /// The number of the process.
    #[allow(dead_code, reason = "not every benchmark looks at its memory")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends when its input does; what it says of that is of no use here.
        let _ = self.child.wait();
    }
}

/// The name under which this process is to serve, if it is the server.
pub(crate) fn name_to_serve() -> Option<String> {
    let mut arguments = std::env::args().skip(1);
    (arguments.next().as_deref() == Some("serve"))
        .then(|| arguments.next())
        .flatten()
}

/// Binds, says that it is ready, and calls `serve` until whoever started this closes the pipe, or dies.
pub(crate) fn serve(
    name: &str,
    config: ServerConfig,
    serve: impl FnOnce(Server) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let server = Server::bind(&Address::abstract_name(name)?, config)?;
    let stop: Stopper = server.stopper();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        stop.stop();
    });
    println!("ready");
    std::io::stdout().flush()?;
    Ok(serve(server)?)
}
