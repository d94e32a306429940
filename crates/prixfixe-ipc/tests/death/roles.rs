//! What the processes do that the tests start.

use std::io::BufRead;
use std::num::NonZeroI32;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prixfixe_ipc::fault_point::{Point, arm, reach};
use prixfixe_ipc::{
    BindError, BindFailure, Executed, Outcome, Refusal, Reply, Request, Server, ServerConfig,
    ServerEvent, workload,
};

use super::caller::Style;
use super::journal::{Pen, now_ns};
use super::leaks;
use super::load;
use super::long_messages;
use super::process::{say, state_of, wait_until};
use super::scene::{ARM, FOR_EVER, Kind, LENGTH, Scene, client_and_call, thread_of};
use super::streams;

pub(crate) const DIRECTORY_VARIABLE: &str = "TEST_PRIXFIXE_IPC_DIRECTORY";
pub(crate) const SERVER: &str = "server";
/// A server that first waits for the death of another.
pub(crate) const SUCCESSOR: &str = "successor";
pub(crate) const PREDECESSOR_VARIABLE: &str = "TEST_PRIXFIXE_IPC_PREDECESSOR";
pub(crate) const CLIENT: &str = "client";
pub(crate) const LOAD: &str = "load";
pub(crate) const CROWD: &str = "crowd";

pub(crate) fn play(role: &str) {
    let scene = Scene::of_child();
    match role {
        SERVER => serve(&scene),
        SUCCESSOR => {
            let predecessor = std::env::var(PREDECESSOR_VARIABLE)
                .unwrap()
                .parse()
                .unwrap();
            wait_until(|| matches!(state_of(predecessor), Some('Z') | None));
            serve(&scene);
        }
        CLIENT => obey(&scene),
        LOAD => load::make(&scene),
        CROWD => leaks::crowd(&scene),
        streams::SERVER => streams::serve(&scene),
        streams::CLIENT => streams::send(&scene),
        long_messages::SERVER => long_messages::serve(&scene),
        long_messages::SUCCESSOR => long_messages::succeed(&scene),
        long_messages::CLIENT => long_messages::obey(&scene),
        _ => panic!("no such role: {role}"),
    }
}

/// Answers calls, and writes down each before anything else is done with it.
fn serve(scene: &Scene) {
    let pen = Arc::new(Mutex::new(scene.journal().open()));
    let gate = scene.gate();
    let events = Arc::clone(&pen);
    let config = ServerConfig::default().on_event(move |event| {
        if let ServerEvent::Gone { client, .. } = event {
            let pid = client.credentials.pid.map_or(0, NonZeroI32::get);
            let line = format!("gone {pid} {}", now_ns());
            events.lock().unwrap().write(&line);
        }
    });
    // The threads of a killed server go one by one, and the last one takes the listener along.
    let server = loop {
        match Server::bind(&scene.address(), config.clone()) {
            Ok(server) => break server,
            Err(BindError::Address(BindFailure::AlreadyServing)) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    say("listening");
    let stopper = server.stopper();
    server
        .serve(move |request: Request<'_>, reply: &mut Reply<'_>| {
            if request.message_type() == Kind::Draining as u32 {
                stopper.drain(FOR_EVER);
            }
            answer(&pen, &gate, request, reply)
        })
        .unwrap();
}

fn answer(
    pen: &Mutex<Pen>,
    gate: &Path,
    request: Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Refusal> {
    if request.message_type() == ARM {
        arm(std::str::from_utf8(request.payload()).unwrap());
        return Ok(());
    }
    let id = request.caller_id().unwrap();
    pen.lock().unwrap().write(&format!("executed {id}"));
    reach(Point::ServerHandling);
    let (client, call) = client_and_call(id);
    let kind = Kind::from_number(request.message_type());
    let mut scratch = vec![0; kind.length()];
    let expected = workload::expected_digest(&mut scratch, client, call);
    if workload::digest(request.payload()) != expected {
        return Err(Refusal::HandlerFailed);
    }
    match kind {
        Kind::Plain | Kind::Sealed => {}
        Kind::Asleep => wait_until(|| state_of(thread_of(client)) != Some('R')),
        Kind::Gated | Kind::Draining => wait_until(|| gate.exists()),
    }
    workload::fill(reply.extend(LENGTH)?, workload::replying_to(client), call);
    Ok(())
}

/// Connects and calls as told.
fn obey(scene: &Scene) {
    let mut caller = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["connect", number, style] => {
                let style = Style::from_name(style);
                caller = Some(scene.caller_of(number.parse().unwrap(), style));
                say("connected");
            }
            [kind @ ("call" | "gated" | "sealed"), timeout_ms] => {
                let timeout = Duration::from_millis(timeout_ms.parse().unwrap());
                let caller = caller.as_mut().unwrap();
                let kind = match kind {
                    "gated" => Kind::Gated,
                    "sealed" => Kind::Sealed,
                    _ => Kind::Plain,
                };
                let (_, outcome) = caller.call(kind, false, timeout);
                say(word(outcome));
            }
            _ => panic!("what is {line:?}?"),
        }
    }
}

/// An outcome in a word.
pub(crate) fn word(outcome: Outcome<()>) -> &'static str {
    match outcome {
        Outcome::Completed(()) => "completed",
        Outcome::Refused(_) => "refused",
        Outcome::Failed(failure) => match failure.executed {
            Executed::No => "no",
            Executed::Maybe => "maybe",
        },
    }
}
