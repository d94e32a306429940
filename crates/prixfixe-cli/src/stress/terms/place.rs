//! Where mail is sent: to servers that the lab starts, or to others.

use std::str::FromStr;

use prixfixe_load::resources::ProcessId;

use super::Misuse;

/// Where to.
#[derive(Debug, Clone)]
pub(in crate::stress) enum Place {
    /// Servers that the lab starts; so many, if somebody says.
    Own(Option<u16>),
    /// Servers that run.
    Targets {
        /// Where.
        targets: Vec<String>,
        /// Their processes, where they are on this machine and known.
        pids: Vec<u32>,
    },
}

impl Place {
    /// From flags.
    pub(in crate::stress) fn of(
        targets: Option<Targets>,
        servers: Option<u16>,
        pids: Vec<u32>,
    ) -> Result<Self, Misuse> {
        match targets {
            Some(Targets(targets)) => {
                if let Some(gone) = pids.iter().find(|pid| ProcessId::of(**pid).is_err()) {
                    return Misuse::because(format!(
                        "--server-pid {gone}: there is no such process"
                    ));
                }
                Ok(Self::Targets { targets, pids })
            }
            None if !pids.is_empty() => Misuse::because(
                "--server-pid is for servers named by --target; those of the lab are watched anyway",
            ),
            None => Ok(Self::Own(servers)),
        }
    }

    /// The servers that run already.
    pub(in crate::stress) fn targets(&self) -> Option<&[String]> {
        match self {
            Self::Own(_) => None,
            Self::Targets { targets, .. } => Some(targets),
        }
    }
}

/// A list of `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::stress) struct Targets(Vec<String>);

/// The most targets: each has its share of the workers.
const MOST_TARGETS: usize = 1000;

impl FromStr for Targets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let targets: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
        if targets.len() > MOST_TARGETS {
            return Err(format!("at most {MOST_TARGETS} targets"));
        }
        for target in &targets {
            let port = match target.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() => port.parse::<u16>().ok(),
                _ => None,
            };
            if port.is_none_or(|port| port == 0) {
                return Err(format!(
                    "{target:?} is not host:port, such as mx.example.com:25 or [::1]:2525"
                ));
            }
        }
        Ok(Self(targets))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn targets_are_hosts_with_ports() {
        let targets: Targets = "a:25, [::1]:2525".parse().unwrap();
        assert_eq!(targets.0, ["a:25", "[::1]:2525"]);
        for text in ["", "a", "a:", ":25", "a:0", "a:65536", "a:25,", "3"] {
            assert!(text.parse::<Targets>().is_err(), "{text}");
        }
    }
}
