//! What can go wrong, and with which calls.

use std::time::Duration;

use crate::outcome::Refusal;

/// Something that goes wrong, and the calls that it happens to: the next one, unless told otherwise.
///
/// Of several that are injected, each call meets the first that it is meant for. Counts are of calls
/// that it is meant for, from when it was injected, in the order in which the server sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "inject it into a server"]
pub struct Fault {
    pub(super) kind: Kind,
    message_type: Option<u32>,
    /// Calls that it lets pass first.
    passes: u64,
    /// Calls that it happens to.
    times: u64,
    chance: Option<Chance>,
}

/// How long nobody is at the address of a server that has hung up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Away {
    /// Its successor comes at once.
    NotAtAll,
    /// After this time.
    For(Duration),
    /// When the test calls [`TestServer::come_back`](super::TestServer::come_back).
    UntilCalledBack,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Refuse(Refusal),
    Answer(Vec<u8>),
    Delay(Duration),
    NeverAnswer,
    HangUpBefore(Away),
    HangUpAfter(Away),
    CorruptReply,
}

/// One call in so many, by numbers that look like chance and are the same for the same seed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Chance {
    one_in: u64,
    state: u64,
}

/// What a fault has to do with a call.
pub(super) enum Met {
    /// It is meant for others, or not yet or no more for this one.
    Not,
    Happens(Kind),
}

impl Fault {
    /// The call is refused, and not executed.
    pub fn refuse(refusal: Refusal) -> Self {
        Self::new(Kind::Refuse(refusal))
    }

    /// The call is answered with these bytes, or as many as its caller has room for, and not executed.
    pub fn answer(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(Kind::Answer(bytes.into()))
    }

    /// The handler has the call only after that time. Others are not held up.
    pub fn delay(time: Duration) -> Self {
        Self::new(Kind::Delay(time))
    }

    /// The call is taken, never executed, and never answered. It counts as running until the server
    /// hangs up; [`ServerConfig::max_running`](crate::ServerConfig) such calls leave no room for others.
    pub fn never_answer() -> Self {
        Self::new(Kind::NeverAnswer)
    }

    /// The server hangs up on everybody with the call in the ring, which it has not taken. The client
    /// sends it again when a server is there.
    pub fn hang_up_before(away: Away) -> Self {
        Self::new(Kind::HangUpBefore(away))
    }

    /// The server executes the call, and hangs up on everybody instead of answering.
    pub fn hang_up_after(away: Away) -> Self {
        Self::new(Kind::HangUpAfter(away))
    }

    /// The call is executed, and its reply is one that cannot be, upon which the client drops the
    /// connection.
    pub fn corrupt_reply() -> Self {
        Self::new(Kind::CorruptReply)
    }

    const fn new(kind: Kind) -> Self {
        Self {
            kind,
            message_type: None,
            passes: 0,
            times: 1,
            chance: None,
        }
    }

    /// Only calls of this [type](crate::Call::message_type).
    pub const fn of_type(mut self, message_type: u32) -> Self {
        self.message_type = Some(message_type);
        self
    }

    /// Lets so many calls pass before.
    pub const fn after(mut self, calls: u64) -> Self {
        self.passes = calls;
        self
    }

    /// Happens to so many calls, one after the other.
    pub const fn times(mut self, calls: u64) -> Self {
        self.times = calls;
        self
    }

    /// Happens to every call from then on.
    pub const fn always(self) -> Self {
        self.times(u64::MAX)
    }

    /// Happens, as often as it may, to one call in `calls`, which look drawn by lot and are the same for
    /// the same `seed`. 0 is as good as 1.
    pub const fn one_in(mut self, calls: u64, seed: u64) -> Self {
        let one_in = if calls == 0 { 1 } else { calls };
        self.chance = Some(Chance {
            one_in,
            state: seed,
        });
        self
    }

    /// Looks at a call that no fault before it has happened to.
    pub(super) fn meet(&mut self, message_type: u32) -> Met {
        let meant = self
            .message_type
            .is_none_or(|wanted| wanted == message_type);
        if !meant || self.times == 0 {
            return Met::Not;
        }
        if self.passes > 0 {
            self.passes -= 1;
            return Met::Not;
        }
        if self.chance.as_mut().is_some_and(|chance| !chance.draws()) {
            return Met::Not;
        }
        if self.times != u64::MAX {
            self.times -= 1;
        }
        Met::Happens(self.kind.clone())
    }

    /// Whether it is still to happen, for one that does not go on for ever.
    pub(super) const fn is_pending(&self) -> bool {
        self.times > 0 && self.times < u64::MAX
    }

    pub(super) const fn is_over(&self) -> bool {
        self.times == 0
    }
}

impl Chance {
    /// SplitMix64.
    const fn draws(&mut self) -> bool {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31).is_multiple_of(self.one_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happens(fault: &mut Fault, types: &[u32]) -> Vec<bool> {
        let met = |message_type: &u32| matches!(fault.meet(*message_type), Met::Happens(_));
        types.iter().map(met).collect()
    }

    #[test]
    fn a_fault_happens_to_the_calls_that_were_counted() {
        let mut fault = Fault::never_answer().of_type(7).after(1).times(2);
        let happened = happens(&mut fault, &[7, 1, 7, 7, 7, 1]);
        assert_eq!(happened, [false, false, true, true, false, false]);
        assert!(fault.is_over());
        let mut fault = Fault::never_answer();
        assert_eq!(happens(&mut fault, &[3, 3]), [true, false]);
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed() {
        let draw = |seed| {
            let mut fault = Fault::never_answer().always().one_in(4, seed);
            happens(&mut fault, &[0; 1000])
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let happened = draw(1).into_iter().filter(|happened| *happened).count();
        assert!((150..350).contains(&happened), "{happened} of 1000");
    }
}
