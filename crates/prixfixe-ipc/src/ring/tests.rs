use proptest::prelude::*;

use super::*;
use crate::memory::Region;
use crate::sys::Mapping;

/// Lines, head, then `capacity` octets of records.
fn memory(capacity: usize) -> (RingMemory, Region) {
    let region = Region::new(Mapping::private(4096 + capacity).unwrap());
    let memory = RingMemory {
        producer_line: region.part(0, 16),
        head: region.part(128, 8),
        records: region.part(4096, capacity),
    };
    (memory, region)
}

fn pair(capacity: usize) -> (Producer, Consumer) {
    let (memory, _) = memory(capacity);
    (Producer::new(&memory), Consumer::new(&memory, 1 << 20))
}

fn push<const N: usize>(
    producer: &mut Producer,
    header: &[u64; N],
    payload: &[u8],
) -> Result<u64, producer::Full> {
    producer.push(Kind::REQUEST, [1, 2, 3], header, payload)
}

fn read(consumer: &mut Consumer, header_words: usize) -> Option<(Vec<u64>, Vec<u8>)> {
    let record = consumer.peek().unwrap()?;
    assert_eq!(record.frame.tags(), [1, 2, 3]);
    let header = (0..header_words)
        .map(|index| consumer.content_word(&record, index))
        .collect();
    let mut payload = vec![0; record.frame.length() as usize - header_words * WORD];
    consumer.copy_out(&record, header_words * WORD, &mut payload);
    consumer.advance(&record);
    consumer.publish_head();
    Some((header, payload))
}

#[test]
fn nothing_is_seen_before_it_is_published() {
    let (mut producer, mut consumer) = pair(4096);
    push(&mut producer, &[7], b"hello").unwrap();
    assert_eq!(read(&mut consumer, 1), None);
    assert!(producer.publish());
    assert!(!producer.publish());
    assert_eq!(read(&mut consumer, 1), Some((vec![7], b"hello".to_vec())));
    assert_eq!(read(&mut consumer, 1), None);
}

#[test]
fn an_emptied_ring_starts_again_at_its_first_line() {
    let (mut producer, mut consumer) = pair(4096);
    for round in 0..10 {
        let position = push(&mut producer, &[], b"x").unwrap();
        producer.publish();
        assert_eq!(position % 4096, 0, "round {round}");
        assert!(read(&mut consumer, 0).is_some());
        producer.refresh_head().unwrap();
    }
}

#[test]
fn a_full_ring_takes_nothing_until_something_is_read() {
    let (mut producer, mut consumer) = pair(4096);
    let payload = [9; 1000];
    for _ in 0..4 {
        push(&mut producer, &[], &payload).unwrap();
    }
    producer.publish();
    assert!(push(&mut producer, &[], &payload).is_err());
    assert!(read(&mut consumer, 0).is_some());
    producer.refresh_head().unwrap();
    push(&mut producer, &[], &payload).unwrap();
    producer.publish();
    for _ in 0..4 {
        assert_eq!(read(&mut consumer, 0), Some((vec![], payload.to_vec())));
    }
    assert_eq!(read(&mut consumer, 0), None);
}

#[test]
fn a_head_beyond_what_was_published_is_a_lie() {
    let (mut producer, _) = pair(4096);
    push(&mut producer, &[], b"x").unwrap();
    assert!(producer.note_head(16).is_err());
    producer.publish();
    assert!(producer.note_head(16).is_ok());
    assert!(producer.note_head(24).is_err());
}

/// Octets of memory that stand behind a mapping of this process.
fn resident(region: &Region) -> usize {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let start = format!("{:x}-", std::ptr::from_ref(region.word(0)).addr());
    let of_mapping = maps.lines().skip_while(|line| !line.starts_with(&start));
    let rss = of_mapping.map_while(|line| Some(line.strip_prefix("Rss:").unwrap_or_default()));
    let rss = rss.into_iter().find(|rss| !rss.is_empty()).unwrap();
    let kib: usize = rss.split_whitespace().next().unwrap().parse().unwrap();
    kib << 10
}

#[test]
fn memory_beyond_the_first_page_is_given_back_once_it_is_read_and_not_used_again() {
    const CAPACITY: usize = 64 << 10;
    let (memory, region) = memory(CAPACITY);
    let (mut producer, mut consumer) = (Producer::new(&memory), Consumer::new(&memory, 1 << 20));
    assert_eq!(producer.give_back(), Ok(Left::Nothing));
    let large = vec![7; 30_000];
    push(&mut producer, &[], &large).unwrap();
    producer.publish();
    assert_eq!(producer.give_back(), Ok(Left::InUse), "it is not read");
    assert_eq!(
        producer.give_back(),
        Ok(Left::Nothing),
        "who reads nothing is not waited for"
    );
    assert_eq!(read(&mut consumer, 0), Some((vec![], large.clone())));
    assert!(resident(&region) > large.len());
    push(&mut producer, &[], &large).unwrap();
    assert!(producer.publish() && read(&mut consumer, 0).is_some());
    assert_eq!(producer.give_back(), Ok(Left::InUse), "it was used since");
    // Small messages go on meanwhile.
    push(&mut producer, &[], b"small").unwrap();
    assert!(producer.publish() && read(&mut consumer, 0).is_some());
    assert_eq!(producer.give_back(), Ok(Left::Nothing));
    assert!(!producer.has_grown());
    // A page of positions and one of the ring.
    assert_eq!(resident(&region), 2 * 4096);
    push(&mut producer, &[], &large).unwrap();
    producer.publish();
    assert_eq!(read(&mut consumer, 0), Some((vec![], large.clone())));
}

#[test]
fn memory_of_a_long_ring_is_given_back_a_part_at_a_time() {
    let (memory, region) = memory(4 * GIVEN_AT_ONCE as usize);
    let (mut producer, mut consumer) = (Producer::new(&memory), Consumer::new(&memory, 1 << 20));
    let large = vec![7; 3 * GIVEN_AT_ONCE as usize];
    push(&mut producer, &[], &large).unwrap();
    assert!(producer.publish() && read(&mut consumer, 0).is_some());
    assert_eq!(producer.give_back(), Ok(Left::InUse));
    let mut before = resident(&region);
    assert!(before > large.len());
    let mut parts = 0;
    while producer.give_back() == Ok(Left::Unused) {
        let now = resident(&region);
        assert!(now < before && before - now <= GIVEN_AT_ONCE as usize);
        before = now;
        parts += 1;
        // What is written meanwhile is kept.
        push(&mut producer, &[], &[7; 10_000]).unwrap();
        assert!(producer.publish() && read(&mut consumer, 0).is_some());
    }
    assert_eq!(parts, 3);
    assert!((10_000..20_000).contains(&(resident(&region) - 4096)));
    assert_eq!(producer.give_back(), Ok(Left::Nothing));
    assert_eq!(resident(&region), 2 * 4096);
}

#[test]
fn records_are_whole_while_memory_is_given_back_between_them() {
    const RECORDS: u64 = 20_000;
    let (memory, _region) = memory(32 << 10);
    let (mut producer, mut consumer) = (Producer::new(&memory), Consumer::new(&memory, 1 << 20));
    let length = |number: u64| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 51) as usize;
    let octet = |number: u64| (number % 255) as u8 + 1;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..RECORDS {
                let payload = vec![octet(number); length(number)];
                while push(&mut producer, &[number], &payload).is_err() {
                    producer.refresh_head().unwrap();
                    std::thread::yield_now();
                }
                producer.publish();
                // Now and then the reader is let to find the ring empty.
                while number % 7 == 0 && producer.used() > 0 {
                    producer.refresh_head().unwrap();
                    std::thread::yield_now();
                }
                if number % 3 == 0 {
                    producer.give_back().unwrap();
                }
            }
        });
        for number in 0..RECORDS {
            let (header, payload) = loop {
                if let Some(found) = read(&mut consumer, 1) {
                    break found;
                }
                std::thread::yield_now();
            };
            assert_eq!(header, [number]);
            assert_eq!(payload.len(), length(number));
            assert!(payload.iter().all(|found| *found == octet(number)));
        }
    });
}

proptest! {
    /// Whatever is pushed, published and read in whatever order, what comes out is what went in.
    #[test]
    fn a_ring_is_a_queue(steps in prop::collection::vec((0..6_u8, 0..3600_usize), 1..400)) {
        let (mut producer, mut consumer) = pair(16 << 10);
        let mut written = std::collections::VecDeque::new();
        let mut visible = 0;
        for (number, (step, length)) in steps.into_iter().enumerate() {
            producer.prefetch_next();
            consumer.prefetch_published();
            match step {
                0 | 1 => {
                    let payload = vec![u8::try_from(number % 256).unwrap(); length];
                    if push(&mut producer, &[number as u64], &payload).is_ok() {
                        written.push_back((vec![number as u64], payload));
                    }
                }
                2 => {
                    producer.publish();
                    visible = written.len();
                }
                3 => {
                    let expected = (visible > 0).then(|| written.pop_front()).flatten();
                    visible = visible.saturating_sub(1);
                    prop_assert_eq!(read(&mut consumer, 1), expected);
                }
                4 => prop_assert!(producer.give_back().is_ok()),
                _ => prop_assert!(producer.refresh_head().is_ok()),
            }
        }
    }

    /// Whatever a producer may have written, the consumer neither panics nor reads, or asks for anything, beyond.
    #[test]
    fn no_word_of_a_producer_is_believed(
        words in prop::collection::vec((0..4096_usize, any::<u64>(), 0..40_u32), 0..64),
        tail in prop_oneof![4 => 0..9000_u64, 1 => any::<u64>()],
        start in prop_oneof![Just(0), Just(4096), any::<u64>()],
    ) {
        let (memory, _) = memory(4096);
        let mut consumer = Consumer::new(&memory, 1024);
        for (place, value, shift) in words {
            let place = place / WORD * WORD;
            memory.records.word(place).store(value >> shift, std::sync::atomic::Ordering::Relaxed);
        }
        memory.producer_line.word(START).store(start, std::sync::atomic::Ordering::Relaxed);
        memory.producer_line.word(TAIL).store(tail, std::sync::atomic::Ordering::Relaxed);
        let mut read = 0;
        consumer.prefetch_expected();
        consumer.prefetch_published();
        while let Ok(Some(record)) = consumer.peek() {
            let mut payload = vec![0; record.frame.length() as usize];
            consumer.copy_out(&record, 0, &mut payload);
            consumer.advance(&record);
            read += 1;
            prop_assert!(read <= 4096 / WORD, "more records than fit");
        }
    }
}
