//! A disk that becomes read-only under a running server.

use crate::client::{Client, Fate};
use crate::inspection::{assert_sound, inspect};
use crate::load::Fates;
use crate::message;
use crate::server::Launch;
use crate::small_disk::SmallDisk;

#[test]
fn a_read_only_store_is_said_and_nothing_acknowledged_is_lost() {
    let disk = SmallDisk::ext4();
    let folder = disk.path().join("data");
    let server = Launch::at(&folder).start();
    let mut client = Client::connect(server.address()).unwrap();
    let mut fates = Fates::new();
    for number in 0..20 {
        let fate = client.deliver(&message::bytes(number));
        assert!(matches!(fate, Fate::Acknowledged(_)), "{fate:?}");
        fates.insert(number, fate);
    }
    disk.fail();
    // One in one piece and one in chunks, and the session goes on behind each.
    for number in [20, 27, 21, 37] {
        let fate = client.deliver(&message::bytes(number));
        let Fate::Refused(reply) = &fate else {
            panic!("{fate:?}")
        };
        assert_eq!(reply.code, 451, "{reply:?}");
        assert!(reply.text.starts_with("4.3.0 "), "{reply:?}");
        fates.insert(number, fate);
    }
    let (code, answer) = server.readiness();
    assert_eq!(code, 503, "{answer}");
    server.kill();

    disk.mount_again();
    let server = Launch::at(&folder).start();
    inspect(&folder, &fates).unwrap();
    assert_eq!(server.readiness().0, 200);
    let mut client = Client::connect(server.address()).unwrap();
    let fate = client.deliver(&message::bytes(40));
    assert!(matches!(fate, Fate::Acknowledged(_)), "{fate:?}");
    fates.insert(40, fate);
    server.stop();
    inspect(&folder, &fates).unwrap();
    assert_sound(&folder);
}
