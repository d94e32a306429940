//! A consumer whose producer writes anything at any time: it neither panics nor reads beyond what
//! there can be, and what it has read it never reads again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prixfixe_ipc::fuzzing::RingUnderAttack;

fuzz_target!(|data: &[u8]| {
    let mut ring = RingUnderAttack::new().unwrap();
    // Steps of one octet that says what, one that says where, and eight of value.
    for step in data.chunks_exact(10) {
        let value = u64::from_le_bytes(step[2..].try_into().unwrap());
        let place = usize::from(step[1]);
        match step[0] % 5 {
            0 => ring.write(place, value),
            // A frame of a length that can be.
            1 => ring.write(place, value & 0x0000_0003_0000_03ff),
            2 => ring.publish(value, 0),
            3 => ring.publish(value & 0xffff, u64::from(step[1]) * 512),
            _ => {
                let before = ring.head();
                let read = ring.read(|ring| {
                    ring.write(place, value);
                    ring.publish(value, value);
                });
                match read {
                    Ok(Some(content)) => {
                        assert!(content.len() <= RingUnderAttack::MAX_CONTENT as usize);
                        assert!(ring.head() > before);
                    }
                    Ok(None) => assert_eq!(ring.head(), before),
                    // The connection is lost, and nothing is read any more.
                    Err(_) => return,
                }
            }
        }
    }
});
