//! As many connections as a server takes: idle, at work, and then some more.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prixfixe_load::client::{Connection, Connector, Course};
use prixfixe_load::failure::Failure;
use prixfixe_load::plan::{Contents, Plan};
use prixfixe_load::plan::{MessageSize, SizeMix};
use prixfixe_load::result::Table;
use prixfixe_load::schedule::Schedule;
use tokio::runtime;
use tokio::task::JoinSet;

use super::extent::Extent;
use crate::stress::lab::{Lab, LabError, raise_descriptors};

/// Connections, and the limit of the server.
const CONNECTIONS: u64 = 1_000;
/// How many more are tried.
const BEYOND: usize = 100;
/// Messages that each connection delivers.
const EACH: u64 = 5;

pub(super) fn run(lab: &mut Lab, extent: Extent) -> Result<(), LabError> {
    let limit = usize::try_from(extent.of(CONNECTIONS)).unwrap_or(Plan::MOST_WORKERS);
    raise_descriptors(2 * limit + BEYOND)?;
    lab.start_servers(1, &format!("max_connections = {limit}\n"))?;
    let targets = lab.targets().len();
    let limit_of_all = limit * targets;
    let idle = idle(lab, limit_of_all)?;
    let messages = EACH * limit_of_all as u64;
    let mut plan = plan(lab, Some(messages), limit_of_all);
    plan.per_connection = NonZeroU32::new(u32::try_from(EACH).unwrap_or(1));
    lab.measure("at once", plan)?;
    let mut rows = vec![idle.row("idle, each asked NOOP")];
    // What a target allows is not known.
    if lab.is_own() {
        let beyond = beyond(lab, limit_of_all)?;
        rows.push(beyond.row("beyond the limit"));
    }
    lab.table(Table {
        title: format!("Connections (limit of a server: {limit})"),
        columns: [
            "phase",
            "tried",
            "served",
            "421",
            "otherwise",
            "first reason",
            "s",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows,
    });
    Ok(())
}

fn plan(lab: &Lab, messages: Option<u64>, workers: usize) -> Plan {
    let schedule = Schedule::Closed {
        messages,
        lasts: None,
    };
    let mut plan = lab.terms().plan(schedule, workers);
    plan.contents = Contents::Made(SizeMix::only(MessageSize::SMALL));
    plan.targets = lab.targets();
    plan
}

/// What became of connections.
#[derive(Debug, Default)]
struct Tally {
    tried: usize,
    served: usize,
    refused: usize,
    /// Neither: the first reason of them.
    reason: Option<String>,
    took: Duration,
}

impl Tally {
    fn otherwise(&self) -> usize {
        self.tried - self.served - self.refused
    }

    fn row(&self, name: &str) -> Vec<String> {
        vec![
            name.to_owned(),
            self.tried.to_string(),
            self.served.to_string(),
            self.refused.to_string(),
            self.otherwise().to_string(),
            self.reason.clone().unwrap_or_default(),
            format!("{:.2}", self.took.as_secs_f64()),
        ]
    }

    fn count(&mut self, failure: &Failure) {
        if failure.kind == prixfixe_load::failure::FailureKind::Transient(421) {
            self.refused += 1;
        } else {
            self.reason.get_or_insert_with(|| failure.to_string());
        }
    }
}

/// Opens all of them, holds them, and asks each for an answer: none may be refused or forgotten.
fn idle(lab: &mut Lab, count: usize) -> Result<Tally, LabError> {
    let connector = connector(lab, count)?;
    let tally = block_on(async {
        let start = Instant::now();
        let mut tally = Tally {
            tried: count,
            ..Tally::default()
        };
        let mut held = open(&connector, count, &mut tally).await;
        tokio::time::sleep(IDLE).await;
        let mut asked = JoinSet::new();
        for mut connection in held.drain(..) {
            asked.spawn(async move {
                let answer = connection.noop().await;
                connection.quit().await;
                answer
            });
        }
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(())) => tally.served += 1,
                Ok(Err(failure)) => tally.count(&failure),
                Err(error) => {
                    tally.reason.get_or_insert_with(|| error.to_string());
                }
            }
        }
        tally.took = start.elapsed();
        tally
    })?;
    if tally.served < count {
        lab.fault(format!(
            "idle: {} of {count} connections were served; {} got 421, {} ended otherwise{}",
            tally.served,
            tally.refused,
            tally.otherwise(),
            tally
                .reason
                .as_ref()
                .map_or_else(String::new, |reason| format!(": {reason}"))
        ));
    }
    Ok(tally)
}

/// Fills the server to its limit and tries more: those get 421, and the others are still served.
fn beyond(lab: &mut Lab, limit: usize) -> Result<Tally, LabError> {
    let connector = connector(lab, limit + BEYOND)?;
    let (tally, alive) = block_on(async {
        let start = Instant::now();
        let mut tally = Tally {
            tried: limit + BEYOND,
            ..Tally::default()
        };
        let held = open(&connector, limit, &mut tally).await;
        tally.served = held.len();
        let further = open(&connector, BEYOND, &mut tally).await;
        tally.served += further.len();
        // Who was there first is not to suffer.
        let mut alive = 0;
        for mut connection in held {
            alive += usize::from(connection.noop().await.is_ok());
            connection.quit().await;
        }
        for connection in further {
            connection.quit().await;
        }
        tally.took = start.elapsed();
        (tally, alive)
    })?;
    if tally.served != limit || tally.refused != BEYOND || alive != limit {
        lab.fault(format!(
            "beyond the limit: of {} connections {} were served, {} got 421 and {} ended otherwise{}; {limit} and {BEYOND} were to be, and {alive} of the first {limit} answered afterwards",
            tally.tried,
            tally.served,
            tally.refused,
            tally.otherwise(),
            tally.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"))
        ));
    }
    Ok(tally)
}

/// How long idle connections are held.
const IDLE: Duration = Duration::from_secs(2);
/// How many connect at one time: fewer than the backlog of a listener, so that none waits for the
/// system to ask again.
const AT_ONE_TIME: usize = 200;

async fn open(connector: &Arc<Connector>, count: usize, tally: &mut Tally) -> Vec<Connection> {
    let mut held = Vec::with_capacity(count);
    let mut opening = JoinSet::new();
    for index in 0..count {
        if opening.len() == AT_ONE_TIME {
            take(opening.join_next().await, &mut held, tally);
        }
        let connector = Arc::clone(connector);
        opening.spawn(async move { connector.open(index, &mut Course::new()).await });
    }
    while !opening.is_empty() {
        take(opening.join_next().await, &mut held, tally);
    }
    held
}

type Opened = Result<Result<Connection, Failure>, tokio::task::JoinError>;

fn take(opened: Option<Opened>, held: &mut Vec<Connection>, tally: &mut Tally) {
    match opened {
        Some(Ok(Ok(connection))) => held.push(connection),
        Some(Ok(Err(failure))) => tally.count(&failure),
        Some(Err(error)) => {
            tally.reason.get_or_insert_with(|| error.to_string());
        }
        None => {}
    }
}

fn connector(lab: &Lab, workers: usize) -> Result<Arc<Connector>, LabError> {
    let plan = plan(lab, None, workers);
    let connector = Connector::new(&plan).map_err(prixfixe_load::generator::PlanError::from)?;
    Ok(Arc::new(connector))
}

fn block_on<R>(task: impl Future<Output = R>) -> std::io::Result<R> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(task))
}
