//! How long to look before going to sleep.
//!
//! A sleep with its wake costs several microseconds on both sides, and tens where the processor has
//! gone idle; a look costs nanoseconds, but takes the processor from whoever would do the work.
//! So it depends on the crowd: with a processor for everybody who is awake, spin; with more who want
//! to run than processors, give way and look again; with one processor, sleep at once. And on luck:
//! who spun in vain does not do it again soon.

use std::time::{Duration, Instant};

use crate::sys;

/// The longest time that somebody looks before he sleeps: about what a sleep and a wake cost where
/// the processor was idle meanwhile.
pub(crate) const SPIN_BUDGET: Duration = Duration::from_micros(40);

/// How many look for work at the same time, as far as the server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowd {
    /// One processor: whoever looks keeps the other from working.
    OneProcessor,
    /// A processor for each, or nearly.
    Few,
    /// A few more than processors.
    Several,
    /// Many more.
    Many,
}

impl Crowd {
    /// With `active` clients, one server, and `processors`.
    pub(crate) fn of(active: usize, processors: usize) -> Self {
        if processors <= 1 {
            Self::OneProcessor
        } else if active <= processors {
            Self::Few
        } else if active <= SEVERAL_PER_PROCESSOR * processors {
            Self::Several
        } else {
            Self::Many
        }
    }

    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::OneProcessor => 0,
            Self::Few => 1,
            Self::Several => 2,
            Self::Many => 3,
        }
    }

    /// From what the server advises. Any other number is read as many: the advice is only that.
    pub(crate) const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::OneProcessor,
            1 => Self::Few,
            2 => Self::Several,
            _ => Self::Many,
        }
    }

    /// How often a client gives way for a reply before it sleeps.
    const fn yields(self) -> u32 {
        match self {
            Self::OneProcessor | Self::Few => 0,
            Self::Several | Self::Many => 64,
        }
    }
}

/// Clients for each processor above which nobody should count on being alone there.
const SEVERAL_PER_PROCESSOR: usize = 8;
/// Pauses between two looks at the clock.
const PAUSES_PER_CLOCK: u32 = 64;
/// Yields between two looks at the clock.
const YIELDS_PER_CLOCK: u32 = 8;

/// Looks for `ready` as long as `crowd` allows, for a client whose call a server that is awake has
/// before it. True when it was found.
pub(crate) fn await_reply(crowd: Crowd, mut ready: impl FnMut() -> bool) -> bool {
    match crowd {
        Crowd::OneProcessor => false,
        Crowd::Few => pause_until(SPIN_BUDGET, &mut ready),
        Crowd::Several | Crowd::Many => {
            for _ in 0..crowd.yields() {
                sys::yield_now();
                if ready() {
                    return true;
                }
            }
            false
        }
    }
}

/// Looks for `ready` as long as `crowd` allows, for a server with nothing to do.
pub(crate) fn await_work(crowd: Crowd, mut ready: impl FnMut() -> bool) -> bool {
    match crowd {
        Crowd::OneProcessor => false,
        Crowd::Few => pause_until(SPIN_BUDGET, &mut ready),
        Crowd::Several | Crowd::Many => yield_until(SPIN_BUDGET, &mut ready),
    }
}

fn pause_until(budget: Duration, ready: &mut impl FnMut() -> bool) -> bool {
    let mut started = None;
    loop {
        for _ in 0..PAUSES_PER_CLOCK {
            if ready() {
                return true;
            }
            std::hint::spin_loop();
        }
        if started.get_or_insert_with(Instant::now).elapsed() >= budget {
            return false;
        }
    }
}

fn yield_until(budget: Duration, ready: &mut impl FnMut() -> bool) -> bool {
    let mut started = None;
    loop {
        for _ in 0..YIELDS_PER_CLOCK {
            sys::yield_now();
            if ready() {
                return true;
            }
        }
        if started.get_or_insert_with(Instant::now).elapsed() >= budget {
            return false;
        }
    }
}

/// Whether looking pays: after looking in vain, it is left out for ever more sleeps in a row, up to
/// [`Luck::MOST_SKIPPED`]; when it was not in vain, it is tried every time again.
#[derive(Default)]
pub(crate) struct Luck {
    left_out: u32,
    to_leave_out: u32,
}

impl Luck {
    /// The most sleeps in a row before which nobody looks: one probe in so many costs next to nothing,
    /// and finds out within milliseconds that the other side has become quick.
    const MOST_SKIPPED: u32 = 64;

    /// Whether to look this time.
    pub(crate) fn worth_a_try(&mut self) -> bool {
        if self.left_out < self.to_leave_out {
            self.left_out += 1;
            return false;
        }
        true
    }

    pub(crate) fn won(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn lost(&mut self) {
        self.left_out = 0;
        self.to_leave_out = (self.to_leave_out * 2).clamp(1, Self::MOST_SKIPPED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_in_vain_looks_ever_more_rarely_until_it_pays_again() {
        let mut luck = Luck::default();
        let mut tries = 0;
        for _ in 0..1000 {
            if luck.worth_a_try() {
                tries += 1;
                luck.lost();
            }
        }
        assert_eq!(tries, 21, "7 while it doubles to 64, then one in 65");
        luck.won();
        assert!(luck.worth_a_try() && luck.worth_a_try());
    }

    #[test]
    fn advice_survives_the_page() {
        for crowd in [Crowd::OneProcessor, Crowd::Few, Crowd::Several, Crowd::Many] {
            assert_eq!(Crowd::from_number(crowd.number()), crowd);
        }
    }
}
