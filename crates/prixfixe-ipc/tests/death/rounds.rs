//! Rounds of death at random instants, under load: every call is accounted for by its outcome.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use rustix::process::Signal;

use super::journal::{Journal, Pen, now_ns};
use super::load::NUMBER_VARIABLE;
use super::process::{Process, Watchdog, long, wait_until};
use super::roles::LOAD;
use super::scene::Scene;

const CLIENTS: usize = 3;
/// Bytes that the journal grows by before a round begins, at most: some hundred calls.
const MOST_PROGRESS: u64 = 32 << 10;
/// What passes then, at most, before the signal.
const MOST_SPINS: u64 = 100_000;

#[test]
fn every_call_is_accounted_for_in_rounds_of_death() {
    let rounds = match std::env::var("PRIXFIXE_IPC_ROUNDS") {
        Ok(rounds) => rounds.parse().unwrap(),
        Err(_) if long() => 1000,
        Err(_) => 20,
    };
    let patience = Duration::from_secs(60 + rounds);
    let _watchdog = Watchdog::new("rounds of death", patience);
    let scene = Scene::new();
    let mut stage = Stage::new(&scene);
    for _ in 0..rounds {
        stage.round();
    }
    stage.finish();
    let account = Account::of(&scene.journal());
    println!("{rounds} rounds");
    account.check();
}

/// The server and its clients.
struct Stage<'s> {
    scene: &'s Scene,
    server: Process,
    clients: Vec<Process>,
    started: u32,
    pen: Pen,
}

impl<'s> Stage<'s> {
    fn new(scene: &'s Scene) -> Self {
        let mut stage = Self {
            scene,
            server: scene.server(""),
            clients: Vec::new(),
            started: 0,
            pen: scene.journal().open(),
        };
        for _ in 0..CLIENTS {
            let client = stage.start_client();
            stage.clients.push(client);
        }
        stage
    }

    fn start_client(&mut self) -> Process {
        self.started += 1;
        let number = self.started.to_string();
        self.scene.start(LOAD, &[(NUMBER_VARIABLE, &number)])
    }

    fn round(&mut self) {
        self.await_progress(random(MOST_PROGRESS));
        for _ in 0..random(MOST_SPINS) {
            std::hint::spin_loop();
        }
        let victim = usize::try_from(random(CLIENTS as u64)).unwrap();
        match random(4) {
            0 => {
                self.pen.write(&format!("killed server {}", now_ns()));
                self.server.kill();
                self.server = self.scene.server("");
            }
            1 => {
                self.server.signal(Signal::STOP);
                if random(2) == 0 {
                    // Only clients write now: of calls that have run into their deadline.
                    self.await_progress(1);
                }
                self.server.signal(Signal::CONT);
            }
            2 => {
                let pid = self.clients[victim].pid();
                self.pen.write(&format!("killed {pid} {}", now_ns()));
                self.clients[victim].kill();
                self.clients[victim] = self.start_client();
            }
            _ => {
                self.clients[victim].signal(Signal::STOP);
                self.await_progress(random(MOST_PROGRESS));
                self.clients[victim].signal(Signal::CONT);
            }
        }
    }

    fn await_progress(&self, bytes: u64) {
        let journal = self.scene.journal();
        let before = journal.length();
        wait_until(|| journal.length() >= before + bytes);
    }

    fn finish(self) {
        for client in self.clients {
            client.finish();
        }
    }
}

/// A number below `bound`.
fn random(bound: u64) -> u64 {
    RandomState::new().build_hasher().finish() % bound
}

/// What the journal says.
struct Account {
    executions: HashMap<u128, u32>,
    outcomes: HashMap<u128, Ended>,
    /// How many calls each client that was not killed has made.
    made: Vec<(u64, u64)>,
    server_noticed_ns: Vec<u64>,
    clients_noticed_ns: Vec<u64>,
}

struct Ended {
    idempotent: bool,
    word: String,
}

impl Account {
    fn of(journal: &Journal) -> Self {
        let mut account = Self {
            executions: journal.executions(),
            outcomes: HashMap::new(),
            made: Vec::new(),
            server_noticed_ns: Vec::new(),
            clients_noticed_ns: Vec::new(),
        };
        let mut server_killed_ns: Option<u64> = None;
        let mut noticed_by = Vec::new();
        let mut killed_ns: HashMap<String, u64> = HashMap::new();
        for line in journal.text().lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["executed", _] => {}
                ["made", client, calls] => {
                    account
                        .made
                        .push((client.parse().unwrap(), calls.parse().unwrap()));
                }
                ["killed", "server", at] => {
                    server_killed_ns = Some(at.parse().unwrap());
                    noticed_by.clear();
                }
                ["killed", pid, at] => {
                    killed_ns.insert(pid.to_owned(), at.parse().unwrap());
                }
                ["gone", pid, at] => {
                    if let Some(killed) = killed_ns.remove(pid) {
                        account
                            .server_noticed_ns
                            .push(at.parse::<u64>().unwrap() - killed);
                    }
                }
                ["outcome", id, kind, word, noticed, at] => {
                    let id: u128 = id.parse().unwrap();
                    let ended = Ended {
                        idempotent: kind == "idempotent",
                        word: word.to_owned(),
                    };
                    assert!(account.outcomes.insert(id, ended).is_none(), "two outcomes");
                    let client = id >> 64;
                    if let (Some(killed), "hung-up") = (server_killed_ns, noticed)
                        && !noticed_by.contains(&client)
                    {
                        noticed_by.push(client);
                        account
                            .clients_noticed_ns
                            .push(at.parse::<u64>().unwrap() - killed);
                    }
                }
                _ => panic!("a broken line: {line:?}"),
            }
        }
        account
    }

    fn check(&self) {
        let mut table: BTreeMap<(&str, &str, u32), u64> = BTreeMap::new();
        for (id, ended) in &self.outcomes {
            let executions = self.executions.get(id).copied().unwrap_or(0);
            let possible = match (ended.word.as_str(), ended.idempotent) {
                ("completed", false) => 1..=1,
                ("completed", true) => 1..=u32::MAX,
                ("no", _) => 0..=0,
                ("maybe", false) => 0..=1,
                ("maybe", true) => 0..=u32::MAX,
                (word, _) => panic!("a call was {word}"),
            };
            assert!(
                possible.contains(&executions),
                "{} call {id:#x}: executed {executions} times",
                ended.word
            );
            let kind = if ended.idempotent {
                "idempotent"
            } else {
                "once"
            };
            *table.entry((kind, &ended.word, executions)).or_default() += 1;
        }
        // Calls whose caller was killed.
        for (id, executions) in &self.executions {
            if !self.outcomes.contains_key(id) {
                let idempotent = (id >> 96) % 4 == 1;
                assert!(
                    *executions == 1 || idempotent,
                    "executed {executions} times"
                );
                *table
                    .entry(("-", "caller killed", *executions))
                    .or_default() += 1;
            }
        }
        for (client, calls) in &self.made {
            let id = |call| u128::from(*client) << 64 | u128::from(call);
            let missing = (1..=*calls).find(|call| !self.outcomes.contains_key(&id(*call)));
            assert_eq!(missing, None, "a call of client {client:#x} has no outcome");
        }
        println!(
            "{:<12} {:<14} {:>8} {:>10}",
            "call", "outcome", "executed", "calls"
        );
        for ((kind, word, executions), calls) in &table {
            println!("{kind:<12} {word:<14} {executions:>8} {calls:>10}");
        }
        print_times(
            "client noticed the server's death",
            &self.clients_noticed_ns,
        );
        print_times("server noticed a client's death", &self.server_noticed_ns);
    }
}

fn print_times(what: &str, times_ns: &[u64]) {
    let mut sorted = times_ns.to_vec();
    sorted.sort_unstable();
    let Some(last) = sorted.len().checked_sub(1) else {
        return;
    };
    let ms = |percent| Duration::from_nanos(sorted[last * percent / 100]).as_secs_f64() * 1e3;
    println!(
        "{what}: {} times, median {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
        sorted.len(),
        ms(50),
        ms(90),
        ms(99),
        ms(100)
    );
}
