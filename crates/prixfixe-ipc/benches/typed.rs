//! What the typed layer costs: calls of bytes and typed calls of the same size take turns, from one
//! blocking client to a server in a process of its own. Both sides make and digest every payload.
//!
//! ```sh
//! cargo bench -p prixfixe-ipc --features rkyv,workload --bench typed
//! ```

mod server_process;

use std::hint::black_box;
use std::time::{Duration, Instant};

use prixfixe_ipc::typed::{self, Service};
use prixfixe_ipc::workload::{Record, digest, fill, replying_to};
use prixfixe_ipc::{Refusal, Reply, Request, ServerConfig};
use server_process::{Failure, ServerProcess, name_to_serve};

/// Octets of every payload, of either kind, typed header included.
const PAYLOAD: usize = Record::PAYLOAD;
/// Turns of each kind; medians are of so many.
const PAIRS: usize = 31;
/// How long a turn lasts.
const TURN: Duration = Duration::from_millis(200);
/// Calls between two looks at the clock.
const BATCH: u64 = 1_000;

fn main() -> Result<(), Failure> {
    match name_to_serve() {
        Some(name) => serve(&name),
        None => measure(),
    }
}

fn serve(name: &str) -> Result<(), Failure> {
    let service = Service::new()
        .on::<Record>(move |asked, _| {
            let (client, number) = (asked.client.to_native(), asked.call.to_native());
            let texts = asked.recipients.iter().map(|recipient| recipient.len());
            black_box(texts.sum::<usize>() + asked.subject.len());
            black_box(digest(&asked.body));
            let mut answer = Record::new();
            answer.fill(replying_to(client), number);
            Ok(answer)
        })
        .otherwise(|request: Request<'_>, reply: &mut Reply<'_>| {
            black_box(digest(request.payload()));
            let (stamp, _) = request
                .payload()
                .split_first_chunk()
                .ok_or(Refusal::Malformed)?;
            let number = u64::from_le_bytes(*stamp);
            fill(reply.extend(PAYLOAD)?, replying_to(1), number);
            Ok(())
        });
    server_process::serve(name, ServerConfig::default(), |server| {
        server.serve(service)
    })
}

fn measure() -> Result<(), Failure> {
    let server = ServerProcess::start("typed")?;
    let mut client = typed::Client::connect(&server.address)?;
    let mut asker = Asker::new();

    let (mut raw, mut typed) = (Vec::new(), Vec::new());
    for turn in 0..=PAIRS {
        let raw_us = timed(|number| asker.raw(&mut client, number))?;
        let typed_us = timed(|number| asker.typed(&mut client, number))?;
        // The first warms both up.
        if turn > 0 {
            raw.push(raw_us);
            typed.push(typed_us);
        }
    }
    let mut ratios: Vec<f64> = typed
        .iter()
        .zip(&raw)
        .map(|(typed, raw)| typed / raw)
        .collect();
    println!("{PAYLOAD} octets each way, medians of {PAIRS} pairs of turns");
    println!(
        "bytes: {:.3} µs, typed: {:.3} µs",
        median(&mut raw),
        median(&mut typed)
    );
    println!(
        "ratio of the medians: {:.2}",
        median(&mut typed) / median(&mut raw)
    );
    println!("median of the ratios: {:.2}", median(&mut ratios));
    Ok(())
}

/// Makes calls for the time of a turn, and returns the mean of one, in microseconds.
fn timed(mut call: impl FnMut(u64) -> Result<(), Failure>) -> Result<f64, Failure> {
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < TURN {
        for number in calls..calls + BATCH {
            call(number)?;
        }
        calls += BATCH;
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 calls")]
    let calls = calls as f64;
    Ok(start.elapsed().as_secs_f64() * 1e6 / calls)
}

/// The client's side: makes requests, and digests replies.
struct Asker {
    raw: Vec<u8>,
    reply: Vec<u8>,
    expected: Vec<u8>,
    record: Record,
}

impl Asker {
    fn new() -> Self {
        Self {
            raw: vec![0; PAYLOAD],
            reply: vec![0; PAYLOAD],
            expected: vec![0; PAYLOAD],
            record: Record::new(),
        }
    }

    fn raw(&mut self, client: &mut typed::Client, number: u64) -> Result<(), Failure> {
        fill(&mut self.raw, 1, number);
        self.raw[..8].copy_from_slice(&number.to_le_bytes());
        let length = client
            .bytes()
            .call_into(&self.raw, &mut self.reply)
            .completed()?;
        fill(&mut self.expected, replying_to(1), number);
        same(digest(&self.reply[..length]), digest(&self.expected))
    }

    fn typed(&mut self, client: &mut typed::Client, number: u64) -> Result<(), Failure> {
        self.record.fill(1, number);
        let reply = client.call(&self.record).completed()?;
        same(reply.call.to_native(), number)?;
        let expected = &mut self.expected[..self.record.body.len()];
        fill(expected, replying_to(1), number);
        same(digest(&reply.body), digest(expected))
    }
}

fn same(one: u64, other: u64) -> Result<(), Failure> {
    if one == other {
        return Ok(());
    }
    Err("a reply was altered".into())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
