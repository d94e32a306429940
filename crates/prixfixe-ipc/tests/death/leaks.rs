//! Nothing is left behind by those who die: no descriptor, no mapping, no name, no memory.

use std::time::Duration;

use super::process::{Process, Watchdog, long, say, wait_until};
use super::roles::CROWD;
use super::scene::{Kind, Scene};

/// Connections of one process that is killed.
const CONNECTIONS: usize = 50;
/// What the allocator may keep more of than after the warm-up, for it gives back in no fixed order.
const SLACK_KIB: u64 = 512;

/// What a server holds, and what can be seen of it from outside.
#[derive(Debug, PartialEq, Eq)]
struct Holdings {
    descriptors: usize,
    mappings: usize,
    /// In /dev/shm, of this library.
    shared_names: Vec<String>,
    /// Beside the socket.
    directory: Vec<String>,
}

#[test]
fn killed_clients_leave_nothing_behind() {
    let cycles = if long() { 10_000 } else { 200 };
    let _watchdog = Watchdog::new("leaks", Duration::from_secs(60 + cycles as u64 / 10));
    let scene = Scene::new();
    let server = scene.server("");
    kill_a_crowd(&scene);
    let mut survivor = scene.caller(1);
    survivor.complete(Kind::Plain);
    wait_until(|| channels_of(&server) == 1);
    let before = Holdings::of(&server, &scene);
    let before_kib = anonymous_kib(&server);
    for _ in 0..cycles / CONNECTIONS {
        kill_a_crowd(&scene);
    }
    wait_until(|| channels_of(&server) == 1);
    wait_until(|| Holdings::of(&server, &scene) == before);
    survivor.complete(Kind::Plain);
    let after_kib = anonymous_kib(&server);
    println!(
        "{cycles} connections killed: {before:?}, RssAnon {before_kib} and then {after_kib} KiB"
    );
    assert!(
        after_kib <= before_kib + SLACK_KIB,
        "{before_kib} KiB became {after_kib}"
    );
}

#[test]
fn the_path_of_a_killed_server_is_taken_over() {
    let _watchdog = Watchdog::new("stale path", Duration::from_secs(60));
    let scene = Scene::new();
    let mut server = scene.server("");
    let mut caller = scene.caller(1);
    for _ in 0..5 {
        caller.complete(Kind::Plain);
        server.kill();
        assert!(
            scene.names().contains(&"socket".to_owned()),
            "a killed server cleans up nothing"
        );
        server = scene.server("");
    }
    caller.complete(Kind::Plain);
    assert_eq!(scene.names(), ["journal", "socket"]);
}

/// Has a process connect many times and call over each, and kills it while it calls.
fn kill_a_crowd(scene: &Scene) {
    let mut crowd = scene.start(CROWD, &[]);
    crowd.expect("connected");
    let journal = scene.journal();
    let before = journal.length();
    wait_until(|| journal.length() > before);
    crowd.kill();
}

/// What a crowd does.
pub(crate) fn crowd(scene: &Scene) {
    let numbers = 2..2 + u32::try_from(CONNECTIONS).unwrap();
    let mut callers: Vec<_> = numbers.map(|number| scene.caller(number)).collect();
    say("connected");
    loop {
        for caller in &mut callers {
            caller.complete(Kind::Plain);
        }
    }
}

impl Holdings {
    fn of(server: &Process, scene: &Scene) -> Self {
        let mut shared_names = names_in("/dev/shm");
        shared_names.retain(|name| name.contains("prixfixe"));
        Self {
            descriptors: descriptors_of(server),
            mappings: maps(server).lines().count(),
            shared_names,
            directory: scene.names(),
        }
    }
}

/// How many descriptors a process has.
pub(crate) fn descriptors_of(process: &Process) -> usize {
    let entries = std::fs::read_dir(format!("/proc/{}/fd", process.pid()));
    entries.unwrap().count()
}

/// How many channels the server has mapped.
pub(crate) fn channels_of(server: &Process) -> usize {
    let maps = maps(server);
    let lines = maps.lines();
    lines
        .filter(|line| line.contains("memfd:prixfixe-ipc-channel"))
        .count()
}

/// Messages that it has been given the memory of.
pub(crate) fn lent_to(server: &Process) -> usize {
    let maps = maps(server);
    let lent = maps
        .lines()
        .filter(|line| line.contains("memfd:prixfixe-ipc-message"));
    lent.count()
}

fn maps(server: &Process) -> String {
    std::fs::read_to_string(format!("/proc/{}/maps", server.pid())).unwrap()
}

pub(crate) fn anonymous_kib(server: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

/// The names in a directory, sorted.
pub(crate) fn names_in(directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}
