//! Level 4: crowds that come, call and go, again and again, before one server.

use prixfixe_load::resources::ResourceWatch;
use prixfixe_load::results::notation;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use super::conclusion::{Findings, Finished};
use super::gathered::Gathered;
use super::progress::Progress;
use super::setting::{CallerSetting, Connects, Pace};
use super::stage::{Stage, StageError};
use crate::ipc::process::{self, Holdings, Memory};

/// How large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leak {
    pub(super) cycles: u32,
    pub(super) fewest: u32,
    pub(super) most: u32,
    pub(super) calls: u64,
}

/// What the server has while nobody is connected.
#[derive(Clone, Copy)]
struct Rest {
    memory: Memory,
    holdings: Holdings,
}

impl Leak {
    pub(super) const WHOLE: Self = Self {
        cycles: 120,
        fewest: 100,
        most: 500,
        calls: 300,
    };
    pub(super) const SHORT: Self = Self {
        cycles: 5,
        fewest: 10,
        most: 50,
        calls: 20,
    };

    pub(super) fn run(self, seed: u64, findings: &mut Findings) -> Result<(), StageError> {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut stage = Stage::set(self.most, false)?;
        let setting = CallerSetting {
            address: stage.setting.address.clone(),
            payload: PAYLOAD,
            calls: self.calls,
            connects: Connects::AtTheStart,
            pace: Pace::Closed,
        };
        let mut progress = Progress::new(NAME, u64::from(self.cycles), "cycles");
        let watch = ResourceWatch::start(vec![stage.server_pid()]);
        let mut rows = Vec::new();
        let mut sum: Option<Gathered> = None;
        let mut planned = 0;
        let mut rests: Vec<Rest> = Vec::new();
        let mut began = None;
        // The first cycle is the largest and no part of the count: what it takes may stay.
        for cycle in 0..=self.cycles {
            let connections = match cycle {
                0 => self.most,
                _ => dice.random_range(self.fewest..=self.most),
            };
            let crowd = stage.gather(&setting, 1..connections + 1, PER_PROCESS)?;
            let mut silent = Progress::none();
            let performance = stage.perform(&crowd, &mut silent)?;
            began.get_or_insert(performance.began);
            let killed = cycle % 2 == 1;
            if killed {
                for process in &crowd.processes {
                    stage.children.kill(*process)?;
                }
            } else {
                stage.dismiss(crowd)?;
            }
            stage.await_nobody()?;
            let rest = Rest::of(stage.server_pid())?;
            let gathered = Gathered::of(&performance, PAYLOAD);
            findings.expect_all_completed(&format!("cycle {cycle}"), &gathered);
            planned += u64::from(connections) * self.calls;
            let before = rests.last().copied().unwrap_or(rest);
            rows.push(rest.row(cycle, connections, killed, &gathered, before));
            rests.push(rest);
            match &mut sum {
                Some(sum) => sum.append(&gathered),
                None => sum = Some(gathered),
            }
            progress.show(u64::from(cycle));
        }
        let resources = watch.finish();
        drop(progress);
        findings.table(TITLE, &COLUMNS, rows);
        if let (Some(first), Some(last)) = (rests.first(), rests.last()) {
            judge(*first, *last, findings);
        }
        findings.part(Finished {
            name: NAME,
            gathered: sum.unwrap_or_default(),
            planned: Some(planned),
            settings: json!({
                "cycles": self.cycles,
                "connections": [self.fewest, self.most],
                "calls": self.calls,
                "payload": PAYLOAD,
            }),
            server: began.map(|began| (&resources, began)),
        });
        Ok(())
    }
}

fn judge(first: Rest, last: Rest, findings: &mut Findings) {
    let growth = last.memory.anonymous.saturating_sub(first.memory.anonymous);
    findings.table(
        "In the end",
        &[
            "figure",
            "after the first cycle",
            "after the last",
            "growth",
            "bound",
        ],
        vec![
            grown(
                "RssAnon KiB",
                first.memory.anonymous,
                last.memory.anonymous,
                "256",
            ),
            grown("RssShmem KiB", first.memory.shared, last.memory.shared, ""),
            grown(
                "VmPTE KiB",
                first.memory.page_tables,
                last.memory.page_tables,
                "",
            ),
            grown(
                "descriptors",
                first.holdings.descriptors,
                last.holdings.descriptors,
                "0",
            ),
            grown(
                "mappings",
                first.holdings.mappings,
                last.holdings.mappings,
                "0",
            ),
        ],
    );
    if growth > MOST_GROWTH_KIB {
        findings.fault(format!(
            "private memory of the server grew by {growth} KiB; {MOST_GROWTH_KIB} are the most"
        ));
    }
    if first.holdings != last.holdings {
        findings.fault(format!(
            "the server held {} descriptors and {} mappings after the first cycle, and {} and {} in the end",
            first.holdings.descriptors,
            first.holdings.mappings,
            last.holdings.descriptors,
            last.holdings.mappings
        ));
    }
}

fn grown(figure: &str, first: u64, last: u64, bound: &str) -> Vec<String> {
    vec![
        figure.to_owned(),
        notation::count(first),
        notation::count(last),
        difference(first, last),
        bound.to_owned(),
    ]
}

fn difference(first: u64, last: u64) -> String {
    if last >= first {
        format!("+{}", last - first)
    } else {
        format!("-{}", first - last)
    }
}

impl Rest {
    fn of(pid: u32) -> Result<Self, StageError> {
        Ok(Self {
            memory: process::memory(pid)?,
            holdings: process::holdings(pid)?,
        })
    }

    fn row(
        self,
        cycle: u32,
        connections: u32,
        killed: bool,
        gathered: &Gathered,
        before: Self,
    ) -> Vec<String> {
        vec![
            cycle.to_string(),
            connections.to_string(),
            notation::count(gathered.account.completed()),
            if killed { "killed" } else { "left" }.to_owned(),
            notation::count(self.memory.anonymous),
            difference(before.memory.anonymous, self.memory.anonymous),
            notation::count(self.memory.shared),
            notation::count(self.holdings.descriptors),
            notation::count(self.holdings.mappings),
        ]
    }
}

const NAME: &str = "leak";
const TITLE: &str = "The server after each cycle, nobody connected; cycle 0 warms it up";
const COLUMNS: [&str; 9] = [
    "cycle",
    "connections",
    "completed",
    "clients",
    "RssAnon KiB",
    "growth",
    "RssShmem KiB",
    "descriptors",
    "mappings",
];
/// Octets of each request and each reply.
const PAYLOAD: u32 = 1024;
/// So that a cycle is a few processes and not hundreds.
const PER_PROCESS: u32 = 50;
/// What an allocator may keep and a leak of a few octets for each of 36,000 connections would not fit
/// into.
const MOST_GROWTH_KIB: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(anonymous: u64, descriptors: u64, mappings: u64) -> Rest {
        Rest {
            memory: Memory {
                anonymous,
                ..Memory::default()
            },
            holdings: Holdings {
                descriptors,
                mappings,
            },
        }
    }

    #[test]
    fn growth_beyond_the_bound_and_anything_left_open_are_faults() {
        let faults = |last: Rest| {
            let mut findings = Findings::new();
            judge(rest(2_000, 10, 40), last, &mut findings);
            findings.faults().len()
        };
        assert_eq!(faults(rest(2_256, 10, 40)), 0);
        assert_eq!(faults(rest(1_000, 10, 40)), 0);
        assert_eq!(faults(rest(2_257, 10, 40)), 1);
        assert_eq!(faults(rest(2_000, 11, 40)), 1);
        assert_eq!(faults(rest(2_000, 10, 41)), 1);
        assert_eq!(faults(rest(9_000, 9, 40)), 2);
    }
}
