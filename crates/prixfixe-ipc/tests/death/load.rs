//! A client process under load: it writes down how each of its calls has ended.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prixfixe_ipc::{Call, CallId, Cause, Outcome, Pipeline, SubmitError, workload};

use super::caller::{AnyClient, Style};
use super::journal::{Pen, now_ns};
use super::roles::word;
use super::scene::{Kind, LENGTH, Scene, caller_id, is_reply};

pub(crate) const NUMBER_VARIABLE: &str = "TEST_PRIXFIXE_IPC_NUMBER";

/// Long enough for a server's successor, mostly, and short enough to end while a server is stopped.
const TIMEOUT: Duration = Duration::from_millis(300);
/// Calls that the pipeline keeps open.
const IN_FLIGHT: usize = 16;

/// Calls from four threads until the standard input ends.
pub(crate) fn make(scene: &Scene) {
    let number: u32 = std::env::var(NUMBER_VARIABLE).unwrap().parse().unwrap();
    let stopping = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| one_by_one(scene, number * 4, Style::Blocking, false, &stopping));
        scope.spawn(|| one_by_one(scene, number * 4 + 1, Style::Blocking, true, &stopping));
        scope.spawn(|| one_by_one(scene, number * 4 + 3, Style::Asynchronous, false, &stopping));
        scope.spawn(|| many_at_once(scene, number * 4 + 2, &stopping));
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
        stopping.store(true, Ordering::Relaxed);
    });
}

fn one_by_one(scene: &Scene, number: u32, style: Style, idempotent: bool, stopping: &AtomicBool) {
    let mut pen = scene.journal().open();
    let mut caller = scene.caller_of(number, style);
    while !stopping.load(Ordering::Relaxed) {
        let (id, outcome) = caller.call(Kind::Plain, idempotent, TIMEOUT);
        write(&mut pen, id, outcome, idempotent);
    }
    pen.write(&format!("made {} {}", caller.number, caller.calls));
}

fn many_at_once(scene: &Scene, number: u32, stopping: &AtomicBool) {
    let mut pen = scene.journal().open();
    let mut caller = scene.caller(number);
    while !stopping.load(Ordering::Relaxed) {
        // Nobody may be there just now.
        if let AnyClient::Blocking(client) = &mut caller.client
            && let Ok(pipeline) = client.pipeline()
        {
            let numbers = (caller.number, &mut caller.calls);
            fill_and_drain(pipeline, numbers, &mut pen, stopping);
        }
    }
    pen.write(&format!("made {} {}", caller.number, caller.calls));
}

/// Keeps calls open until the connection is lost or it is time to stop, and then ends them all.
fn fill_and_drain(
    mut pipeline: Pipeline<'_>,
    (client, calls): (u64, &mut u64),
    pen: &mut Pen,
    stopping: &AtomicBool,
) {
    let mut open: HashMap<CallId, u64> = HashMap::new();
    let mut lost = false;
    let mut buffer = [0; LENGTH];
    loop {
        while !lost && !stopping.load(Ordering::Relaxed) && open.len() < IN_FLIGHT {
            let call = *calls + 1;
            let mut payload = [0; LENGTH];
            workload::fill(&mut payload, client, call);
            let request = Call::new(&payload).caller_id(caller_id(client, call));
            match pipeline.submit(request.timeout(TIMEOUT), LENGTH) {
                Ok(id) => {
                    *calls = call;
                    open.insert(id, call);
                }
                Err(SubmitError::Full) => break,
                Err(_) => lost = true,
            }
        }
        let Some((id, outcome)) = pipeline.receive(&mut buffer) else {
            assert!(open.is_empty(), "calls that have no outcome");
            return;
        };
        let call = open.remove(&id).unwrap();
        let outcome = outcome.map(|length| {
            assert!(
                is_reply(&buffer[..length], client, call),
                "a reply to something else"
            );
        });
        lost |= matches!(outcome, Outcome::Failed(failure) if failure.cause == Cause::HungUp);
        write(pen, caller_id(client, call), outcome, false);
    }
}

fn write(pen: &mut Pen, id: u128, outcome: Outcome<()>, idempotent: bool) {
    let hung_up = matches!(outcome, Outcome::Failed(failure) if failure.cause == Cause::HungUp);
    let kind = if idempotent { "idempotent" } else { "once" };
    let noticed = if hung_up { "hung-up" } else { "-" };
    let at = now_ns();
    pen.write(&format!(
        "outcome {id} {kind} {} {noticed} {at}",
        word(outcome)
    ));
}
