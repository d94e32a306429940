//! Making those wait who guess passwords.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What is remembered of logins that failed, by the address of the client: when they are forgiven.
///
/// Each takes its share of a minute, so that as many as are allowed in a minute are forgiven after
/// one; what lies further ahead was too much.
#[derive(Debug)]
pub(super) struct Delays {
    forgiven: Mutex<HashMap<IpAddr, Instant>>,
    /// The share of a failure; none if nobody ever waits.
    share: Option<Duration>,
}

const MINUTE: Duration = Duration::from_secs(60);
/// What the first failure too many costs; each further one costs twice as much.
const FIRST: Duration = Duration::from_secs(1);
/// What a failure costs at most: well below the time-out of a verdict, and of any client.
const LONGEST: Duration = Duration::from_secs(8);
/// When an address without another failure is forgotten, whatever it has done.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// Addresses that are remembered, about 200 KiB; then the one that would be forgiven first gives
/// way.
const ADDRESSES: usize = 4096;

impl Delays {
    /// So many failures of one client in a minute are answered at once; without a number, all.
    pub(super) fn new(at_once: Option<NonZeroU32>) -> Self {
        Self {
            forgiven: Mutex::default(),
            share: at_once.map(|count| MINUTE / count.get()),
        }
    }

    /// Notes a failure, and says how long its answer has to wait.
    pub(super) fn note(&self, client: IpAddr, now: Instant) -> Duration {
        let Some(share) = self.share else {
            return Duration::ZERO;
        };
        let client = site(client);
        let mut table = self.forgiven.lock().unwrap_or_else(PoisonError::into_inner);
        if !table.contains_key(&client) && table.len() >= ADDRESSES {
            make_room(&mut table, now);
        }
        let forgiven = table.entry(client).or_insert(now);
        let ahead = forgiven.saturating_duration_since(now) + share;
        *forgiven = now + ahead.min(FORGOTTEN);
        let too_much = ahead.saturating_sub(MINUTE);
        match too_much.as_nanos().div_ceil(share.as_nanos().max(1)) {
            0 => Duration::ZERO,
            failures => doubled(FIRST, failures - 1).min(LONGEST),
        }
    }
}

fn doubled(cost: Duration, times: u128) -> Duration {
    let factor = u32::try_from(times)
        .ok()
        .and_then(|times| 1_u32.checked_shl(times));
    cost.saturating_mul(factor.unwrap_or(u32::MAX))
}

fn make_room(table: &mut HashMap<IpAddr, Instant>, now: Instant) {
    table.retain(|_, forgiven| *forgiven > now);
    if table.len() >= ADDRESSES {
        let first = table.iter().min_by_key(|(_, forgiven)| **forgiven);
        if let Some(client) = first.map(|(client, _)| *client) {
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

    fn allowing(count: u32) -> Delays {
        Delays::new(NonZeroU32::new(count))
    }

    #[test]
    fn failures_above_the_number_wait_twice_as_long_each() {
        let (delays, now) = (allowing(3), Instant::now());
        let note = |client, after| {
            delays
                .note(address(client), now + Duration::from_secs(after))
                .as_secs()
        };
        let seconds: Vec<_> = (0..9).map(|n| note("192.0.2.1", n)).collect();
        assert_eq!(seconds, [0, 0, 0, 1, 2, 4, 8, 8, 8]);
        assert_eq!(note("::ffff:192.0.2.1", 9), 8, "the same client");
        assert_eq!(note("192.0.2.2", 9), 0, "another one");
        for expected in [0, 0, 0, 1] {
            assert_eq!(note("2001:db8::1", 9), expected);
        }
        assert_eq!(note("2001:db8::ffff:1", 9), 2, "the same site");
        assert_eq!(note("2001:db8:0:1::1", 9), 0, "another one");
        assert_eq!(note("192.0.2.1", 10 + FORGOTTEN.as_secs()), 0, "forgotten");
    }

    #[test]
    fn as_many_as_are_allowed_in_a_minute_never_wait() {
        let (delays, now) = (allowing(7), Instant::now());
        let minute = |n: u32| now + MINUTE * n / 7;
        let client = address("192.0.2.1");
        for n in 0..100 {
            assert_eq!(delays.note(client, minute(n)), Duration::ZERO, "{n}");
        }
        let more: Vec<_> = (0..8)
            .map(|_| delays.note(client, minute(100)).as_secs())
            .collect();
        assert_eq!(more, [0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn nobody_is_delayed_for_ever() {
        let (delays, now) = (allowing(1), Instant::now());
        let client = address("192.0.2.1");
        for _ in 0..1000 {
            delays.note(client, now);
        }
        assert_eq!(delays.note(client, now), LONGEST);
        assert_eq!(delays.note(client, now + FORGOTTEN), Duration::ZERO);
    }

    #[test]
    fn without_a_number_nobody_waits() {
        let (delays, now) = (Delays::new(None), Instant::now());
        for _ in 0..1000 {
            assert_eq!(delays.note(address("192.0.2.1"), now), Duration::ZERO);
        }
        assert!(delays.forgiven.lock().unwrap().is_empty());
    }

    #[test]
    fn the_table_is_bounded() {
        let (delays, now) = (allowing(1), Instant::now());
        let client = |n: usize| IpAddr::V4(u32::try_from(n).unwrap().into());
        for n in 0..ADDRESSES + 10 {
            delays.note(client(n), now + Duration::from_millis(n as u64));
        }
        assert_eq!(delays.forgiven.lock().unwrap().len(), ADDRESSES);
        let later = now + Duration::from_secs(10);
        assert_eq!(delays.note(client(ADDRESSES + 9), later), FIRST);
        assert_eq!(delays.note(client(0), later), Duration::ZERO, "gave way");
        delays.note(client(9_000_000), later + 2 * FORGOTTEN);
        assert_eq!(delays.forgiven.lock().unwrap().len(), 1, "forgotten");
    }
}
