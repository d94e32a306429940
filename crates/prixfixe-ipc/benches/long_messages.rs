//! Round trips of long messages beside a Unix socket, in turns: one blocking client, a server in a process
//! of its own. Both sides digest every octet they get, and the reply has other bytes than the request, which
//! follow from all of those. The request is made for each call: in a buffer of the caller's, which then goes
//! in parts, over the socket, or as a sealed message that is made of it. Sealed are the requests alone; their
//! replies go in parts. "Sent again" is one sealed message in all calls.
//!
//! ```sh
//! cargo bench -p prixfixe-ipc --features workload --bench long_messages
//! cargo bench -p prixfixe-ipc --features workload --bench long_messages -- --check   # in parts
//! ```

mod server_process;

use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Instant;

use prixfixe_ipc::workload::{digest, expected_digest, fill};
use prixfixe_ipc::{
    Call, ChannelSizes, Client, ClientOptions, Connector, Outcome, Reply, Request, SealedMessage,
    ServerConfig,
};
use server_process::{Failure, ServerProcess, name_to_serve};

/// A name, the octets of request and reply, round trips in a turn, and how many times as fast as the socket
/// it has to be, if that was promised.
const SIZES: [(&str, usize, u32, Option<f64>); 4] = [
    ("64 KiB", 64 << 10, 400, None),
    ("256 KiB", 256 << 10, 100, None),
    ("1 MiB", 1 << 20, 40, Some(2.0)),
    ("10 MiB", 10 << 20, 6, None),
];
/// Octets of each ring.
const RING: u32 = 2 << 20;
/// Who makes the requests, and who the replies.
const CLIENT: u64 = 1;
const SERVER: u64 = 2;
/// Turns of each kind; medians are of so many.
const PAIRS: usize = 11;

fn main() -> Result<(), Failure> {
    match name_to_serve() {
        Some(name) => serve(&name),
        None => measure(std::env::args().any(|argument| argument == "--check")),
    }
}

fn serve(name: &str) -> Result<(), Failure> {
    let socket = UnixListener::bind_addr(&socket_address(name)?)?;
    std::thread::spawn(move || {
        for stream in socket.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    let mut config = ServerConfig::default();
    config.max_sizes = sizes()?;
    server_process::serve(name, config, |server| {
        server.serve(|request: Request<'_>, reply: &mut Reply<'_>| {
            let payload = request.payload();
            fill(reply.extend(payload.len())?, SERVER, digest(payload));
            Ok(())
        })
    })
}

/// Answers what comes, each message behind its length.
fn answer(mut stream: UnixStream) -> std::io::Result<()> {
    let mut message = Vec::new();
    loop {
        let mut length = [0; 8];
        stream.read_exact(&mut length)?;
        message.resize(usize::try_from(u64::from_le_bytes(length)).unwrap_or(0), 0);
        stream.read_exact(&mut message)?;
        let digest = digest(&message);
        fill(&mut message, SERVER, digest);
        stream.write_all(&length)?;
        stream.write_all(&message)?;
    }
}

fn socket_address(name: &str) -> std::io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("{name}-socket"))
}

/// A message of a megabyte has room in its ring twice.
fn sizes() -> Result<ChannelSizes, Failure> {
    Ok(ChannelSizes::new(RING, 128 << 10, 32)?)
}

fn measure(check: bool) -> Result<(), Failure> {
    let server = ServerProcess::start("long")?;
    let mut options = ClientOptions::default();
    options.sizes = sizes()?;
    let mut client = Connector::with_options(server.address.clone(), options).client()?;
    let name = format!("prixfixe-bench-long-{}", std::process::id());
    let mut stream = UnixStream::connect_addr(&socket_address(&name)?)?;
    println!(
        "round trips, µs, medians of {PAIRS} pairs of turns; rings of {} KiB",
        RING >> 10
    );
    println!(
        "size       in parts  times as fast   sealed  times as fast   sent again   Unix socket"
    );
    let mut missed = false;
    for (size, octets, count, bound) in SIZES {
        let mut trip = Trip {
            call: 0,
            request: vec![0; octets],
            reply: vec![0; octets],
            scratch: vec![0; octets],
        };
        let again = SealedMessage::copy_of(&trip.request)?;
        let mut figures: [Vec<f64>; 4] = Default::default();
        for turn in 0..=PAIRS {
            let means = [
                trip.mean_us(count, |request, reply| {
                    by_call(&mut client, Call::new(request), reply)
                })?,
                trip.mean_us(count, |request, reply| {
                    let sealed = SealedMessage::copy_of(request)?;
                    by_call(&mut client, Call::sealed(&sealed), reply)
                })?,
                trip.mean_us_again(count, &again, |reply| {
                    by_call(&mut client, Call::sealed(&again), reply)
                })?,
                trip.mean_us(count, |request, reply| {
                    over_socket(&mut stream, request, reply)
                })?,
            ];
            // The first warms all up.
            if turn > 0 {
                for (figures, mean) in figures.iter_mut().zip(means) {
                    figures.push(mean);
                }
            }
        }
        let [in_parts, by_memory, again, by_socket] = figures.each_mut().map(|all| median(all));
        let ratios = [by_socket / in_parts, by_socket / by_memory];
        let verdict = bound.map_or(String::new(), |bound| {
            let words = ratios.map(|ratio| if ratio < bound { "missed" } else { "held" });
            // New pages for each call are dearer than copies: see docs/benchmarks.md.
            missed |= words[0] == "missed";
            format!(
                "   at least {bound}: {} in parts, {} sealed",
                words[0], words[1]
            )
        });
        println!(
            "{size:<8} {in_parts:>10.1} {:>14.2} {by_memory:>8.1} {:>14.2} {again:>12.1} {by_socket:>13.1}{verdict}",
            ratios[0], ratios[1]
        );
    }
    if check && missed {
        return Err("a bound was missed".into());
    }
    Ok(())
}

/// What goes to and fro.
struct Trip {
    call: u64,
    request: Vec<u8>,
    reply: Vec<u8>,
    scratch: Vec<u8>,
}

impl Trip {
    /// The mean of `count` round trips by `send`: the making of the request is in it, and the digest of the
    /// reply. What that had to be is found afterwards.
    fn mean_us(
        &mut self,
        count: u32,
        mut send: impl FnMut(&[u8], &mut [u8]) -> Result<(), Failure>,
    ) -> Result<f64, Failure> {
        let mut got = Vec::new();
        let start = Instant::now();
        for _ in 0..count {
            self.call += 1;
            fill(&mut self.request, CLIENT, self.call);
            send(&self.request, &mut self.reply)?;
            got.push((self.call, digest(&self.reply)));
        }
        let took = start.elapsed();
        for (call, got) in got {
            fill(&mut self.request, CLIENT, call);
            check(got, &self.request, &mut self.scratch)?;
        }
        Ok(took.as_secs_f64() * 1e6 / f64::from(count))
    }

    /// The same of `request`, which was made before.
    fn mean_us_again(
        &mut self,
        count: u32,
        request: &[u8],
        mut send: impl FnMut(&mut [u8]) -> Result<(), Failure>,
    ) -> Result<f64, Failure> {
        let mut got = Vec::new();
        let start = Instant::now();
        for _ in 0..count {
            send(&mut self.reply)?;
            got.push(digest(&self.reply));
        }
        let took = start.elapsed();
        for got in got {
            check(got, request, &mut self.scratch)?;
        }
        Ok(took.as_secs_f64() * 1e6 / f64::from(count))
    }
}

/// Whether `got` is the digest of the reply to `request`.
fn check(got: u64, request: &[u8], scratch: &mut [u8]) -> Result<(), Failure> {
    if got == expected_digest(scratch, SERVER, digest(request)) {
        Ok(())
    } else {
        Err("a reply was altered".into())
    }
}

fn by_call(client: &mut Client, call: Call<'_>, reply: &mut [u8]) -> Result<(), Failure> {
    let outcome = client.call_into(call, reply);
    if outcome == Outcome::Completed(reply.len()) {
        Ok(())
    } else {
        Err(format!("{outcome:?}").into())
    }
}

fn over_socket(stream: &mut UnixStream, request: &[u8], reply: &mut [u8]) -> Result<(), Failure> {
    // A socket holds less than a message: who only wrote would wait for ever for one that only writes, but
    // the server reads the whole before it answers.
    stream.write_all(&(request.len() as u64).to_le_bytes())?;
    stream.write_all(request)?;
    let mut length = [0; 8];
    stream.read_exact(&mut length)?;
    stream.read_exact(reply)?;
    Ok(())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
