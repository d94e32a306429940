//! A stream of 1 GiB each way, its memory and its rate beside a Unix socket, and calls beside streams of the
//! same connection. The server is a process of its own, and both sides look at every octet.
//!
//! ```sh
//! cargo bench -p prixfixe-ipc --features tokio,workload --bench streams
//! cargo bench -p prixfixe-ipc --features tokio,workload --bench streams -- --check
//! ```

mod server_process;

use std::hint::black_box;
use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::{Duration, Instant};

use prixfixe_ipc::workload::digest;
use prixfixe_ipc::{
    AsyncClient, AsyncConnector, Call, ChannelSizes, Client, ClientOptions, Connector, Outcome,
    OwnedReply, OwnedRequest, Refusal, ServerConfig,
};
use server_process::{Failure, ServerProcess, name_to_serve};

/// Of each stream.
const OCTETS: u64 = 1 << 30;
const ITEM: usize = 32 << 10;
/// A few windows of 128 KiB for each direction and side, twice over; nothing that grows with the stream.
const MOST_GROWTH_KIB: u64 = 2048;
/// How much longer the slowest hundredth of calls may take beside a stream that stands still.
const MOST_BESIDE_STALLED: f64 = 1.5;
const CALLS_PER_TURN: usize = 5000;
/// Turns of each kind; medians are of so many.
const TURNS: usize = 9;

/// What a call asks for.
const TAKE: u32 = 1;
const GIVE: u32 = 2;
const STALL: u32 = 3;

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
            std::thread::spawn(move || over_socket(stream));
        }
    });
    let mut config = ServerConfig::default();
    config.max_sizes = sizes()?;
    server_process::serve(name, config, |server| server.serve_async(answer))
}

async fn answer(mut request: OwnedRequest, mut reply: OwnedReply) -> Result<(), Refusal> {
    let mut item = Vec::new();
    match request.message_type() {
        TAKE => {
            while request.next_item(&mut item).await? {
                black_box(digest(&item));
            }
            Ok(())
        }
        GIVE => {
            item.resize(ITEM, 7);
            loop {
                // Until nobody wants more.
                if reply.send_item(&item).await.is_err() {
                    return Ok(());
                }
            }
        }
        STALL => std::future::pending().await,
        _ => reply.write(request.payload()),
    }
}

/// Takes 1 GiB and gives as much, again and again.
fn over_socket(mut stream: UnixStream) -> std::io::Result<()> {
    loop {
        read_all(&mut stream)?;
        stream.write_all(&[1])?;
        write_all(&mut stream)?;
    }
}

fn read_all(stream: &mut UnixStream) -> std::io::Result<()> {
    let mut item = vec![0; ITEM];
    for _ in 0..OCTETS / ITEM as u64 {
        stream.read_exact(&mut item)?;
        black_box(digest(&item));
    }
    Ok(())
}

fn write_all(stream: &mut UnixStream) -> std::io::Result<()> {
    let item = vec![7; ITEM];
    for _ in 0..OCTETS / ITEM as u64 {
        stream.write_all(&item)?;
    }
    Ok(())
}

fn socket_address(name: &str) -> std::io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("{name}-socket"))
}

fn sizes() -> Result<ChannelSizes, Failure> {
    Ok(ChannelSizes::new(512 << 10, 128 << 10, 32)?)
}

fn options() -> Result<ClientOptions, Failure> {
    let mut options = ClientOptions::default();
    options.sizes = sizes()?;
    Ok(options)
}

fn measure(check: bool) -> Result<(), Failure> {
    let server = ServerProcess::start("streams")?;
    let grew = gibibytes(&server)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let slower = runtime.block_on(beside(&server))?;
    if check && (grew > MOST_GROWTH_KIB || slower > MOST_BESIDE_STALLED) {
        return Err("a bound was missed".into());
    }
    Ok(())
}

/// The streams of 1 GiB. Returns by how many KiB a process grew.
fn gibibytes(server: &ServerProcess) -> Result<u64, Failure> {
    let mut client = Connector::with_options(server.address.clone(), options()?).client()?;
    // Windows and buffers are made at the first use; what is looked for grows with the stream.
    send(&mut client, ITEM as u64 * 64)?;
    receive(&mut client, ITEM as u64 * 64)?;
    let processes = [std::process::id(), server.id()];
    let before = processes.map(anonymous_kib);
    let sent = rate(|| send(&mut client, OCTETS))?;
    let received = rate(|| receive(&mut client, OCTETS))?;
    let after = processes.map(anonymous_kib);

    let name = format!("prixfixe-bench-streams-{}", std::process::id());
    let mut stream = UnixStream::connect_addr(&socket_address(&name)?)?;
    let sent_by_socket = rate(|| {
        write_all(&mut stream)?;
        Ok(stream.read_exact(&mut [0])?)
    })?;
    let received_by_socket = rate(|| Ok(read_all(&mut stream)?))?;
    println!("1 GiB in items of 32 KiB, rings of 512 KiB, MB/s");
    println!("            stream   Unix socket");
    println!("sent      {sent:>8.0} {sent_by_socket:>13.0}");
    println!("received  {received:>8.0} {received_by_socket:>13.0}");
    let mut grew = 0;
    for (who, (before, after)) in ["client", "server"].iter().zip(before.iter().zip(after)) {
        println!("RssAnon of the {who}: {before} KiB before, {after} KiB after");
        grew = grew.max(after.saturating_sub(*before));
    }
    println!("grew by at most {grew} KiB, may grow by {MOST_GROWTH_KIB} KiB");
    Ok(grew)
}

fn send(client: &mut Client, octets: u64) -> Result<(), Failure> {
    let mut stream = client.stream(Call::new(b"").message_type(TAKE))?;
    let item = vec![7; ITEM];
    for _ in 0..octets / ITEM as u64 {
        stream.send(&item)?;
    }
    match stream.reply(&mut []) {
        Outcome::Completed(0) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn receive(client: &mut Client, octets: u64) -> Result<(), Failure> {
    let mut stream = client.stream(Call::new(b"").message_type(GIVE))?;
    let mut item = Vec::new();
    for _ in 0..octets / ITEM as u64 {
        if !stream.receive(&mut item)? {
            return Err("the stream ended early".into());
        }
        black_box(digest(&item));
    }
    Ok(())
}

/// How fast 1 GiB went, in MB/s.
fn rate(go: impl FnOnce() -> Result<(), Failure>) -> Result<f64, Failure> {
    let start = Instant::now();
    go()?;
    let megabytes = 1.073_741_824e3;
    Ok(megabytes / start.elapsed().as_secs_f64())
}

/// Private memory of a process.
fn anonymous_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    kib.unwrap_or(0)
}

/// Calls alone, beside a stream that stands still, and beside one that flows, over one connection. Returns
/// how many times as long the slowest hundredth took beside the first.
async fn beside(server: &ServerProcess) -> Result<f64, Failure> {
    let connector = AsyncConnector::with_options(server.address.clone(), options()?);
    let client = connector.client().await?;
    let (mut alone, mut stalled, mut flowing) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        alone.push(p99_us(&client).await?);
        {
            let call = Call::new(b"").message_type(STALL);
            let mut stream = client
                .stream(call.timeout(Duration::from_millis(20)))
                .await?;
            // As much as goes.
            let item = vec![7; ITEM];
            while stream.send(&item).await.is_ok() {}
            stalled.push(p99_us(&client).await?);
        }
        let mut stream = client.stream(Call::new(b"").message_type(GIVE)).await?;
        let flow = async {
            let mut item = Vec::new();
            while let Ok(true) = stream.receive(&mut item).await {}
            Err::<f64, Failure>("the stream ended early".into())
        };
        flowing.push(tokio::select! {
            p99 = p99_us(&client) => p99?,
            ended = flow => ended?,
        });
    }
    let [alone, stalled, flowing] = [alone, stalled, flowing].map(median);
    let slower = stalled / alone;
    println!("p99 of calls of 1 KiB, µs, medians of {TURNS} turns of {CALLS_PER_TURN}");
    println!("alone                      {alone:>8.1}");
    println!(
        "beside a stalled stream    {stalled:>8.1}   {slower:.2} times, may be {MOST_BESIDE_STALLED}"
    );
    println!(
        "beside a flowing stream    {flowing:>8.1}   {:.2} times",
        flowing / alone
    );
    Ok(slower)
}

async fn p99_us(client: &AsyncClient) -> Result<f64, Failure> {
    let request = [7; 1024];
    let mut reply = [0; 1024];
    let mut times = Vec::with_capacity(CALLS_PER_TURN);
    for _ in 0..CALLS_PER_TURN {
        let start = Instant::now();
        let outcome = client.call_into(&request[..], &mut reply).await;
        times.push(start.elapsed().as_secs_f64() * 1e6);
        if outcome != Outcome::Completed(request.len()) || reply != request {
            return Err(format!("{outcome:?}").into());
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[CALLS_PER_TURN * 99 / 100])
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
