//! Faults as people write them: `latency=50ms`, `dribble:to-server=1/100ms`, `reset@body=4096`.

use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;
use std::time::Duration;

use super::faults::{Break, Cut, Direction, Dribble, Faults, Flow, Loss, Point, Share};

/// One fault, to be added to others.
///
/// | text | fault |
/// | --- | --- |
/// | `latency=50ms` | [`Flow::latency`] |
/// | `jitter=20ms` | [`Flow::jitter`] |
/// | `bandwidth=64KiB` | [`Flow::bandwidth`], in a second |
/// | `dribble=1/100ms` | [`Flow::dribble`] |
/// | `loss=1%` | [`Flow::loss`], as Linux repeats |
/// | `reset@POINT` | [`Break::Reset`] |
/// | `blackhole@POINT` | [`Break::BlackHole`] |
/// | `half-close:DIRECTION@POINT` | [`Break::HalfClose`] |
///
/// The first five take a direction as in `latency:to-server=50ms`, and are meant for both without
/// one. A point is `at-once`, `banner`, `ehlo`, `mail`, `rcpt`, `data`, `body=OCTETS`, `end`,
/// `reply`, `to-server=OCTETS` or `to-client=OCTETS`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultText(Fault);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Flow(Option<Direction>, FlowFault),
    Cut(Cut),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum FlowFault {
    Latency(Duration),
    Jitter(Duration),
    Bandwidth(NonZeroU64),
    Dribble(Dribble),
    Loss(Loss),
}

impl FaultText {
    /// Adds it. What was said before of the same kind and direction is replaced; but a connection
    /// breaks in one way only.
    pub fn add_to(self, faults: &mut Faults) -> Result<(), FaultTextError> {
        match self.0 {
            Fault::Flow(direction, fault) => {
                if direction != Some(Direction::ToClient) {
                    fault.add_to(&mut faults.to_server);
                }
                if direction != Some(Direction::ToServer) {
                    fault.add_to(&mut faults.to_client);
                }
            }
            Fault::Cut(cut) => {
                if faults.cut.is_some() {
                    return Err(FaultTextError::SecondCut);
                }
                faults.cut = Some(cut);
            }
        }
        Ok(())
    }
}

impl FlowFault {
    fn add_to(self, flow: &mut Flow) {
        match self {
            Self::Latency(latency) => flow.latency = latency,
            Self::Jitter(jitter) => flow.jitter = jitter,
            Self::Bandwidth(bandwidth) => flow.bandwidth = Some(bandwidth),
            Self::Dribble(dribble) => flow.dribble = Some(dribble),
            Self::Loss(loss) => flow.loss = Some(loss),
        }
    }
}

/// A text that is no fault, or one too many.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultTextError {
    /// Nobody knows it.
    #[error(
        "{0:?} is no fault; write one such as latency=50ms, jitter=20ms, bandwidth=64KiB, \
         dribble=1/100ms, loss=1%, reset@data, blackhole@body=4096 or half-close:to-server@mail"
    )]
    Unknown(String),
    /// Its value cannot be read.
    #[error("{0:?} is no value for {1}; write it as in {2}")]
    Value(String, &'static str, &'static str),
    /// It names another point.
    #[error(
        "{0:?} is no point of a dialogue; use at-once, banner, ehlo, mail, rcpt, data, body=OCTETS, \
         end, reply, to-server=OCTETS or to-client=OCTETS"
    )]
    Point(String),
    /// It names another direction.
    #[error("{0:?} is no direction; use to-server or to-client")]
    Direction(String),
    /// Two ways to break at once.
    #[error("a connection breaks in one way: leave one of reset, blackhole and half-close")]
    SecondCut,
}

impl FromStr for FaultText {
    type Err = FaultTextError;

    fn from_str(text: &str) -> Result<Self, FaultTextError> {
        let name_end = text.find([':', '=', '@']).unwrap_or(text.len());
        let (name, rest) = text.split_at(name_end);
        let (direction, rest) = match rest.strip_prefix(':') {
            Some(rest) => {
                let end = rest.find(['=', '@']).unwrap_or(rest.len());
                (Some(direction(&rest[..end])?), &rest[end..])
            }
            None => (None, rest),
        };
        let unknown = || FaultTextError::Unknown(text.to_owned());
        let how = match (name, direction) {
            ("reset", None) => Some(Break::Reset),
            ("blackhole", None) => Some(Break::BlackHole),
            ("half-close", Some(direction)) => Some(Break::HalfClose(direction)),
            _ => None,
        };
        if let Some(how) = how {
            let at = match rest.strip_prefix('@') {
                Some(at) => point(at)?,
                None if rest.is_empty() => Point::AtOnce,
                None => return Err(unknown()),
            };
            return Ok(Self(Fault::Cut(Cut { how, at })));
        }
        let value = rest.strip_prefix('=').ok_or_else(unknown)?;
        let fault = flow_fault(name, value).ok_or_else(unknown)??;
        Ok(Self(Fault::Flow(direction, fault)))
    }
}

/// None if there is no fault of this name.
fn flow_fault(name: &str, value: &str) -> Option<Result<FlowFault, FaultTextError>> {
    let bad = |kind, example| FaultTextError::Value(value.to_owned(), kind, example);
    Some(match name {
        "latency" => duration(value)
            .map(FlowFault::Latency)
            .ok_or_else(|| bad("a latency", "latency=50ms")),
        "jitter" => duration(value)
            .map(FlowFault::Jitter)
            .ok_or_else(|| bad("a jitter", "jitter=20ms")),
        "bandwidth" => octets(value)
            .map(FlowFault::Bandwidth)
            .ok_or_else(|| bad("a bandwidth", "bandwidth=64KiB (in a second)")),
        "dribble" => dribble(value)
            .map(FlowFault::Dribble)
            .ok_or_else(|| bad("a dribble", "dribble=1/100ms (octets/interval)")),
        "loss" => share(value)
            .map(|share| {
                FlowFault::Loss(Loss {
                    share,
                    repeated_after: Loss::LINUX_REPEATED_AFTER,
                })
            })
            .ok_or_else(|| bad("a loss", "loss=1%")),
        _ => return None,
    })
}

fn direction(text: &str) -> Result<Direction, FaultTextError> {
    match text {
        "to-server" => Ok(Direction::ToServer),
        "to-client" => Ok(Direction::ToClient),
        _ => Err(FaultTextError::Direction(text.to_owned())),
    }
}

fn point(text: &str) -> Result<Point, FaultTextError> {
    let bad = || FaultTextError::Point(text.to_owned());
    if let Some((name, count)) = text.split_once('=') {
        let count = octets(count).ok_or_else(bad)?;
        return match name {
            "body" => Ok(Point::Body(count)),
            "to-server" => Ok(Point::ToServer(count)),
            "to-client" => Ok(Point::ToClient(count)),
            _ => Err(bad()),
        };
    }
    Ok(match text {
        "at-once" => Point::AtOnce,
        "banner" => Point::Banner,
        "ehlo" => Point::Ehlo,
        "mail" => Point::Mail,
        "rcpt" => Point::Rcpt,
        "data" => Point::DataStart,
        "body" => Point::Body(NonZeroU64::MIN),
        "end" => Point::BodyEnd,
        "reply" => Point::Reply,
        _ => return Err(bad()),
    })
}

/// The longest time of one fault: an hour holds up everything there is.
const MOST_DURATION: Duration = Duration::from_secs(3600);

fn duration(text: &str) -> Option<Duration> {
    let duration: jiff::SignedDuration = text.parse().ok()?;
    let duration = Duration::try_from(duration).ok()?;
    (duration <= MOST_DURATION).then_some(duration)
}

fn octets(text: &str) -> Option<NonZeroU64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    NonZeroU64::new(number.parse::<u64>().ok()?.checked_mul(unit)?)
}

fn dribble(text: &str) -> Option<Dribble> {
    let (octets, every) = text.split_once('/')?;
    Some(Dribble {
        octets: octets.parse::<NonZeroU32>().ok()?,
        every: duration(every)?,
    })
}

fn share(text: &str) -> Option<Share> {
    let percent: f64 = text.strip_suffix('%')?.parse().ok()?;
    Share::new(percent / 100.0).ok()
}

/// `25%`.
impl FromStr for Share {
    type Err = super::faults::NoShare;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        share(text).ok_or(super::faults::NoShare)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn faults(texts: &[&str]) -> Faults {
        let mut faults = Faults::default();
        for text in texts {
            text.parse::<FaultText>()
                .unwrap()
                .add_to(&mut faults)
                .unwrap();
        }
        faults
    }

    #[test]
    fn every_fault_can_be_written() {
        let given = faults(&[
            "latency=50ms",
            "jitter:to-client=1.5s",
            "bandwidth:to-server=64KiB",
            "dribble:to-client=1/100ms",
            "loss:to-server=0.5%",
            "half-close:to-server@body=4096",
        ]);
        let milliseconds = Duration::from_millis;
        assert_eq!(
            given,
            Faults {
                to_server: Flow {
                    latency: milliseconds(50),
                    bandwidth: NonZeroU64::new(65536),
                    loss: Some(Loss {
                        share: Share::new(0.005).unwrap(),
                        repeated_after: milliseconds(200),
                    }),
                    ..Flow::default()
                },
                to_client: Flow {
                    latency: milliseconds(50),
                    jitter: milliseconds(1500),
                    dribble: Some(Dribble {
                        octets: NonZeroU32::MIN,
                        every: milliseconds(100),
                    }),
                    ..Flow::default()
                },
                cut: Some(Cut {
                    how: Break::HalfClose(Direction::ToServer),
                    at: Point::Body(NonZeroU64::new(4096).unwrap()),
                }),
                ..Faults::default()
            }
        );
    }

    #[test]
    fn every_point_can_be_written() {
        let count = NonZeroU64::new(1 << 20).unwrap();
        for (text, point) in [
            ("reset", Point::AtOnce),
            ("reset@at-once", Point::AtOnce),
            ("reset@banner", Point::Banner),
            ("reset@ehlo", Point::Ehlo),
            ("reset@mail", Point::Mail),
            ("reset@rcpt", Point::Rcpt),
            ("reset@data", Point::DataStart),
            ("reset@body", Point::Body(NonZeroU64::MIN)),
            ("reset@end", Point::BodyEnd),
            ("reset@reply", Point::Reply),
            ("reset@to-server=1MiB", Point::ToServer(count)),
            ("reset@to-client=1048576", Point::ToClient(count)),
        ] {
            assert_eq!(
                faults(&[text]).cut,
                Some(Cut {
                    how: Break::Reset,
                    at: point
                }),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_fault_is_refused_with_what_to_write() {
        for (text, says) in [
            ("", "no fault"),
            ("latency", "no fault"),
            ("latncy=5ms", "no fault"),
            ("reset=5", "no fault"),
            ("reset:to-server@mail", "no fault"),
            ("half-close@mail", "no fault"),
            ("latency=5", "latency=50ms"),
            ("latency=-5ms", "latency=50ms"),
            ("latency=1000h", "latency=50ms"),
            ("bandwidth=0", "bandwidth=64KiB"),
            ("bandwidth=99999999999GiB", "bandwidth=64KiB"),
            ("dribble=0/1s", "dribble=1/100ms"),
            ("loss=101%", "loss=1%"),
            ("loss=1", "loss=1%"),
            ("reset@noon", "no point"),
            ("reset@body=0", "no point"),
            ("latency:up=5ms", "to-server or to-client"),
        ] {
            let error = text.parse::<FaultText>().unwrap_err().to_string();
            assert!(error.contains(says), "{text:?}: {error}");
        }
        let mut given = faults(&["reset@mail"]);
        let second: FaultText = "blackhole@body".parse().unwrap();
        assert_eq!(second.add_to(&mut given), Err(FaultTextError::SecondCut));
    }
}
