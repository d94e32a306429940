//! The processes of a run. None outlives the run: what is dropped is killed.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use crate::setting::{Runtime, Setting};

/// All processes of a run, and what they say.
pub(crate) struct Children {
    running: Vec<Running>,
    heard: Receiver<Heard>,
    tell: Sender<Heard>,
}

/// Which process of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ChildIndex(usize);

enum Heard {
    Line(usize, String),
    Ended(usize),
    /// Someone wants the whole run to end.
    Interrupted,
}

struct Running {
    name: String,
    process: Child,
    input: Option<ChildStdin>,
}

/// Why the processes of a run did not do their part.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChildError {
    #[error("{name} could not be started")]
    Start {
        name: String,
        #[source]
        source: io::Error,
    },
    #[error("{name} could not be spoken to")]
    Speak {
        name: String,
        #[source]
        source: io::Error,
    },
    #[error("{name} ended before it was done ({status}); what it said is above")]
    Ended { name: String, status: String },
    #[error("{name} was silent for {waited:?}")]
    Silent { name: String, waited: Duration },
    #[error("interrupted")]
    Interrupted,
    #[error("signals could not be watched")]
    Signals(#[source] io::Error),
    #[error("the setting could not be handed on")]
    Setting(#[from] serde_json::Error),
}

impl Children {
    /// From here on, a signal that would end this program ends the run first.
    pub(crate) fn new() -> Result<Self, ChildError> {
        let (tell, heard) = mpsc::channel();
        watch_signals(tell.clone()).map_err(ChildError::Signals)?;
        Ok(Self {
            running: Vec::new(),
            heard,
            tell,
        })
    }

    /// Starts this program again, in the role that `words` say.
    pub(crate) fn start(
        &mut self,
        name: String,
        setting: &Setting,
        words: &[&str],
    ) -> Result<ChildIndex, ChildError> {
        let json = serde_json::to_string(setting)?;
        let index = self.running.len();
        let tell = self.tell.clone();
        let started = spawn(&json, words).and_then(|mut process| {
            let output = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
            let input = process.stdin.take();
            // Owned from here on, so that it is killed whatever comes next.
            self.running.push(Running {
                name: name.clone(),
                process,
                input,
            });
            std::thread::Builder::new().spawn(move || {
                let lines = BufReader::new(output).lines().map_while(Result::ok);
                let lines = lines.map(|line| Heard::Line(index, line));
                for heard in lines.chain([Heard::Ended(index)]) {
                    // Fails when the run is over, and nobody listens any more.
                    let _ = tell.send(heard);
                }
            })
        });
        match started {
            Ok(_) => Ok(ChildIndex(index)),
            Err(source) => Err(ChildError::Start { name, source }),
        }
    }

    /// Sends a line to one process.
    pub(crate) fn say(&mut self, to: ChildIndex, line: &str) -> Result<(), ChildError> {
        let child = &mut self.running[to.0];
        let said = match &mut child.input {
            Some(input) => writeln!(input, "{line}"),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        match said {
            Ok(()) => Ok(()),
            // It has ended; why is more telling than the broken pipe.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(self.ended(to.0)),
            Err(source) => Err(ChildError::Speak {
                name: child.name.clone(),
                source,
            }),
        }
    }

    /// One line from each of `from`, in that order. A process that ends instead, whichever it is,
    /// is an error, and so is silence.
    pub(crate) fn hear(
        &mut self,
        from: &[ChildIndex],
        patience: Duration,
    ) -> Result<Vec<String>, ChildError> {
        let deadline = Instant::now() + patience;
        let mut heard: Vec<Option<String>> = vec![None; from.len()];
        while let Some(missing) = heard.iter().position(Option::is_none) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left) {
                Ok(Heard::Line(index, line)) => {
                    if let Some(place) = from.iter().position(|child| child.0 == index) {
                        heard[place] = Some(line);
                    }
                }
                Ok(Heard::Ended(index)) => return Err(self.ended(index)),
                Ok(Heard::Interrupted) => return Err(ChildError::Interrupted),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(ChildError::Silent {
                        name: self.running[from[missing].0].name.clone(),
                        waited: patience,
                    });
                }
            }
        }
        Ok(heard.into_iter().flatten().collect())
    }

    fn ended(&mut self, index: usize) -> ChildError {
        let child = &mut self.running[index];
        // A process that closed its output but lives is ended here, so that there is a status.
        child.input = None;
        let status = child.process.wait();
        ChildError::Ended {
            name: child.name.clone(),
            status: status.map_or_else(|error| error.to_string(), |status| status.to_string()),
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.running {
            // Fails for one that has ended, which is what is wanted.
            let _ = child.process.kill();
        }
        for child in &mut self.running {
            let _ = child.process.wait();
        }
    }
}

/// What a terminal or a supervisor sends. A process that is killed outright cannot clean up.
fn watch_signals(tell: Sender<Heard>) -> io::Result<()> {
    let runtime = Runtime::Current.build()?;
    let (mut interrupt, mut terminate) = {
        let _in_runtime = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    std::thread::Builder::new().spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        // Fails when the run is over, and there is nothing left to end.
        let _ = tell.send(Heard::Interrupted);
    })?;
    Ok(())
}

fn spawn(setting: &str, words: &[&str]) -> io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args(words)
        .arg(setting)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
}
