//! Writes the log off the way of mail.
//!
//! An event appends its line to a buffer, and a thread writes the buffer a few times a second. A
//! thread that is woken for each line would cost more than formatting it, and a line written by
//! the receiver itself would hold up mail when nobody reads the log.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// How long lines are gathered before they are written.
const GATHER: Duration = Duration::from_millis(50);
/// Octets that may wait; beyond them lines are dropped, and their number told. That is more than
/// a receiver says in a second.
const PENDING_MAX: usize = 4 << 20;
/// Octets of the buffers kept between two writes.
const PENDING_KEPT: usize = 64 << 10;
/// How long the end of the process waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Where events write their lines.
#[derive(Debug, Clone)]
pub(crate) struct LogWriter(Arc<Shared>);

/// Writes what is left of the log when it is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct LogEnd {
    shared: Arc<Shared>,
    written: mpsc::Receiver<()>,
}

#[derive(Debug)]
struct Shared {
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Pending {
    text: Vec<u8>,
    dropped: u64,
    ended: bool,
}

impl LogWriter {
    /// Starts the thread that writes to `out`.
    pub(crate) fn start(out: impl Write + Send + 'static) -> io::Result<(Self, LogEnd)> {
        let shared = Arc::new(Shared {
            pending: Mutex::default(),
            changed: Condvar::new(),
        });
        let (done, written) = mpsc::channel();
        let of_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                of_thread.write_all(out);
                // Dropped when all is written, which `LogEnd` waits for.
                drop(done);
            })?;
        let end = LogEnd {
            shared: Arc::clone(&shared),
            written,
        };
        Ok((Self(shared), end))
    }
}

impl<'w> MakeWriter<'w> for LogWriter {
    type Writer = &'w LogWriter;

    fn make_writer(&'w self) -> Self::Writer {
        self
    }
}

impl Write for &LogWriter {
    /// Takes one whole event; this is how the formatter writes.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut pending = self.0.lock();
        if pending.text.len() + line.len() > PENDING_MAX {
            pending.dropped += 1;
            return Ok(line.len());
        }
        let was_empty = pending.text.is_empty();
        pending.text.extend_from_slice(line);
        drop(pending);
        if was_empty {
            self.0.changed.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        // Every change is one call, so a panic leaves nothing half done.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut out: impl Write) {
        let mut text = Vec::new();
        loop {
            let mut pending = self
                .changed
                .wait_while(self.lock(), |pending| {
                    pending.text.is_empty() && !pending.ended
                })
                .unwrap_or_else(PoisonError::into_inner);
            if !pending.ended {
                pending = self
                    .changed
                    .wait_timeout_while(pending, GATHER, |pending| !pending.ended)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
            let (dropped, ended) = (mem::take(&mut pending.dropped), pending.ended);
            mem::swap(&mut text, &mut pending.text);
            drop(pending);
            // Who closed the log does not want it.
            let _ = out.write_all(&text);
            if dropped > 0 {
                let _ = writeln!(
                    out,
                    "{{\"level\":\"WARN\",\"message\":\"{dropped} log lines were dropped\"}}"
                );
            }
            let _ = out.flush();
            text.clear();
            text.shrink_to(PENDING_KEPT);
            if ended {
                return;
            }
        }
    }
}

impl Drop for LogEnd {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_one();
        // Ends at once when the thread has; a log that nobody reads is not waited for.
        let _ = self.written.recv_timeout(LAST_LINES);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    struct Pipe(Sender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let sent = self.0.send(octets.to_vec());
            sent.map(|()| octets.len()).map_err(io::Error::other)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn read_to_end(pipe: &Receiver<Vec<u8>>) -> Vec<u8> {
        pipe.iter().flatten().collect()
    }

    #[test]
    fn every_line_is_written_in_order_before_the_end() {
        let (sender, pipe) = channel();
        let (writer, end) = LogWriter::start(Pipe(sender)).unwrap();
        for number in 0..1000 {
            writeln!(&writer, "{number}").unwrap();
        }
        drop(end);
        let text = String::from_utf8(read_to_end(&pipe)).unwrap();
        let numbers: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn a_log_that_nobody_reads_holds_nobody_up_and_says_what_it_lost() {
        struct Stuck(Receiver<()>, Pipe);
        impl Write for Stuck {
            fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
                // Blocks until the test lets go.
                let _ = self.0.recv();
                self.1.write(octets)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let ((sender, pipe), (release, stuck)) = (channel(), channel());
        let (writer, end) = LogWriter::start(Stuck(stuck, Pipe(sender))).unwrap();
        let line = vec![b'x'; 1 << 20];
        for _ in 0..20 {
            (&writer).write_all(&line).unwrap();
        }
        drop(release);
        drop(end);
        let text = String::from_utf8(read_to_end(&pipe)).unwrap();
        assert!(text.len() < 20 << 20, "{}", text.len());
        assert!(text.contains("log lines were dropped"));
    }
}
