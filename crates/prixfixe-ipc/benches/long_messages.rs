//! Round trips of long messages beside a Unix socket, in turns: one blocking client, a server in a process
//! of its own, and both sides touch every octet. The request is made for each call: in a buffer of the
//! caller's, which then goes in parts, over the socket, or as a sealed message that is made of it. Sealed are
//! the requests alone; their replies go in parts. "Sent again" is one sealed message in all calls.
//!
//! ```sh
//! cargo bench -p prixfixe-ipc --features workload --bench long_messages
//! cargo bench -p prixfixe-ipc --features workload --bench long_messages -- --check
//! ```

mod server_process;

use std::hint::black_box;
use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Instant;

use prixfixe_ipc::workload::{digest, fill};
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
            std::thread::spawn(move || echo(stream));
        }
    });
    let mut config = ServerConfig::default();
    config.max_sizes = sizes()?;
    server_process::serve(name, config, |server| {
        server.serve(|request: Request<'_>, reply: &mut Reply<'_>| {
            black_box(digest(request.payload()));
            reply.write(request.payload())
        })
    })
}

/// Sends back what comes, each message behind its length.
fn echo(mut stream: UnixStream) -> std::io::Result<()> {
    let mut message = Vec::new();
    loop {
        let mut length = [0; 8];
        stream.read_exact(&mut length)?;
        message.resize(usize::try_from(u64::from_le_bytes(length)).unwrap_or(0), 0);
        stream.read_exact(&mut message)?;
        black_box(digest(&message));
        stream.write_all(&length)?;
        stream.write_all(&message)?;
    }
}

fn socket_address(name: &str) -> std::io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("{name}-socket"))
}

/// The rings of the specification's streams.
fn sizes() -> Result<ChannelSizes, Failure> {
    Ok(ChannelSizes::new(512 << 10, 128 << 10, 32)?)
}

fn measure(check: bool) -> Result<(), Failure> {
    let server = ServerProcess::start("long")?;
    let mut options = ClientOptions::default();
    options.sizes = sizes()?;
    let mut client = Connector::with_options(server.address.clone(), options).client()?;
    let name = format!("prixfixe-bench-long-{}", std::process::id());
    let mut stream = UnixStream::connect_addr(&socket_address(&name)?)?;
    println!("round trips, µs, medians of {PAIRS} pairs of turns; rings of 512 KiB");
    println!(
        "size       in parts  times as fast   sealed  times as fast   sent again   Unix socket"
    );
    let mut missed = false;
    for (size, octets, count, bound) in SIZES {
        let mut request = vec![0; octets];
        let mut reply = vec![0; octets];
        let again = SealedMessage::copy_of(&request)?;
        let mut figures: [Vec<f64>; 4] = Default::default();
        let mut call = 0;
        for turn in 0..=PAIRS {
            let means = [
                mean_us(count, || {
                    call += 1;
                    fill(&mut request, 1, call);
                    by_call(&mut client, Call::new(&request), &mut reply)
                })?,
                mean_us(count, || {
                    call += 1;
                    fill(&mut request, 1, call);
                    let sealed = SealedMessage::copy_of(&request)?;
                    by_call(&mut client, Call::sealed(&sealed), &mut reply)
                })?,
                mean_us(count, || {
                    by_call(&mut client, Call::sealed(&again), &mut reply)
                })?,
                mean_us(count, || {
                    call += 1;
                    fill(&mut request, 1, call);
                    over_socket(&mut stream, &request, &mut reply)
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
            missed |= words.contains(&"missed");
            format!("   at least {bound}: {} and {}", words[0], words[1])
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

fn by_call(client: &mut Client, call: Call<'_>, reply: &mut [u8]) -> Result<(), Failure> {
    let outcome = client.call_into(call, reply);
    if outcome != Outcome::Completed(call.payload().len()) {
        return Err(format!("{outcome:?}").into());
    }
    same(call.payload(), reply)
}

fn over_socket(stream: &mut UnixStream, request: &[u8], reply: &mut [u8]) -> Result<(), Failure> {
    // A socket holds less than a message: who only wrote would wait for ever for one that only writes, but
    // the server reads the whole before it answers.
    stream.write_all(&(request.len() as u64).to_le_bytes())?;
    stream.write_all(request)?;
    let mut length = [0; 8];
    stream.read_exact(&mut length)?;
    stream.read_exact(reply)?;
    same(request, reply)
}

fn same(request: &[u8], reply: &[u8]) -> Result<(), Failure> {
    if digest(request) == digest(reply) {
        Ok(())
    } else {
        Err("a reply was altered".into())
    }
}

fn mean_us(count: u32, mut round: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let start = Instant::now();
    for _ in 0..count {
        round()?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(count))
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
