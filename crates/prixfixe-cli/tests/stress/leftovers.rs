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

/// As root the lab mounts a small file system to fill; as anybody else it fills the disk.
#[test]
fn a_lab_that_is_killed_while_a_disk_is_full_leaves_nothing_that_cannot_be_cleaned() {
    let lab = Lab::new();
    let mut process = lab
        .command(&["chaos", "--only", "disk-full", "--duration", "1h"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let servers = await_some(|| {
        let servers = children(process.id());
        let is_up = servers.len() == 1 && is_server(servers[0]);
        is_up.then_some(servers)
    });
    process.kill().unwrap();
    process.wait().unwrap();
    await_some(|| servers.iter().all(|pid| is_over(*pid)).then_some(()));
    let folder = lab.path().join("prixfixe-lab");
    assert!(folder.is_dir());
    let (code, said) = lab.run(&["clean"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!folder.exists(), "{said}");
    let mounted = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let left = mounted.contains(folder.to_str().unwrap());
    assert!(!left, "{mounted}");
}

/// Not `mount`, which is a child of the lab for a moment.
fn is_server(pid: u32) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|octet| *octet == 0)
        .any(|word| word == b"own-server")
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
