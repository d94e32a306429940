//! Processes of this test binary: each is one of its ignored tests, run alone with settings in the
//! environment. What they have to say they print as lines that start with `says`; they end when their
//! standard input does, so that none outlives the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A child and what it has said so far.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    said: Arc<(Mutex<Said>, Condvar)>,
}

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    /// The process has closed its output, which it does at its end.
    over: bool,
}

/// How long anything awaited may take before the test is given up: far beyond anything but a hang.
const PATIENCE: Duration = Duration::from_secs(60);

impl Process {
    /// Runs the ignored test `role` with `settings`.
    pub(crate) fn start(role: &str, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", role, "--ignored", "--nocapture"])
            .env(MARK, role)
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::<(Mutex<Said>, Condvar)>::default();
        let output = BufReader::new(child.stdout.take().unwrap());
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in output.lines() {
                let Ok(line) = line else { break };
                if let Some(line) = line.strip_prefix("says ") {
                    heard.0.lock().unwrap().lines.push(line.to_owned());
                    heard.1.notify_all();
                }
            }
            heard.0.lock().unwrap().over = true;
            heard.1.notify_all();
        });
        Self {
            input: child.stdin.take(),
            child,
            said,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the first line after the first `skipped` for which `wanted` has an answer; returns
    /// how many lines to skip the next time, too.
    pub(crate) fn await_line<T>(
        &self,
        skipped: usize,
        wanted: impl Fn(&str) -> Option<T>,
    ) -> (usize, T) {
        let mut said = self.said.0.lock().unwrap();
        let mut looked_at = skipped;
        loop {
            while looked_at < said.lines.len() {
                looked_at += 1;
                if let Some(answer) = wanted(&said.lines[looked_at - 1]) {
                    return (looked_at, answer);
                }
            }
            assert!(
                !said.over,
                "the process has ended; it said {:?}",
                said.lines
            );
            let (next, waited) = self.said.1.wait_timeout(said, PATIENCE).unwrap();
            said = next;
            assert!(!waited.timed_out(), "it said only {:?}", said.lines);
        }
    }

    /// How many lines it has said.
    pub(crate) fn lines_said(&self) -> usize {
        self.said.0.lock().unwrap().lines.len()
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    pub(crate) fn assert_alive(&mut self) {
        assert_eq!(
            self.child.try_wait().unwrap(),
            None,
            "the process has ended"
        );
    }

    /// Asks it to end, and waits. It must end well.
    pub(crate) fn finish(mut self) {
        self.assert_alive();
        drop(self.input.take());
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "the process ended with {ended}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After `finish` there is nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this process is meant to be `role`, and not a run of all ignored tests.
pub(crate) fn is(role: &str) -> bool {
    std::env::var(MARK).is_ok_and(|marked| marked == role)
}

/// A setting of this process.
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Says a line to the process that started this one.
pub(crate) fn say(line: &str) {
    // One write, so that lines of several threads do not mix, and none of the test harness's output.
    let line = format!("\nsays {line}\n");
    // A listener that is gone ends this process by its standard input.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

/// The next line from the process that started this one.
pub(crate) fn hear() -> Option<String> {
    std::io::stdin().lines().next()?.ok()
}

const MARK: &str = "PRIXFIXE_HOSTILE_ROLE";

/// Ends the whole run if a test takes longer than any may.
pub(crate) struct Watchdog {
    done: Arc<(Mutex<bool>, Condvar)>,
}

impl Watchdog {
    pub(crate) fn new(name: &'static str) -> Self {
        let done = Arc::<(Mutex<bool>, Condvar)>::default();
        let seen = Arc::clone(&done);
        std::thread::spawn(move || {
            let guard = seen.0.lock().unwrap();
            let waited = seen.1.wait_timeout_while(guard, LIMIT, |done| !*done);
            if waited.is_ok_and(|(_, timeout)| timeout.timed_out()) {
                eprintln!("{name} hangs");
                std::process::abort();
            }
        });
        Self { done }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        *self.done.0.lock().unwrap() = true;
        self.done.1.notify_all();
    }
}

/// Longer than any of these tests takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);
