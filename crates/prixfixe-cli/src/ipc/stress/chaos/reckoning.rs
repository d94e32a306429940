//! What the callers of the chaos level were told, held against the journal that outlived the servers.

use std::time::Instant;

use prixfixe_load::results::notation;
use serde_json::json;

use super::blow::Blow;
use super::ledger::{Entries, Ledger};
use super::sightings::Recovery;
use super::{CALM, Chaos, Storm};
use crate::ipc::clock::Nanos;
use crate::ipc::stress::callers::Report;
use crate::ipc::stress::conclusion::{Findings, Finished};
use crate::ipc::stress::gathered::Gathered;
use crate::ipc::stress::journal::Journal;
use crate::ipc::stress::latencies::{Course, Latencies, milliseconds};
use crate::ipc::stress::setting::INTERVAL;
use crate::ipc::stress::stage::{Performance, StageError};
use crate::ipc::stress::told::{Ending, Told};

impl Storm {
    /// Puts it all together.
    pub(super) fn reckon(
        mut self,
        chaos: Chaos,
        began: Instant,
        findings: &mut Findings,
    ) -> Result<(), StageError> {
        let (mut reports, mut recovery, mut octets) = (Vec::new(), Recovery::default(), 0);
        let present: Vec<u32> = self.callers.iter().map(|caller| caller.number).collect();
        let end = self.end(&present)?;
        for number in 1..=self.last {
            let entries = Ledger::read(self.stage.folder(), number)?;
            octets += completed_octets(&entries);
            if present.contains(&number) && !was_served_after(&entries, end) {
                self.faults.push(format!(
                    "caller {number} was not served any more in the end"
                ));
            }
            reports.push(report(number, &entries, self.start()));
            recovery.take(self.stage.folder(), number, &self.outages)?;
        }
        let journal = match self.stage.journal_file() {
            Some(path) => Journal::read(&path, self.last)?,
            None => Journal::new(self.last),
        };
        let performance = Performance {
            start: self.start(),
            began,
            reports,
            // Hostile clients have calls executed, too, in nobody's name.
            journal,
        };
        let mut gathered = Gathered::of(&performance, 0);
        gathered.octets = octets;
        gathered.reconnects = recovery.reconnects;
        self.tell(&recovery, findings);
        for fault in std::mem::take(&mut self.faults) {
            findings.fault(fault);
        }
        findings.part(Finished {
            name: "chaos",
            gathered,
            planned: None,
            settings: json!({
                "callers": chaos.callers,
                "lasts_s": chaos.lasts.as_secs(),
                "seed": self.setting.seed,
            }),
            server: None,
        });
        Ok(())
    }

    /// When the last blow had been dealt: what a caller does later it does in the calm.
    fn end(&self, present: &[u32]) -> Result<Nanos, StageError> {
        let mut last = Nanos(0);
        for number in present {
            let entries = Ledger::read(self.stage.folder(), *number)?;
            let ended = entries.ended.last();
            last = last.max(ended.map_or(Nanos(0), |entry| Nanos(entry.began.0 + entry.took.0)));
        }
        let calm = u64::try_from(CALM.as_nanos()).unwrap_or(u64::MAX);
        Ok(Nanos(last.0.saturating_sub(calm)))
    }

    fn tell(&self, recovery: &Recovery, findings: &mut Findings) {
        let blows = Blow::ALL.map(|blow| {
            let count = self.blows.get(&blow).copied().unwrap_or(0);
            vec![blow.name().to_owned(), notation::count(count)]
        });
        findings.table("What happened", &["blow", "times"], blows.to_vec());
        findings.table(
            "Recovery from a killed server, in ms",
            &["from", "to", "count", "p50", "p90", "p99", "longest"],
            vec![
                times(
                    "the kill, or the call if later",
                    "its end as lost",
                    &recovery.notice,
                ),
                times(
                    "listening, or the call if later",
                    "the first reply",
                    &recovery.answer,
                ),
            ],
        );
        let mut rows = Vec::new();
        for (deed, ends) in &self.deeds {
            let of = |end: &str| notation::count(ends.get(end).copied().unwrap_or(0));
            rows.push(vec![
                deed.clone(),
                of("dropped"),
                of("borne"),
                of("kept"),
                of("not let in"),
            ]);
        }
        let columns = ["deed", "dropped", "borne", "kept", "not let in"];
        findings.table("Hostile clients", &columns, rows);
        let asked = [self.asked.opened, self.asked.refused, self.asked.unanswered];
        findings.table(
            "Channels asked for while the server got no more memory",
            &["opened", "refused", "not answered"],
            vec![asked.map(notation::count).to_vec()],
        );
    }
}

/// What one caller did, from what it wrote down.
fn report(number: u32, entries: &Entries, start: Nanos) -> Report {
    let mut report = Report::default();
    let mut told = Told::new(u64::from(number));
    let mut course = Course::new(INTERVAL);
    let mut last = Nanos(0);
    for entry in &entries.ended {
        told.tell(entry.ending);
        last = Nanos(entry.began.0 + entry.took.0);
        let latency = (entry.ending == Ending::COMPLETED).then_some(entry.took);
        course.record(entry.began, last, latency);
        if let Some(latency) = latency {
            report.latencies.record(latency);
        }
    }
    if entries.is_under_way {
        told.tell(Ending::UNHEARD);
    }
    report.end = Nanos(start.0 + last.0);
    report.course = course.finish();
    report.told.push(told);
    report
}

fn completed_octets(entries: &Entries) -> u64 {
    let completed = entries
        .ended
        .iter()
        .filter(|entry| entry.ending == Ending::COMPLETED);
    completed.map(|entry| u64::from(entry.length)).sum()
}

fn was_served_after(entries: &Entries, moment: Nanos) -> bool {
    let completed = |entry: &&super::ledger::Entry| entry.ending == Ending::COMPLETED;
    let last = entries.ended.iter().rev().find(completed);
    last.is_some_and(|entry| entry.began >= moment)
}

fn times(from: &str, to: &str, latencies: &Latencies) -> Vec<String> {
    let mut row = vec![
        from.to_owned(),
        to.to_owned(),
        notation::count(latencies.count()),
    ];
    let quantiles = [0.5, 0.9, 0.99, 1.0];
    row.extend(quantiles.map(|quantile| notation::number(milliseconds(latencies.at(quantile)))));
    row
}
