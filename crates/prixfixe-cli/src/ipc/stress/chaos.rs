//! Level 5: everything that can go wrong does, for half an hour, and every call is accounted for.

mod blow;
mod caller;
mod hostile;
mod ledger;
mod reckoning;
mod shortage;
mod sightings;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;

use super::conclusion::Findings;
use super::progress::Progress;
use super::stage::{PATIENCE, Stage, StageError};
use crate::ipc::children::ChildIndex;
use crate::ipc::clock::{self, Nanos};
use blow::{Blow, Deck};
use caller::CallerSetting;
use hostile::{Deed, End};
use sightings::Outage;

pub(in crate::ipc) use caller::ChaosCaller;
pub(in crate::ipc) use hostile::Hostile;

/// How large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chaos {
    pub(super) callers: u32,
    pub(super) lasts: Duration,
}

/// A level under way.
struct Storm {
    stage: Stage,
    setting: CallerSetting,
    dice: StdRng,
    /// Those that are there now.
    callers: Vec<Caller>,
    /// The numbers of those that were killed.
    killed: Vec<u32>,
    /// The last number of a caller.
    last: u32,
    outages: Vec<Outage>,
    blows: BTreeMap<Blow, u64>,
    deeds: BTreeMap<String, BTreeMap<&'static str, u64>>,
    asked: shortage::Asked,
    faults: Vec<String>,
}

struct Caller {
    number: u32,
    process: ChildIndex,
}

impl Chaos {
    pub(super) const WHOLE: Self = Self {
        callers: 16,
        lasts: Duration::from_secs(30 * 60),
    };
    pub(super) const SHORT: Self = Self {
        callers: 16,
        lasts: Duration::from_secs(2 * 60),
    };

    pub(super) fn run(self, seed: u64, findings: &mut Findings) -> Result<(), StageError> {
        let began = Instant::now();
        let mut storm = Storm::brew(seed)?;
        for _ in 0..self.callers {
            storm.add_caller()?;
        }
        // What breaks it off is a fault; what was told until then is looked at all the same.
        let ended = storm.rage(began, self.lasts).and_then(|()| storm.calm());
        if let Err(error) = ended {
            findings.fault(format!(
                "chaos was broken off: {}",
                crate::ipc::in_words(&error)
            ));
            storm.kill_all();
        }
        storm.reckon(self, began, findings)
    }
}

impl Storm {
    fn brew(seed: u64) -> Result<Self, StageError> {
        let stage = Stage::set(0, true)?;
        let setting = CallerSetting {
            address: stage.setting.address.clone(),
            folder: stage.folder().to_owned(),
            seed,
            start: clock::now(),
        };
        Ok(Self {
            stage,
            setting,
            dice: StdRng::seed_from_u64(seed),
            callers: Vec::new(),
            killed: Vec::new(),
            last: 0,
            outages: Vec::new(),
            blows: BTreeMap::new(),
            deeds: BTreeMap::new(),
            asked: shortage::Asked::default(),
            faults: Vec::new(),
        })
    }

    fn add_caller(&mut self) -> Result<(), StageError> {
        self.last += 1;
        let number = self.last;
        let json = serde_json::to_string(&self.setting)?;
        let name = format!("caller {number}");
        let words = ["stress-chaos-caller", &number.to_string(), &json];
        let process = self.stage.children.start(&name, &words)?;
        self.callers.push(Caller { number, process });
        self.stage.expect_ready(&[process])
    }

    /// One blow after the other until the time is over.
    fn rage(&mut self, began: Instant, lasts: Duration) -> Result<(), StageError> {
        let mut progress = Progress::new("chaos", lasts.as_secs(), "seconds");
        let mut deck = Deck::default();
        while began.elapsed() < lasts {
            let millis = self.dice.random_range(BETWEEN_BLOWS_MS);
            std::thread::sleep(Duration::from_millis(millis));
            let blow = deck.next(&mut self.dice);
            self.strike(blow)?;
            *self.blows.entry(blow).or_default() += 1;
            self.look_for_deaths()?;
            progress.show(began.elapsed().as_secs());
        }
        Ok(())
    }

    fn strike(&mut self, blow: Blow) -> Result<(), StageError> {
        match blow {
            Blow::KillCaller => {
                let place = self.dice.random_range(0..self.callers.len());
                let victim = self.callers.swap_remove(place);
                self.stage.children.kill(victim.process)?;
                self.killed.push(victim.number);
                self.add_caller()?;
            }
            Blow::KillServer => {
                let killed = clock::now();
                self.stage.children.kill(self.stage.server)?;
                self.pause(0..300);
                let listening = self.stage.replace_server()?;
                self.outages.push(Outage { killed, listening });
            }
            Blow::StopCaller => {
                let place = self.dice.random_range(0..self.callers.len());
                let process = self.callers[place].process;
                self.stand_still(process)?;
            }
            Blow::StopServer => self.stand_still(self.stage.server)?,
            Blow::Hostile => self.let_in_a_hostile()?,
            Blow::Shortage => {
                let server = self.stage.server_pid();
                let asked = shortage::ask_for_more(server, &self.setting.address)?;
                self.asked.opened += asked.opened;
                self.asked.refused += asked.refused;
                self.asked.unanswered += asked.unanswered;
            }
        }
        Ok(())
    }

    fn stand_still(&mut self, process: ChildIndex) -> Result<(), StageError> {
        self.stage.children.signal(process, Signal::STOP)?;
        self.pause(50..800);
        Ok(self.stage.children.signal(process, Signal::CONT)?)
    }

    fn pause(&mut self, millis: std::ops::Range<u64>) {
        std::thread::sleep(Duration::from_millis(self.dice.random_range(millis)));
    }

    fn let_in_a_hostile(&mut self) -> Result<(), StageError> {
        let seed: u32 = self.dice.random();
        let words = ["stress-hostile", &self.setting.address, &seed.to_string()];
        let process = self.stage.children.start("a hostile client", &words)?;
        let said = self.stage.children.hear(&[process], PATIENCE)?.concat();
        self.stage.children.dismiss(process)?;
        let deeds: Vec<Deed> = serde_json::from_str(&said)?;
        for deed in deeds {
            if deed.end == End::Kept {
                self.faults
                    .push(format!("the server kept a hostile client: {}", deed.name));
            }
            let ends = self.deeds.entry(deed.name).or_default();
            *ends.entry(deed.end.name()).or_default() += 1;
        }
        Ok(())
    }

    /// Nobody ends whom nobody killed.
    fn look_for_deaths(&mut self) -> Result<(), StageError> {
        let server = self.stage.server;
        if let Some(status) = self.stage.children.ended_by_itself(server)? {
            self.faults
                .push(format!("the server ended by itself: {status}"));
            let killed = clock::now();
            let listening = self.stage.replace_server()?;
            self.outages.push(Outage { killed, listening });
        }
        for place in (0..self.callers.len()).rev() {
            let process = self.callers[place].process;
            if let Some(status) = self.stage.children.ended_by_itself(process)? {
                let caller = self.callers.swap_remove(place);
                self.faults.push(format!(
                    "caller {} ended by itself: {status}",
                    caller.number
                ));
                self.killed.push(caller.number);
                self.add_caller()?;
            }
        }
        Ok(())
    }

    /// Nothing more goes wrong; all finish the call they are at.
    fn calm(&mut self) -> Result<(), StageError> {
        std::thread::sleep(CALM);
        for caller in &self.callers {
            let status = self.stage.children.dismiss(caller.process)?;
            if !status.success() {
                self.faults
                    .push(format!("caller {} failed: {status}", caller.number));
            }
        }
        Ok(())
    }

    fn kill_all(&mut self) {
        for caller in std::mem::take(&mut self.callers) {
            // It may have ended, which is as good.
            let _ = self.stage.children.kill(caller.process);
            self.killed.push(caller.number);
        }
    }

    fn start(&self) -> Nanos {
        self.setting.start
    }
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Kept => "kept",
            Self::Borne => "borne",
            Self::Unconnected => "not let in",
        }
    }
}

/// So that callers come to themselves between two blows, most of the time.
const BETWEEN_BLOWS_MS: std::ops::Range<u64> = 200..1_500;
/// After the last blow: far longer than it takes to find a server again.
const CALM: Duration = Duration::from_secs(2);
