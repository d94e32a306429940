//! A heading that waits for what it stands above.

use std::io::{self, Write};

/// Writes a heading before the first byte. A message can vanish from the store before it is
/// read; then nothing must be left of it in the output.
#[derive(Debug)]
pub(super) struct LateHeading<W> {
    out: W,
    heading: Option<String>,
}

impl<W: Write> LateHeading<W> {
    pub(super) fn new(out: W, heading: String) -> Self {
        Self {
            out,
            heading: Some(heading),
        }
    }

    /// Whether nothing has been written.
    pub(super) fn is_unwritten(&self) -> bool {
        self.heading.is_some()
    }

    /// Writes the heading if nothing came below it, and returns the output.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.begin()?;
        Ok(self.out)
    }

    fn begin(&mut self) -> io::Result<()> {
        match self.heading.take() {
            Some(heading) => self.out.write_all(heading.as_bytes()),
            None => Ok(()),
        }
    }
}

impl<W: Write> Write for LateHeading<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            self.begin()?;
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
