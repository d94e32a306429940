//! Level 1: a thousand clients come at once, and call as fast as they are answered.

use prixfixe_load::resources::ResourceWatch;
use prixfixe_load::results::notation;
use serde_json::json;

use super::conclusion::{Findings, Finished};
use super::gathered::Gathered;
use super::progress::Progress;
use super::setting::{CallerSetting, Connects, Pace};
use super::stage::{Stage, StageError};

/// How large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bomb {
    pub(super) clients: u32,
    pub(super) calls: u64,
}

impl Bomb {
    pub(super) const WHOLE: Self = Self {
        clients: 1_000,
        calls: 5_000,
    };
    pub(super) const SHORT: Self = Self {
        clients: 20,
        calls: 200,
    };

    pub(super) fn run(self, findings: &mut Findings) -> Result<(), StageError> {
        let mut stage = Stage::set(self.clients, false)?;
        let setting = CallerSetting {
            address: stage.setting.address.clone(),
            payload: PAYLOAD,
            calls: self.calls,
            connects: Connects::AtTheStart,
            pace: Pace::Closed,
        };
        let crowd = stage.gather(&setting, 1..self.clients + 1, 1)?;
        let planned = u64::from(self.clients) * self.calls;
        let mut progress = Progress::new(NAME, planned, "calls");
        let watch = ResourceWatch::start(vec![stage.server_pid()]);
        let performance = stage.perform(&crowd, &mut progress)?;
        let resources = watch.finish();
        drop(progress);
        stage.dismiss(crowd)?;
        let gathered = Gathered::of(&performance, PAYLOAD);
        findings.expect_all_completed(NAME, &gathered);
        let connects = gathered.connects.percentiles();
        findings.table(
            "Connecting, all at once",
            &[
                "clients",
                "turned away first",
                "p50 ms",
                "p99 ms",
                "longest ms",
            ],
            vec![vec![
                notation::count(connects.count),
                notation::count(gathered.turned_away),
                notation::number(connects.p50),
                notation::number(connects.p99),
                notation::number(connects.max),
            ]],
        );
        let settings = json!({ "clients": self.clients, "calls": self.calls, "payload": PAYLOAD });
        findings.part(Finished {
            name: NAME,
            gathered,
            planned: Some(planned),
            settings,
            server: Some((&resources, performance.began)),
        });
        Ok(())
    }
}

const NAME: &str = "connection bomb";
/// Octets of each request and each reply.
const PAYLOAD: u32 = 1024;
