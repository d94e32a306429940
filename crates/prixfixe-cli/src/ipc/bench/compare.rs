//! A row run whole: ours and its peers take turns, and the bare spin around them tells the mode.

use std::collections::HashMap;
use std::time::Duration;

use super::catalogue::{Calls, Row};
use super::measure::Line;
use super::peers::{Harness, Peer, PeerError};
use super::run::{RunError, run};
use super::verdict::{Medians, median};

/// How a row is run.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) duration: Duration,
    /// Instead of as many pairs as the row asks for.
    pub(super) pairs: Option<u32>,
    pub(super) harness: Option<Harness>,
}

/// Why a row has no medians.
#[derive(Debug, thiserror::Error)]
pub(super) enum CompareError {
    #[error(transparent)]
    Ours(#[from] RunError),
    #[error("the row has no pairs")]
    Nothing,
}

/// Who is told what a row has come to.
pub(super) trait Observer {
    /// Another run begins.
    fn begins(&mut self, row: &str, system: &str);
    /// A run has ended, with this line.
    fn ended(&mut self, line: &Line);
    /// A peer cannot do this.
    fn failed(&mut self, error: &PeerError);
}

/// Runs of a row, those of the bare spin included.
pub(super) fn runs(calls: &Calls, terms: &Terms) -> u64 {
    let pairs = u64::from(terms.pairs.unwrap_or(calls.pairs));
    match terms.harness {
        None => pairs,
        Some(_) => pairs * (1 + calls.peers.len() as u64) + 2,
    }
}

/// Runs the row, and takes medians.
pub(super) fn compare(
    row: &Row,
    calls: &Calls,
    terms: &Terms,
    observer: &mut dyn Observer,
) -> Result<Medians, CompareError> {
    let (mut ours, mut woke_late) = (Vec::new(), 0);
    let mut peers: HashMap<String, Vec<Line>> = HashMap::new();
    let before = terms.bare(row, observer);
    for _ in 0..terms.pairs.unwrap_or(calls.pairs) {
        observer.begins(row.name, "prixfixe");
        let ran = run(&calls.load, row.name, terms.duration)?;
        observer.ended(&ran.line);
        ours.push(ran.line);
        woke_late += ran.woke_late;
        let Some(harness) = &terms.harness else {
            continue;
        };
        for peer in calls.peers {
            observer.begins(row.name, peer.name);
            match harness.run(*peer, &calls.load, row.name, terms.duration) {
                Ok(line) => {
                    observer.ended(&line);
                    peers.entry(label(*peer)).or_default().push(line);
                }
                // Ours counts all the same; what it was to be compared with is not judged.
                Err(error) => observer.failed(&error),
            }
        }
    }
    // The mode may have changed meanwhile: the slower of both counts.
    let after = terms.bare(row, observer);
    let peers = peers
        .into_iter()
        .filter_map(|(name, lines)| Some((name, median(&lines)?)));
    Ok(Medians {
        ours: median(&ours).ok_or(CompareError::Nothing)?,
        peers: peers.collect(),
        woke_late,
        bare_us: before.zip(after).map(|(before, after)| before.max(after)),
    })
}

impl Terms {
    /// `None` where it cannot be had: two processes that only spin may get nothing done beside others.
    fn bare(&self, row: &Row, observer: &mut dyn Observer) -> Option<f64> {
        let harness = self.harness.as_ref()?;
        observer.begins(row.name, "bare spin");
        let bare = harness.bare_us();
        bare.inspect_err(|error| observer.failed(error)).ok()
    }
}

/// What bounds call a peer, and a peer with words of its own beside it.
fn label(peer: Peer) -> String {
    match peer.words {
        [] | ["--layout", ..] => peer.name.to_owned(),
        words => format!("{} {}", peer.name, words.join(" ")),
    }
}
