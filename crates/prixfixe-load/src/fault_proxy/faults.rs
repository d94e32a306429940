//! What goes wrong on the way, as data.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

/// What goes wrong, and with how many connections. The default is a proxy that does no harm.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// How octets go from the client to the server.
    pub to_server: Flow,
    /// How octets go from the server to the client.
    pub to_client: Flow,
    /// What breaks, and when.
    pub cut: Option<Cut>,
    /// The share of all connections to which this happens.
    pub share: Share,
    /// Which connections they are, and how jitter and loss fall, is the same for the same seed.
    pub seed: u64,
}

impl Faults {
    /// The same for both directions.
    #[must_use]
    pub fn with_flow(mut self, flow: Flow) -> Self {
        self.to_server = flow;
        self.to_client = flow;
        self
    }

    /// That breaks at `at`.
    #[must_use]
    pub fn with_cut(mut self, how: Break, at: Point) -> Self {
        self.cut = Some(Cut { how, at });
        self
    }

    /// One direction.
    pub fn flow(&self, direction: Direction) -> Flow {
        match direction {
            Direction::ToServer => self.to_server,
            Direction::ToClient => self.to_client,
        }
    }

    /// Whether they happen to the connection with this number, counted from 0.
    pub fn concern(&self, connection: u64) -> bool {
        self.share.0 >= 1.0 || self.random(connection, 0).random::<f64>() < self.share.0
    }

    /// Randomness of its own for each connection and use.
    pub(super) fn random(&self, connection: u64, purpose: u64) -> StdRng {
        // Odd factors from the golden ratio and its square keep neighbours apart.
        let mixed = self.seed
            ^ connection.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ purpose.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
        StdRng::seed_from_u64(mixed)
    }
}

/// A direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// What the client sends.
    ToServer,
    /// What the server sends.
    ToClient,
}

/// How octets go in one direction. The default is: as fast as they come.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Flow {
    /// How much later everything arrives.
    pub latency: Duration,
    /// Up to this much later still, evenly spread; the order stays.
    pub jitter: Duration,
    /// How many octets pass in a second.
    pub bandwidth: Option<NonZeroU64>,
    /// A few octets at a time: a client that writes slowly, or one that reads its replies slowly.
    pub dribble: Option<Dribble>,
    /// Lost packets.
    pub loss: Option<Loss>,
}

/// A few octets at a time. What is not yet due is not read either, so its sender feels it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dribble {
    /// How many octets.
    pub octets: NonZeroU32,
    /// How often.
    pub every: Duration,
}

/// Lost packets, as those who talk over TCP meet them: TCP repeats what was lost and holds back
/// what comes behind it, so loss shows as a delay. This proxy stands above TCP and can drop nothing;
/// it holds up segments of [`Loss::SEGMENT_OCTETS`] for as long as a repetition takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// How many of all segments are lost.
    pub share: Share,
    /// How long the first repetition takes; each further one takes twice as long as the last.
    pub repeated_after: Duration,
}

impl Loss {
    /// What a segment holds on an Ethernet.
    pub const SEGMENT_OCTETS: usize = 1460;
    /// The least time-out of repetition of Linux.
    pub const LINUX_REPEATED_AFTER: Duration = Duration::from_millis(200);
    /// The most repetitions of one segment: a share of one must not hold it for ever.
    const MOST_REPETITIONS: u32 = 6;

    /// How long a segment is held up.
    pub(super) fn delay(&self, random: &mut StdRng) -> Duration {
        let mut delay = Duration::ZERO;
        let mut repetition = self.repeated_after;
        for _ in 0..Self::MOST_REPETITIONS {
            if random.random::<f64>() >= self.share.0 {
                break;
            }
            delay = delay.saturating_add(repetition);
            repetition = repetition.saturating_mul(2);
        }
        delay
    }
}

/// A share of something, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

impl Share {
    /// All of it.
    pub const ALL: Self = Self(1.0);

    /// A share from 0 to 1.
    pub fn new(share: f64) -> Result<Self, NoShare> {
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(NoShare)
        }
    }
}

impl Default for Share {
    fn default() -> Self {
        Self::ALL
    }
}

impl TryFrom<f64> for Share {
    type Error = NoShare;

    fn try_from(share: f64) -> Result<Self, NoShare> {
        Self::new(share)
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

/// A number that is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a share lies between 0 % and 100 %")]
pub struct NoShare;

/// What breaks, and when; once for each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// What happens.
    pub how: Break,
    /// When.
    pub at: Point,
}

/// How a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Break {
    /// Client and server get a reset (RST). What they had not read yet may be lost with it.
    Reset,
    /// Nothing passes any more, and nobody is told. It passes again when the fault is taken away.
    BlackHole,
    /// One direction ends in order (FIN): what is sent in it after that is dropped.
    HalfClose(Direction),
}

/// A point of a dialogue. What lies before it has been handed on, what lies behind it has not.
///
/// Stages are known from the dialogue in the clear. Inside TLS only [`Point::AtOnce`] and the counts
/// of octets are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Wherever the dialogue is: connections that exist, and new ones as soon as they are accepted.
    AtOnce,
    /// The client has the greeting.
    Banner,
    /// The client has the reply to EHLO, HELO or LHLO.
    Ehlo,
    /// The client has the reply to MAIL.
    Mail,
    /// The client has the reply to the first RCPT.
    Rcpt,
    /// The client has the 354 after DATA.
    DataStart,
    /// So many octets of a body are with the server, at least one; of DATA or BDAT.
    Body(NonZeroU64),
    /// The whole body is with the server, the final dot or the last chunk included; the reply is not
    /// waited for.
    BodyEnd,
    /// The server has answered the body, and the client does not hear of it.
    Reply,
    /// So many octets of the client are with the server.
    ToServer(NonZeroU64),
    /// So many octets of the server are with the client.
    ToClient(NonZeroU64),
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_share_chooses_the_same_connections_for_the_same_seed() {
        let faults = Faults {
            share: Share::new(0.25).unwrap(),
            seed: 7,
            ..Faults::default()
        };
        let chosen: Vec<u64> = (0..10_000).filter(|c| faults.concern(*c)).collect();
        // Six standard deviations of a binomial distribution are 260.
        assert!((2240..2760).contains(&chosen.len()), "{}", chosen.len());
        assert!(chosen.iter().all(|connection| faults.concern(*connection)));
        let other = Faults { seed: 8, ..faults };
        assert!(chosen.iter().any(|connection| !other.concern(*connection)));
    }

    #[test]
    fn all_and_none_are_shares_too() {
        let with = |share| Faults {
            share: Share::new(share).unwrap(),
            ..Faults::default()
        };
        assert!((0..1000).all(|connection| with(1.0).concern(connection)));
        assert!((0..1000).all(|connection| !with(0.0).concern(connection)));
        assert!(Share::new(1.01).is_err() && Share::new(f64::NAN).is_err());
    }

    #[test]
    fn loss_delays_its_share_of_segments_and_doubles_what_is_lost_again() {
        let loss = Loss {
            share: Share::new(0.1).unwrap(),
            repeated_after: Duration::from_millis(200),
        };
        let mut random = Faults::default().random(0, 0);
        let delays: Vec<u128> = (0..10_000)
            .map(|_| loss.delay(&mut random).as_millis())
            .collect();
        let delayed = delays.iter().filter(|delay| **delay > 0).count();
        assert!((820..1180).contains(&delayed), "{delayed}");
        assert!(
            delays
                .iter()
                .all(|delay| (delay / 200 + 1).is_power_of_two())
        );
        assert!(delays.iter().any(|delay| *delay >= 600));
        let all = Loss {
            share: Share::ALL,
            ..loss
        };
        assert_eq!(all.delay(&mut random), Duration::from_millis(200 * 63));
    }

    #[test]
    fn faults_are_data_and_unknown_ones_are_refused() {
        let text = r#"{"to_client":{"latency":{"secs":0,"nanos":5000000}},
            "cut":{"how":"reset","at":{"body":100}},"share":0.5,"seed":3}"#;
        let faults: Faults = serde_json::from_str(text).unwrap();
        assert_eq!(faults.to_client.latency, Duration::from_millis(5));
        assert_eq!(
            faults.cut.unwrap().at,
            Point::Body(NonZeroU64::new(100).unwrap())
        );
        let text = serde_json::to_string(&faults).unwrap();
        assert_eq!(serde_json::from_str::<Faults>(&text).unwrap(), faults);
        assert!(serde_json::from_str::<Faults>(r#"{"latncy":1}"#).is_err());
        assert!(serde_json::from_str::<Faults>(r#"{"share":2.0}"#).is_err());
    }
}
