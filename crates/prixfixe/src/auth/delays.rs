//! Making those wait who guess passwords.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often logins have failed lately, by the address of the client.
#[derive(Debug, Default)]
pub(super) struct Delays(Mutex<HashMap<IpAddr, Failures>>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

/// What the first failure costs; each further one costs twice as much.
const FIRST: Duration = Duration::from_secs(1);
/// What a failure costs at most: well below the time-out of a verdict, and of any client.
const LONGEST: Duration = Duration::from_secs(8);
/// When an address without another failure is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// Addresses that are remembered, about 300 KiB; then the one that has failed longest ago gives
/// way.
const ADDRESSES: usize = 4096;

impl Delays {
    /// Notes a failure, and says how long its answer has to wait.
    pub(super) fn note(&self, client: IpAddr, now: Instant) -> Duration {
        let client = site(client);
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !table.contains_key(&client) && table.len() >= ADDRESSES {
            make_room(&mut table, now);
        }
        let is_old = |failures: &Failures| now.saturating_duration_since(failures.last) > FORGOTTEN;
        let failures = table.entry(client).or_insert(Failures {
            count: 0,
            last: now,
        });
        if is_old(failures) {
            failures.count = 0;
        }
        let doubled = FIRST.saturating_mul(1_u32.checked_shl(failures.count).unwrap_or(u32::MAX));
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        doubled.min(LONGEST)
    }
}

fn make_room(table: &mut HashMap<IpAddr, Failures>, now: Instant) {
    table.retain(|_, failures| now.saturating_duration_since(failures.last) <= FORGOTTEN);
    if table.len() >= ADDRESSES {
        let oldest = table.iter().min_by_key(|(_, failures)| failures.last);
        if let Some(client) = oldest.map(|(client, _)| *client) {
            table.remove(&client);
        }
    }
}

/// An address of IPv4, and all of a /64 of IPv6: who has one of these has the others.
fn site(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        client @ IpAddr::V4(_) => client,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_failure_waits_twice_as_long() {
        let (delays, now) = (Delays::default(), Instant::now());
        let note = |client, after| {
            delays
                .note(address(client), now + Duration::from_secs(after))
                .as_secs()
        };
        let seconds: Vec<_> = (0..6).map(|n| note("192.0.2.1", n)).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 8, 8]);
        assert_eq!(note("::ffff:192.0.2.1", 6), 8, "the same client");
        assert_eq!(note("192.0.2.2", 6), 1, "another one");
        assert_eq!(note("2001:db8::1", 6), 1);
        assert_eq!(note("2001:db8::ffff:1", 6), 2, "the same site");
        assert_eq!(note("2001:db8:0:1::1", 6), 1, "another one");
        assert_eq!(note("192.0.2.1", 7 + FORGOTTEN.as_secs()), 1, "forgotten");
    }

    #[test]
    fn the_table_is_bounded() {
        let (delays, now) = (Delays::default(), Instant::now());
        let client = |n: usize| IpAddr::V4(u32::try_from(n).unwrap().into());
        for n in 0..ADDRESSES + 10 {
            delays.note(client(n), now + Duration::from_millis(n as u64));
        }
        assert_eq!(delays.0.lock().unwrap().len(), ADDRESSES);
        let later = now + Duration::from_secs(10);
        assert_eq!(delays.note(client(ADDRESSES + 9), later), 2 * FIRST);
        assert_eq!(delays.note(client(0), later), FIRST, "gave way");
        delays.note(client(9_000_000), later + 2 * FORGOTTEN);
        assert_eq!(delays.0.lock().unwrap().len(), 1, "forgotten");
    }
}
