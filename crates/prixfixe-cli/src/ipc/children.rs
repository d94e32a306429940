//! The processes of a run. None outlives the run: what is dropped is killed.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// All processes of a run, and what they say.
pub(super) struct Children {
    running: Vec<Running>,
    lines: Receiver<(usize, Option<String>)>,
    tell: Sender<(usize, Option<String>)>,
}

/// Which process of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChildIndex(usize);

struct Running {
    name: String,
    process: Child,
    input: Option<ChildStdin>,
    /// Its end is meant.
    ended: bool,
}

/// Why the processes of a run did not do their part.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChildError {
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
}

/// From the last word of the program to a common start: time for so many processes to hear it and sleep.
pub(super) fn lead(processes: usize) -> Duration {
    // More than fit are more than can be started.
    LEAD + LEAD_PER_PROCESS * u32::try_from(processes).unwrap_or(u32::MAX)
}

const LEAD: Duration = Duration::from_millis(100);
/// A thousand that wake up at once take half a second until they sleep again.
const LEAD_PER_PROCESS: Duration = Duration::from_millis(1);

impl Children {
    pub(super) fn new() -> Self {
        let (tell, lines) = mpsc::channel();
        Self {
            running: Vec::new(),
            lines,
            tell,
        }
    }

    /// Starts this program again, with these words behind `prixfixe ipc`.
    pub(super) fn start(&mut self, name: &str, words: &[&str]) -> Result<ChildIndex, ChildError> {
        let index = self.running.len();
        let tell = self.tell.clone();
        let started = spawn(words).and_then(|mut process| {
            let output = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
            let input = process.stdin.take();
            // Owned from here on, so that it is killed whatever comes next.
            self.running.push(Running {
                name: name.to_owned(),
                process,
                input,
                ended: false,
            });
            std::thread::Builder::new()
                .stack_size(READER_STACK_BYTES)
                .spawn(move || {
                    let lines = BufReader::new(output).lines().map_while(Result::ok);
                    for line in lines.map(Some).chain([None]) {
                        // Fails when the run is over, and nobody listens any more.
                        let _ = tell.send((index, line));
                    }
                })
        });
        match started {
            Ok(_) => Ok(ChildIndex(index)),
            Err(source) => Err(ChildError::Start {
                name: name.to_owned(),
                source,
            }),
        }
    }

    /// The process id, for looking into `/proc`.
    pub(super) fn pid(&self, child: ChildIndex) -> u32 {
        self.running[child.0].process.id()
    }

    /// Kills one process, as a crash would.
    pub(super) fn kill(&mut self, child: ChildIndex) -> io::Result<()> {
        let child = &mut self.running[child.0];
        child.ended = true;
        child.process.kill()?;
        child.process.wait().map(drop)
    }

    /// Sends a line to one process.
    pub(super) fn say(&mut self, to: ChildIndex, line: &str) -> Result<(), ChildError> {
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
    pub(super) fn hear(
        &mut self,
        from: &[ChildIndex],
        patience: Duration,
    ) -> Result<Vec<String>, ChildError> {
        self.hear_beside(from, patience, &mut || false)
    }

    /// The same, with `beat` called now and then meanwhile. As long as it says that something moves,
    /// silence is none.
    pub(super) fn hear_beside(
        &mut self,
        from: &[ChildIndex],
        patience: Duration,
        beat: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<String>, ChildError> {
        let places: HashMap<usize, usize> = (0..from.len())
            .map(|place| (from[place].0, place))
            .collect();
        let mut deadline = Instant::now() + patience;
        let mut next_beat = Instant::now() + BEAT;
        let mut heard: Vec<Option<String>> = vec![None; from.len()];
        let mut missing = from.len();
        while missing > 0 {
            if Instant::now() >= next_beat {
                next_beat = Instant::now() + BEAT;
                if beat() {
                    deadline = Instant::now() + patience;
                }
            }
            let until = next_beat.min(deadline);
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok((index, Some(line))) => {
                    if let Some(place) = places.get(&index) {
                        missing -= usize::from(heard[*place].is_none());
                        heard[*place] = Some(line);
                    }
                }
                Ok((index, None)) if self.running[index].ended => {}
                Ok((index, None)) => return Err(self.ended(index)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    if Instant::now() < deadline {
                        continue;
                    }
                    let silent = heard.iter().position(Option::is_none).unwrap_or(0);
                    return Err(ChildError::Silent {
                        name: self.running[from[silent].0].name.clone(),
                        waited: patience,
                    });
                }
            }
        }
        Ok(heard.into_iter().flatten().collect())
    }

    /// Lets one process end by itself, as its input has, and waits for that.
    pub(super) fn dismiss(&mut self, child: ChildIndex) -> io::Result<ExitStatus> {
        let child = &mut self.running[child.0];
        child.ended = true;
        child.input = None;
        child.process.wait()
    }

    /// Sends a signal to one process.
    pub(super) fn signal(&self, child: ChildIndex, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.pid(child)).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::NotFound)?;
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// How one process ended, if it has. One that ends once this has been asked is no surprise.
    pub(super) fn ended_by_itself(&mut self, child: ChildIndex) -> io::Result<Option<ExitStatus>> {
        let child = &mut self.running[child.0];
        let status = child.process.try_wait()?;
        child.ended |= status.is_some();
        Ok(status)
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

fn spawn(words: &[&str]) -> io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .arg("ipc")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
}

/// How often progress is looked at while lines are waited for.
const BEAT: Duration = Duration::from_millis(200);
/// Reading lines nests little, and there may be a thousand of these threads.
const READER_STACK_BYTES: usize = 64 * 1024;
