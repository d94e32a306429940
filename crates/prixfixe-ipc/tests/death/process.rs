//! Processes that tests start, drive by lines of text, stop and kill.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal};

const ROLE_VARIABLE: &str = "TEST_PRIXFIXE_IPC_ROLE";
/// What stands before every line that is meant for the test; the test framework prints others.
const MARK: &str = "=> ";
const ROWS_AT_ONCE: usize = 8;
/// Between two looks at a condition that nobody announces.
const POLL: Duration = Duration::from_millis(1);

/// Another process of this test's own program; killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    /// The thread that does the work, which is not the first one.
    worker: u32,
}

/// What a process did next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Said(String),
    Stopped,
    Died,
}

/// Where a process has come to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Asleep,
    Stopped,
    Dead,
}

impl Process {
    /// Starts `role`, with `settings` in its environment.
    pub(crate) fn start(role: &str, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .args(["--test-threads=1", "--quiet"])
            .env(ROLE_VARIABLE, role)
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some((_, said)) = line.split_once(MARK) {
                    // Nobody listens any more when the test is over.
                    let _ = sender.send(said.to_owned());
                }
            }
        });
        let mut process = Self {
            child,
            lines,
            worker: 0,
        };
        process.worker = match process.next_event() {
            Event::Said(thread) => thread.parse().unwrap(),
            event => panic!("instead of naming its thread, a child {event:?}"),
        };
        process
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The thread that does its work.
    pub(crate) fn worker(&self) -> u32 {
        self.worker
    }

    /// Tells it to do something.
    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
    }

    /// Lets it come to its end by itself, and waits for that.
    pub(crate) fn finish(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success(), "a child failed");
    }

    /// Waits until it says something, stops or dies.
    pub(crate) fn next_event(&self) -> Event {
        loop {
            // The state first: what was said before it died is in the pipe then.
            let state = state_of(self.pid());
            match self.lines.recv_timeout(POLL) {
                Ok(line) => return Event::Said(line),
                Err(RecvTimeoutError::Disconnected) => return Event::Died,
                Err(RecvTimeoutError::Timeout) if state == Some('T') => return Event::Stopped,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Waits for `line`, and nothing else may come before it.
    pub(crate) fn expect(&self, line: &str) {
        assert_eq!(self.next_event(), Event::Said(line.to_owned()));
    }

    /// Waits until it sleeps for want of work, is stopped, or is dead.
    pub(crate) fn settled(&self) -> Settled {
        loop {
            match state_of(self.worker) {
                Some('S') => return Settled::Asleep,
                Some('T') => return Settled::Stopped,
                Some('Z' | 'X') | None => return Settled::Dead,
                Some(_) => std::thread::sleep(POLL),
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits until it is gone. True when a signal killed it.
    pub(crate) fn died_of_a_signal(&mut self) -> bool {
        self.child.wait().unwrap().signal().is_some()
    }

    /// Kills it and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What this process was started for, if it is a child. It then dies with its parent.
pub(crate) fn role() -> Option<String> {
    let role = std::env::var(ROLE_VARIABLE).ok()?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    say(&this_thread().to_string());
    Some(role)
}

/// The number of the calling thread.
pub(crate) fn this_thread() -> u32 {
    rustix::thread::gettid()
        .as_raw_nonzero()
        .get()
        .unsigned_abs()
}

/// Says something to the test that started this process.
pub(crate) fn say(line: &str) {
    println!("{MARK}{line}");
}

/// The state of a thread, named by its number, as `/proc` has it; none when it is gone.
pub(crate) fn state_of(thread: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{thread}/stat")).ok()?;
    // The name stands in parentheses and may contain any of them.
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Waits for `condition`; the watchdog is the bound.
pub(crate) fn wait_until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        std::thread::sleep(POLL);
    }
}

/// Ends the test program if it is not dropped in time, so that nothing hangs.
pub(crate) struct Watchdog {
    _ended: Sender<()>,
}

impl Watchdog {
    pub(crate) fn new(test: &'static str, patience: Duration) -> Self {
        let (sender, receiver) = channel::<()>();
        std::thread::spawn(move || {
            if receiver.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{test} did not end within {patience:?}");
                std::process::abort();
            }
        });
        Self { _ended: sender }
    }
}

/// Runs each row, several at a time since they wait most of the time, and prints what they return.
pub(crate) fn side_by_side<R: Sync>(rows: &[R], run: impl Fn(&R) -> String + Sync) {
    let lines = Mutex::new(vec![String::new(); rows.len()]);
    let next = Mutex::new(rows.iter().enumerate());
    std::thread::scope(|scope| {
        for _ in 0..ROWS_AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((index, row)) = next.lock().unwrap().next() else {
                        return;
                    };
                    let line = run(row);
                    lines.lock().unwrap()[index] = line;
                }
            });
        }
    });
    for line in lines.into_inner().unwrap() {
        println!("{line}");
    }
}

/// Whether the long form was asked for.
pub(crate) fn long() -> bool {
    std::env::var_os("PRIXFIXE_LONG").is_some_and(|value| value == "1")
}
