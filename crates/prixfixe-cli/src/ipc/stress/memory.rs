//! Level 2: what many clients and large messages take of private and of shared memory.

use prixfixe_ipc::ChannelSizes;
use prixfixe_load::resources::ResourceWatch;
use prixfixe_load::results::notation;
use serde_json::json;

use super::conclusion::{Findings, Finished};
use super::footprint::Footprint;
use super::gathered::Gathered;
use super::progress::Progress;
use super::setting::{CallerSetting, Connects, Pace};
use super::stage::{Stage, StageError};

/// Its crowds, one after the other, before the same server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    crowds: [Load; 2],
}

/// A crowd and what each of it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Load {
    name: &'static str,
    clients: u32,
    calls: u64,
    payload: u32,
}

impl Memory {
    pub(super) const WHOLE: Self = Self {
        crowds: [
            Load {
                name: "4 KB",
                clients: 500,
                calls: 1_000,
                payload: 4 << 10,
            },
            Load {
                name: "1 MB",
                clients: 100,
                calls: 500,
                payload: 1 << 20,
            },
        ],
    };
    pub(super) const SHORT: Self = Self {
        crowds: [
            Load {
                clients: 10,
                calls: 50,
                ..Self::WHOLE.crowds[0]
            },
            Load {
                clients: 4,
                calls: 10,
                ..Self::WHOLE.crowds[1]
            },
        ],
    };

    pub(super) fn run(self, findings: &mut Findings) -> Result<(), StageError> {
        let clients = self.crowds.map(|load| load.clients);
        let most = clients.into_iter().max().unwrap_or(0);
        let mut stage = Stage::set(most, false)?;
        let mut rows = Vec::new();
        rows.push(row("", "alone", "server", server(&stage)?));
        for load in self.crowds {
            load.run(&mut stage, findings, &mut rows)?;
        }
        findings.table("Memory, in KiB", &COLUMNS, rows);
        Ok(())
    }
}

impl Load {
    fn run(
        self,
        stage: &mut Stage,
        findings: &mut Findings,
        rows: &mut Vec<Vec<String>>,
    ) -> Result<(), StageError> {
        let setting = CallerSetting {
            address: stage.setting.address.clone(),
            payload: self.payload,
            calls: self.calls,
            connects: Connects::BeforeTheStart,
            pace: Pace::Closed,
        };
        let crowd = stage.gather(&setting, 1..self.clients + 1, 1)?;
        let all = format!("{} clients", self.clients);
        let pids: Vec<u32> = crowd
            .processes
            .iter()
            .map(|process| stage.children.pid(*process))
            .collect();
        rows.push(row(self.name, "connected", "server", server(stage)?));
        rows.push(row(self.name, "connected", &all, Footprint::of_all(&pids)?));
        let planned = u64::from(self.clients) * self.calls;
        let mut progress = Progress::new(self.name, planned, "calls");
        let pid = stage.server_pid();
        let watch = ResourceWatch::start(vec![pid]);
        let mut peak = server(stage)?;
        let performance = stage.perform_watched(&crowd, &mut progress, &mut || {
            // A look that fails is one fewer; whether the server lives is seen elsewhere.
            if let Ok(now) = Footprint::of(pid) {
                peak = peak.highest(now);
            }
        })?;
        let resources = watch.finish();
        drop(progress);
        let after = server(stage)?;
        rows.push(row(self.name, "at most", "server", peak.highest(after)));
        rows.push(row(self.name, "after its calls", "server", after));
        let clients = Footprint::of_all(&pids)?;
        rows.push(row(self.name, "after its calls", &all, clients));
        stage.dismiss(crowd)?;
        stage.await_nobody()?;
        rows.push(row(self.name, "all gone", "server", server(stage)?));
        let gathered = Gathered::of(&performance, self.payload);
        findings.expect_all_completed(self.name, &gathered);
        findings.part(Finished {
            name: self.name,
            gathered,
            planned: Some(planned),
            settings: json!({
                "clients": self.clients,
                "calls": self.calls,
                "payload": self.payload,
                "ring": ChannelSizes::default().ring(),
            }),
            server: Some((&resources, performance.began)),
        });
        Ok(())
    }
}

fn server(stage: &Stage) -> Result<Footprint, StageError> {
    Ok(Footprint::of(stage.server_pid())?)
}

const COLUMNS: [&str; 7] = [
    "load",
    "when",
    "who",
    "private (RssAnon)",
    "shared (RssShmem)",
    "page tables (VmPTE)",
    "share of all (PSS)",
];

fn row(load: &str, when: &str, who: &str, footprint: Footprint) -> Vec<String> {
    let mut row = vec![load.to_owned(), when.to_owned(), who.to_owned()];
    let figures = [
        footprint.memory.anonymous,
        footprint.memory.shared,
        footprint.memory.page_tables,
        footprint.proportional,
    ];
    row.extend(figures.map(notation::count));
    row
}
