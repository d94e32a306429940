//! What is noticed about the octets of a body, however they come in, and what is too much of it.

use crate::{BodyFacts, BodyFault, Limits, received::ReceivedCounter};

/// Watches the octets of one body pass by.
#[derive(Debug)]
pub(crate) struct Inspector {
    /// A NUL is a fault.
    pub(crate) refuse_nul: bool,
    size_max: u64,
    pub(crate) line_max: usize,
    received_max: u32,
    line_len: usize,
    received: ReceivedCounter,
    pub(crate) facts: BodyFacts,
    swallowed: u64,
    fault: Option<BodyFault>,
}

impl Inspector {
    /// An inspector at the start of a body.
    pub(crate) fn new(limits: &Limits, refuse_nul: bool) -> Self {
        Self {
            refuse_nul,
            size_max: limits.message_size,
            line_max: limits.text_line,
            received_max: limits.received_fields,
            line_len: 0,
            received: ReceivedCounter::new(),
            facts: BodyFacts::default(),
            swallowed: 0,
            fault: None,
        }
    }

    /// Octets that came so far: those handed out, and those that a run of CRs was shortened by.
    pub(crate) fn octets(&self) -> u64 {
        self.facts.size + self.swallowed
    }

    /// The gravest reason to refuse this body so far, if there is one.
    pub(crate) fn fault(&self) -> Option<BodyFault> {
        self.fault
    }

    /// Notes octets that are about to be handed out.
    pub(crate) fn hand_out(&mut self, bytes: &[u8]) {
        self.facts.size += bytes.len() as u64;
        self.check_size();
        self.facts.eight_bit = self.facts.eight_bit || !bytes.is_ascii();
        self.facts.received_fields = self.received.feed(bytes);
        if self.facts.received_fields > self.received_max {
            self.refuse(BodyFault::Loop);
        }
    }

    /// Drops an octet that came and is not handed out; it counts towards the limits all the same.
    pub(crate) fn swallow(&mut self) {
        self.swallowed += 1;
        self.grow_line(1);
        self.check_size();
    }

    /// Ends a line of which the last `len` octets, CRLF included, were just seen.
    pub(crate) fn end_line(&mut self, len: usize) {
        self.grow_line(len);
        self.facts.longest_line = self.facts.longest_line.max(self.line_len);
        self.line_len = 0;
    }

    pub(crate) fn grow_line(&mut self, len: usize) {
        self.line_len += len;
        if self.line_len > self.line_max {
            self.refuse(BodyFault::LineTooLong);
        }
    }

    pub(crate) fn note_nul(&mut self) {
        self.facts.nul = true;
        if self.refuse_nul {
            self.refuse(BodyFault::Nul);
        }
    }

    /// The gravest fault is the one that is told. The first one would depend on how the input was
    /// cut, since a whole piece is looked at for one fault after the other.
    pub(crate) fn refuse(&mut self, fault: BodyFault) {
        self.fault = self.fault.max(Some(fault));
    }

    /// Notes that so many octets are to come. What is too big for its announcement is refused
    /// before it has come.
    pub(crate) fn announce(&mut self, octets: u64) {
        if self.octets().saturating_add(octets) > self.size_max {
            self.refuse(BodyFault::TooBig);
        }
    }

    fn check_size(&mut self) {
        self.announce(0);
    }
}
