//! Descriptors that run out: open sessions go on, accepting waits without spinning, and goes on
//! when descriptors come back.

use std::{
    fs,
    io::BufReader,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    program::Program,
    scene::{SocketClient, WATCHDOG},
};

const DESCRIPTORS: usize = 32;

#[test]
fn running_out_of_descriptors_is_survived() {
    let program = Program::start("print", DESCRIPTORS, &[]);
    let mut clients: Vec<_> = (0..DESCRIPTORS + 8)
        .map(|_| SocketClient::connect(program.address))
        .collect();
    let since = Instant::now();
    while open_descriptors(&program) < DESCRIPTORS {
        assert!(since.elapsed() < WATCHDOG, "descriptors do not run out");
        std::thread::yield_now();
    }

    // Over a second of trying to accept; a loop that spins uses all of it.
    let before = cpu_ticks(&program);
    sleep(Duration::from_secs(1));
    let used = cpu_ticks(&program) - before;
    assert!(used < TICKS_PER_SECOND / 2, "{used} ticks");

    // The first ones are inside and notice nothing; who comes last waits.
    let first = &mut clients[0];
    assert!(first.line().unwrap().starts_with("220 "));
    assert!(first.say("HELO client.example\r\n").starts_with("250 "));
    let last = clients.last().unwrap();
    let last = last.0.get_ref().try_clone().unwrap();
    last.set_nonblocking(true).unwrap();
    let error = SocketClient(BufReader::new(last)).line().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);

    let inside = DESCRIPTORS - 12;
    let waiting = clients.split_off(inside);
    drop(clients);
    for mut client in waiting {
        client.0.get_ref().set_nonblocking(false).unwrap();
        assert!(client.line().unwrap().starts_with("220 "));
    }
}

fn open_descriptors(program: &Program) -> usize {
    fs::read_dir(format!("/proc/{}/fd", program.id()))
        .unwrap()
        .count()
}

/// Linux counts in this unit for every program, whatever the kernel's own is.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time of the program, in user and in system mode (proc(5), fields 14 and 15 of stat).
fn cpu_ticks(program: &Program) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", program.id())).unwrap();
    // The name in brackets may hold anything; the third field is behind it.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<_> = fields.split_whitespace().collect();
    fields[11..13]
        .iter()
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum()
}
