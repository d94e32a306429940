//! Asynchronous clients at work: all tasks of one process, each with a channel of its own.

use std::io;
use std::ops::Range;

use prixfixe_ipc::{AsyncClient, AsyncConnector};

use super::clock;
use super::drive::{DriveError, Plan};
use super::measure::{ClientReport, Latencies, Tally};
use super::payload::Caller;
use super::roles::{hear_start, report};
use super::setting::{Between, Load, Runtime, Setting};
use crate::ipc::in_words;

/// Makes the calls of all `clients`.
pub(super) fn call(setting: &Setting, clients: Range<u32>, runtime: Runtime) -> io::Result<()> {
    let mut builder = match runtime {
        Runtime::Current => tokio::runtime::Builder::new_current_thread(),
        Runtime::Multi => tokio::runtime::Builder::new_multi_thread(),
    };
    builder
        .enable_all()
        .build()?
        .block_on(call_all(setting, clients))
}

async fn call_all(setting: &Setting, clients: Range<u32>) -> io::Result<()> {
    let address = setting.address().map_err(|error| in_words(&error))?;
    let connector = AsyncConnector::new(address);
    let mut connected = Vec::new();
    for number in clients {
        let client = connector.client().await.map_err(|error| in_words(&error))?;
        connected.push((number, client));
    }
    let load = setting.load;
    let warm_up = || Plan::warm_up(&load);
    let warm = drive_all(&connected, &load, 0, |_| warm_up()).await?;
    let made = warm.iter().map(Tally::calls).max().unwrap_or(0);
    let (start, stop) = hear_start(setting)?;
    clock::sleep_until(start)?;
    let before = clock::cpu_time();
    let tallies = drive_all(&connected, &load, made, |client| {
        Ok(Plan::timed(&load, client, start, stop.clone()))
    })
    .await?;
    let cpu = clock::cpu_time().since(before);
    let woke_late = connector.statistics().woke_late;
    report(&ClientReport::of(tallies, cpu, woke_late))
}

/// Runs every client with as many tasks as it has calls in flight, and adds up what each did.
async fn drive_all(
    clients: &[(u32, AsyncClient)],
    load: &Load,
    first: u64,
    plan: impl Fn(u32) -> io::Result<Plan>,
) -> io::Result<Vec<Tally>> {
    let mut tasks = Vec::new();
    let latencies = Latencies::new();
    for (number, client) in clients {
        let lanes: io::Result<Vec<_>> = (0..load.in_flight)
            .map(|lane| {
                let caller = Caller::new(u64::from(*number), load.payload);
                let lane = Lane {
                    next_call: first + u64::from(lane),
                    step: u64::from(load.in_flight),
                };
                let plan = plan(*number)?;
                let latencies = plan.timed.then(|| latencies.clone());
                let tally = Tally::sharing(plan.start, latencies);
                let lane = drive(client.clone(), caller, lane, plan, tally);
                Ok(tokio::spawn(lane))
            })
            .collect();
        tasks.push(lanes?);
    }
    let mut tallies = Vec::with_capacity(tasks.len());
    for lanes in tasks {
        let mut of_client: Option<Tally> = None;
        for lane in lanes {
            let driven = lane.await.map_err(io::Error::other)?;
            let tally = driven.map_err(|error| in_words(&error))?;
            match &mut of_client {
                None => of_client = Some(tally),
                Some(all) => all.absorb(&tally),
            }
        }
        tallies.extend(of_client);
    }
    Ok(tallies)
}

/// The numbers of the calls of one task among those of its client.
struct Lane {
    next_call: u64,
    step: u64,
}

async fn drive(
    client: AsyncClient,
    mut caller: Caller,
    mut lane: Lane,
    mut plan: Plan,
    mut tally: Tally,
) -> Result<Tally, DriveError> {
    let mut reply = vec![0; caller.length()];
    let mut now = plan.start;
    let mut made = 0;
    while made < plan.most_calls && !plan.stop.is_set() {
        let started = match &mut plan.schedule {
            None => now,
            // A runtime's timers count in milliseconds. Where clients sleep there is one only, and
            // with no call open its runtime has nothing else to do.
            Some(schedule) if schedule.between == Between::Asleep => {
                match schedule.await_next(&plan.stop).map_err(DriveError::Pace)? {
                    Some(intended) => intended,
                    None => break,
                }
            }
            Some(schedule) => {
                let intended = schedule.next();
                while clock::now() < intended && !plan.stop.is_set() {
                    tokio::task::yield_now().await;
                }
                intended
            }
        };
        let call = lane.next_call;
        lane.next_call += lane.step;
        let length = client
            .call_into(caller.request(call), &mut reply)
            .await
            .completed()
            .map_err(|source| DriveError::Call { call, source })?;
        caller.check(call, &reply[..length])?;
        made += 1;
        if plan.timed {
            now = clock::now();
            if plan.counts(started) {
                tally.record(now, now.since(started));
            }
        }
    }
    tally.finish(plan.end(), made);
    Ok(tally)
}
