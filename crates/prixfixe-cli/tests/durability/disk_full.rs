//! A disk that fills up under a running server.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::client::{Client, Fate};
use crate::inspection::{assert_sound, inspect};
use crate::load::Fates;
use crate::message;
use crate::server::{Launch, Server};
use crate::small_disk::SmallDisk;

/// The file system itself has no block left.
#[test]
fn a_full_disk_is_said_and_got_over() {
    let disk = SmallDisk::in_memory(48);
    let folder = disk.path().join("data");
    meets_a_full_disk(Launch::at(&folder).start(), disk.path(), &folder);
}

/// There is room yet, and less than the settings want.
#[test]
fn a_disk_below_min_free_disk_is_said_and_got_over() {
    let disk = SmallDisk::in_memory(48);
    let folder = disk.path().join("data");
    let server = Launch::at(&folder).min_free_disk("12MiB").start();
    meets_a_full_disk(server, disk.path(), &folder);
}

fn meets_a_full_disk(server: Server, disk: &Path, folder: &Path) {
    // Two sessions that see it come and go.
    let mut clients = [(); 2].map(|()| Client::connect(server.address()).unwrap());
    let mut numbers = 0..;
    let mut fates = Fates::new();
    let mut deliver = |client: &mut Client| {
        let number = numbers.next().unwrap();
        let fate = client.deliver(&message::bytes(number));
        fates.insert(number, fate.clone());
        fate
    };
    for _ in 0..3 {
        for _ in 0..5 {
            for client in &mut clients {
                let fate = deliver(client);
                assert!(matches!(fate, Fate::Acknowledged(_)), "{fate:?}");
            }
        }
        assert_eq!(server.readiness().0, 200);

        let ballast = disk.join("ballast");
        fill(&ballast);
        // Small messages find room in the last block of the log at first.
        let refusals = refuse(&mut clients, &mut deliver);
        for fate in refusals {
            let Fate::Refused(reply) = fate else {
                panic!("{fate:?}")
            };
            assert_eq!(reply.code, 452, "{reply:?}");
            assert!(reply.text.starts_with("4.3.1 "), "{reply:?}");
        }
        let (code, answer) = server.readiness();
        assert_eq!(code, 503, "{answer}");
        // A session that was refused goes on.
        for client in &mut clients {
            assert_eq!(client.command("NOOP").unwrap().code, 250);
        }

        fs::remove_file(&ballast).unwrap();
        server.wait_for_readiness(200);
    }
    for client in &mut clients {
        let fate = deliver(client);
        assert!(matches!(fate, Fate::Acknowledged(_)), "{fate:?}");
    }
    inspect(folder, &fates).unwrap();
    server.stop();
    inspect(folder, &fates).unwrap();
    assert_sound(folder);
}

/// Delivers until both clients are refused, and a few times more.
fn refuse(clients: &mut [Client], deliver: &mut impl FnMut(&mut Client) -> Fate) -> Vec<Fate> {
    let mut refusals = Vec::new();
    for client in clients {
        while matches!(deliver(client), Fate::Acknowledged(_)) {}
        refusals.extend((0..3).map(|_| deliver(client)));
    }
    refusals
}

/// Writes until the disk takes no more.
fn fill(file: &Path) {
    let mut file = fs::File::create(file).unwrap();
    let error = loop {
        if let Err(error) = file.write_all(&[1; 4096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull);
}
