//! Sends messages as fast as a server takes them, and says how that went.
//!
//! ```sh
//! cargo run --release -p prixfixe-load --example send -- HOST:PORT MESSAGES WORKERS SIZE [persistent] [threads=N]
//! ```

use std::num::NonZeroU32;
use std::process::ExitCode;

use prixfixe_load::generator;
use prixfixe_load::generator::Live;
use prixfixe_load::plan::{Contents, Plan};
use prixfixe_load::schedule::Schedule;

const USAGE: &str = "send HOST:PORT MESSAGES WORKERS SIZE [persistent] [pipelining] [threads=N]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match plan(&words).and_then(|plan| send(&plan)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}\nusage: {USAGE}");
            ExitCode::FAILURE
        }
    }
}

type Failed = Box<dyn std::error::Error>;

fn plan(words: &[String]) -> Result<Plan, Failed> {
    let [target, messages, workers, size, options @ ..] = words else {
        return Err("too few arguments".into());
    };
    let schedule = Schedule::Closed {
        messages: Some(messages.parse()?),
        lasts: None,
    };
    let mut plan = Plan::new(vec![target.clone()], schedule, workers.parse()?);
    plan.contents = Contents::Made(size.parse()?);
    plan.per_connection = Some(NonZeroU32::MIN);
    for option in options {
        match option.split_once('=') {
            Some(("threads", count)) => plan.threads = Some(count.parse()?),
            None if option == "persistent" => plan.per_connection = None,
            None if option == "pipelining" => plan.dialogue.pipelining = true,
            _ => return Err(format!("{option} is no option").into()),
        }
    }
    Ok(plan)
}

fn send(plan: &Plan) -> Result<(), Failed> {
    let measured = generator::run(plan, &Live::new())?.measurement(plan);
    println!(
        "{} accepted, {} failed, {:.0}/s; latency p50 {:.2} ms, p99 {:.2} ms; \
         {:.1} µs of processor time a message, busy {:.0} %",
        measured.accepted,
        measured.failed,
        measured.rate,
        measured.latency_ms.p50,
        measured.latency_ms.p99,
        1e3 * measured.generator.cpu_s_per_1000,
        100.0 * measured.generator.busy,
    );
    for error in &measured.errors {
        println!(
            "{} × {:?} at {}: {}",
            error.count,
            error.kind,
            error.stage.name(),
            error.example
        );
    }
    for reason in &measured.invalid_because {
        println!("invalid: {reason}");
    }
    Ok(())
}
