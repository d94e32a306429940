//! A lab that is killed leaves no server behind, and its folder can be cleaned away.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::server_process::WATCHDOG;

#[test]
fn a_lab_that_is_killed_takes_its_servers_along() {
    let lab = Lab::new();
    let mut process = lab
        .command(&["sustained", "--servers", "2", "--duration", "1h"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let servers = await_some(|| {
        let servers = children(process.id());
        (servers.len() == 2).then_some(servers)
    });
    process.kill().unwrap();
    process.wait().unwrap();
    await_some(|| servers.iter().all(|pid| is_over(*pid)).then_some(()));
    let (code, said) = lab.run(&["clean"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("removed") && !lab.path().join("prixfixe-lab").exists(),
        "{said}"
    );
}

/// Waits until there is something.
fn await_some<T>(look: impl Fn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < WATCHDOG, "it never came");
        thread::sleep(Duration::from_millis(10));
    }
}

fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let list = list.unwrap_or_default();
    list.split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

/// Also of one that nobody has waited for.
fn is_over(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat
            .rsplit_once(") ")
            .is_none_or(|(_, rest)| rest.starts_with('Z')),
        Err(_) => true,
    }
}
