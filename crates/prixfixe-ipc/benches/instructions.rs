//! What a call costs either side in instructions, which are the same on a busy machine as on a quiet one.
//! Both processes run under valgrind's callgrind on one processor, where nobody spins: a call is a sleep
//! and a wake on each side, unless many are in flight.
//!
//! ```sh
//! cargo bench -p prixfixe-ipc --bench instructions                # Debian: valgrind
//! cargo bench -p prixfixe-ipc --bench instructions -- keep DIR    # and leave the profiles there
//! callgrind_annotate DIR/asleep-1024-server-9000.out
//! ```

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use prixfixe_ipc::{
    Address, AsyncConnector, Connector, Outcome, Reply, Request, Server, ServerConfig,
};

type Failure = Box<dyn std::error::Error>;

/// Who calls, and how.
struct Row {
    name: &'static str,
    kind: &'static str,
    payload: usize,
    clients: usize,
    in_flight: usize,
}

static ROWS: [Row; 9] = [
    row("asleep-64", "blocking", 64, 1, 1),
    row("asleep-1024", "blocking", 1024, 1, 1),
    row("pipeline-64", "blocking", 64, 1, 32),
    row("pipeline-1024", "blocking", 1024, 1, 32),
    row("sweep-100", "blocking", 1024, 100, 1),
    row("async-1024", "async", 1024, 1, 1),
    row("async-32-deep", "async", 1024, 1, 32),
    row("async-100", "async", 1024, 100, 1),
    row("async-100-deep", "async", 1024, 100, 32),
];

const fn row(
    name: &'static str,
    kind: &'static str,
    payload: usize,
    clients: usize,
    in_flight: usize,
) -> Row {
    Row {
        name,
        kind,
        payload,
        clients,
        in_flight,
    }
}

/// A row is run with so many calls of each call in flight, and with more of them: what starting costs is
/// in both, and their difference has the calls alone. One call in flight makes as many as 32.
const CALLS: [usize; 2] = [3000, 9000];

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", name] => serve(name),
        ["call", name, row, calls] => call(name, find(row)?, calls.parse()?),
        ["keep", folder, "--bench"] => measure(Path::new(folder), &[]),
        ["keep", folder, ref rows @ .., "--bench"] => measure(Path::new(folder), rows),
        _ => {
            let folder = std::env::temp_dir().join(format!("instructions-{}", std::process::id()));
            std::fs::create_dir(&folder)?;
            let measured = measure(&folder, &[]);
            std::fs::remove_dir_all(&folder)?;
            measured
        }
    }
}

fn find(name: &str) -> Result<&'static Row, Failure> {
    let found = ROWS.iter().find(|row| row.name == name);
    found.ok_or_else(|| format!("no row {name}").into())
}

fn measure(folder: &Path, chosen: &[&str]) -> Result<(), Failure> {
    println!("instructions per call     server     client");
    for row in &ROWS {
        if !chosen.is_empty() && !chosen.contains(&row.name) {
            continue;
        }
        let [few, many] = CALLS;
        let (few_server, few_client) = run(folder, row, few)?;
        let (many_server, many_client) = run(folder, row, many)?;
        let per_call = |few_cost: u64, many_cost: u64| {
            many_cost.saturating_sub(few_cost) / (many - few) as u64
        };
        println!(
            "{:<21} {:>10} {:>10}",
            row.name,
            per_call(few_server, many_server),
            per_call(few_client, many_client),
        );
    }
    Ok(())
}

/// The instructions of the server and of its client.
fn run(folder: &Path, row: &Row, calls: usize) -> Result<(u64, u64), Failure> {
    let name = format!("prixfixe-instructions-{}", std::process::id());
    let counts = calls.to_string();
    let profile = |side: &str| folder.join(format!("{}-{side}-{calls}.out", row.name));
    let mut server = counted(&profile("server"), &["serve", &name])?;
    let said = server.stdout.take().ok_or("no output")?;
    BufReader::new(said).read_line(&mut String::new())?;
    let client = counted(&profile("client"), &["call", &name, row.name, &counts])?;
    let client = finish(client, &profile("client"))?;
    drop(server.stdin.take());
    Ok((finish(server, &profile("server"))?, client))
}

fn counted(profile: &Path, arguments: &[&str]) -> Result<Child, Failure> {
    let child = Command::new("chrt")
        .args(["--batch", "0", "taskset", "--cpu-list", "0"])
        .args(["valgrind", "--tool=callgrind", "-q"])
        // Large memory comes from the system zeroed, or by chance from a heap that has to be cleared first.
        .env("MALLOC_MMAP_THRESHOLD_", "65536")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    Ok(child)
}

/// Waits for its end, and reads what it cost.
fn finish(mut child: Child, profile: &Path) -> Result<u64, Failure> {
    let ended = child.wait()?;
    if !ended.success() {
        return Err(format!("ended with {ended}").into());
    }
    let text = std::fs::read_to_string(profile)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("no total in the profile")?.trim().parse()?)
}

fn serve(name: &str) -> Result<(), Failure> {
    let server = Server::bind(&Address::abstract_name(name)?, ServerConfig::default())?;
    let stop = server.stopper();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        stop.stop();
    });
    println!("ready");
    std::io::stdout().flush()?;
    server.serve(|request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload()))?;
    Ok(())
}

fn call(name: &str, row: &'static Row, calls: usize) -> Result<(), Failure> {
    let address = Address::abstract_name(name)?;
    match row.kind {
        "async" => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(call_async(address, row, calls)),
        _ if row.in_flight > 1 => call_in_pipeline(address, row, calls),
        _ => call_blocking(address, row, calls),
    }
}

fn call_blocking(address: Address, row: &Row, calls: usize) -> Result<(), Failure> {
    let connector = Connector::new(address);
    let mut clients = (0..row.clients)
        .map(|_| connector.client())
        .collect::<Result<Vec<_>, _>>()?;
    let request = vec![7; row.payload];
    let mut reply = vec![0; row.payload];
    for number in 0..calls {
        let client = &mut clients[number % row.clients];
        expect(&client.call_into(&request, &mut reply), row)?;
    }
    Ok(())
}

fn call_in_pipeline(address: Address, row: &Row, calls: usize) -> Result<(), Failure> {
    let mut client = Connector::new(address).client()?;
    let mut pipeline = client.pipeline()?;
    let request = vec![7; row.payload];
    let mut reply = vec![0; row.payload];
    let mut sent = 0;
    for _ in 0..calls {
        while sent < calls && pipeline.in_flight() < row.in_flight {
            pipeline.submit(&request, row.payload)?;
            sent += 1;
        }
        let (_, outcome) = pipeline.receive(&mut reply).ok_or("nothing in flight")?;
        expect(&outcome, row)?;
    }
    Ok(())
}

async fn call_async(address: Address, row: &'static Row, calls: usize) -> Result<(), Failure> {
    let connector = AsyncConnector::new(address);
    let callers = row.clients * row.in_flight;
    let mut tasks = Vec::new();
    for _ in 0..row.clients {
        let client = connector.client().await?;
        for _ in 0..row.in_flight {
            let client = client.clone();
            let share = calls / callers + usize::from(tasks.len() < calls % callers);
            tasks.push(tokio::spawn(async move {
                let request = vec![7; row.payload];
                let mut reply = vec![0; row.payload];
                for _ in 0..share {
                    let outcome = client.call_into(&request, &mut reply).await;
                    expect(&outcome, row).map_err(|failure| failure.to_string())?;
                }
                Ok::<(), String>(())
            }));
        }
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}

fn expect(outcome: &Outcome<usize>, row: &Row) -> Result<(), Failure> {
    match outcome {
        Outcome::Completed(length) if *length == row.payload => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
