//! How a process of a run begins, and talks with the program that started it: a line at a time, over
//! its standard input and output, never while calls are timed.

use std::io::{self, BufRead, Write};

use rustix::process::{Resource, Rlimit};

/// The line by which a process says that it is ready.
pub(super) const READY: &str = "ready";

/// What each does first.
pub(super) fn begin() -> io::Result<()> {
    // Should the program be killed, no process of its run goes on.
    let kill = rustix::process::Signal::KILL;
    rustix::process::set_parent_process_death_signal(Some(kill))?;
    raise_descriptors()
}

/// Thousands of connections and pipes are more than the customary soft limit.
pub(super) fn raise_descriptors() -> io::Result<()> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    Ok(rustix::process::setrlimit(Resource::Nofile, raised)?)
}

pub(super) fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// The next line, without its end; empty when there is none any more.
pub(super) fn hear() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    line.truncate(line.trim_end().len());
    Ok(line)
}
