//! What the server counts, as it shows it.
//!
//! Counters are private; the page only gets copies of them, when a turn ends and not for each call.
//! The clock is read for one call in [`SAMPLE_EVERY`].

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::events::ClientIdentity;
use crate::memory::{OwnWords, Region, WORD};
use crate::statistics::ClientKind;
use crate::statistics::places::{
    self, Count, ROW, ROWS, ROWS_USED, RowWord, SERVER, SERVER_WORDS, TIMES,
};
use crate::statistics::service_times::{BUCKETS, bucket_of};
use crate::sync::Ordering;

/// Calls of which one is timed: two readings of the clock cost as much as a fifth of a short call.
const SAMPLE_EVERY: u32 = 32;

/// Writes the statistics.
pub(super) struct StatisticsWriter {
    counts: [Cell<u64>; Count::ALL],
    server: OwnWords,
    times: Box<[u64]>,
    times_shown: OwnWords,
    rows: Vec<Row>,
    rows_shown: OwnWords,
    most_rows: usize,
    until_sample: u32,
    connections: u64,
}

/// The counters of one client.
#[derive(Clone, Copy, Default)]
struct Row {
    calls: u64,
    wakes_sent: u64,
    wakes_avoided: u64,
    credit: u64,
    streams: u32,
    depth: u32,
    running: u32,
    used: bool,
}

/// What a channel, or a client, has of streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Streaming {
    /// Streams and long messages that are open.
    pub(super) open: u32,
    /// Octets of items that the client may send at once.
    pub(super) credit: u64,
}

/// What happened in one turn of a channel.
#[derive(Clone, Copy, Default)]
pub(super) struct Turn {
    /// Calls taken, those among them that were taken back included.
    pub(super) taken: u32,
    /// Calls that were started and are not over yet.
    pub(super) started: u32,
    /// Answers that were refusals.
    pub(super) refused: u32,
    /// Answers for which the client was woken.
    pub(super) woken: u32,
}

impl StatisticsWriter {
    /// `page` has the length that [`places::page_len`] gives for `max_clients`.
    pub(super) fn new(page: &Region, max_clients: usize) -> Self {
        let most_rows = places::rows(max_clients);
        Self {
            counts: std::array::from_fn(|_| Cell::new(0)),
            server: OwnWords::at(page, SERVER, SERVER_WORDS),
            times: vec![0; BUCKETS].into(),
            times_shown: OwnWords::at(page, TIMES, BUCKETS),
            rows: Vec::new(),
            rows_shown: OwnWords::at(page, ROWS, most_rows * (ROW / WORD)),
            most_rows,
            until_sample: 0,
            connections: 0,
        }
    }

    /// Counts something that happened to the server as a whole.
    pub(super) fn count(&self, count: Count, times: u32) {
        if times > 0 {
            let counter = &self.counts[count as usize];
            counter.set(counter.get() + u64::from(times));
            // Relaxed: figures, each for itself.
            self.server
                .set(1 + count as usize, counter.get(), Ordering::Relaxed);
        }
    }

    /// A client has shaken hands.
    pub(super) fn joined(&mut self, client: ClientIdentity, kind: ClientKind) {
        let index = client.number as usize;
        if index >= self.most_rows {
            return;
        }
        if index >= self.rows.len() {
            self.rows.resize(index + 1, Row::default());
            // Relaxed: a row beyond it is merely not looked at yet.
            self.server
                .set(ROWS_USED, self.rows.len() as u64, Ordering::Relaxed);
        }
        self.rows[index] = Row {
            used: true,
            ..Row::default()
        };
        let pid = client
            .credentials
            .pid
            .map_or(0, |pid| pid.get().unsigned_abs());
        let owner = u64::from(client.credentials.uid) << 32 | u64::from(pid);
        self.show(index, RowWord::Owner, owner);
        for word in [
            RowWord::Channels,
            RowWord::Calls,
            RowWord::Depth,
            RowWord::Running,
            RowWord::WakesSent,
            RowWord::WakesAvoided,
            RowWord::Streams,
            RowWord::Credit,
        ] {
            self.show(index, word, 0);
        }
        self.connections += 1;
        let connection = self.connections << 8 | u64::from(kind.number());
        // Release: the words above belong to this connection.
        self.rows_shown.set(
            place(index, RowWord::Connection),
            connection,
            Ordering::Release,
        );
    }

    /// A client has gone, with all that it had running.
    pub(super) fn left(&mut self, client: ClientIdentity) {
        let index = client.number as usize;
        if let Some(row) = self.rows.get_mut(index).filter(|row| row.used) {
            row.used = false;
            self.show(index, RowWord::Connection, 0);
        }
    }

    /// A client has this many channels now.
    pub(super) fn channels(&self, client: usize, channels: usize) {
        if client < self.rows.len() {
            self.show(client, RowWord::Channels, channels as u64);
        }
    }

    /// A turn of one of its channels has ended.
    pub(super) fn turn(&mut self, client: usize, turn: Turn) {
        let answered = turn.taken - turn.started;
        // A turn may also have woken for items of streams.
        let avoided = answered.saturating_sub(turn.woken);
        self.count_answers(answered, turn.refused, turn.woken, avoided);
        let Some(row) = self.rows.get_mut(client) else {
            return;
        };
        row.calls += u64::from(answered);
        row.depth = turn.taken;
        row.wakes_sent += u64::from(turn.woken);
        row.wakes_avoided += u64::from(avoided);
        row.running += turn.started;
        row.show(client, &self.rows_shown);
    }

    /// A call that had been started is answered.
    pub(super) fn finished(&mut self, client: usize, refused: bool, woken: bool) {
        self.count_answers(1, u32::from(refused), u32::from(woken), u32::from(!woken));
        let Some(row) = self.rows.get_mut(client) else {
            return;
        };
        row.calls += 1;
        row.running = row.running.saturating_sub(1);
        row.wakes_sent += u64::from(woken);
        row.wakes_avoided += u64::from(!woken);
        row.show(client, &self.rows_shown);
    }

    /// A client was shown items of its streams, and woken for that or not.
    pub(super) fn streamed(&mut self, client: usize, woken: bool) {
        let woken = u32::from(woken);
        self.count(Count::WakesSent, woken);
        if let Some(row) = self.rows.get_mut(client) {
            row.wakes_sent += u64::from(woken);
            row.show(client, &self.rows_shown);
        }
    }

    /// What a channel of a client has of streams was `before` and is `now`.
    pub(super) fn streaming(&mut self, client: usize, before: Streaming, now: Streaming) {
        let Some(row) = self.rows.get_mut(client) else {
            return;
        };
        // Wrapping: the sum holds what is taken away.
        let streams = row.streams.wrapping_sub(before.open);
        let credit = row.credit.wrapping_sub(before.credit);
        row.streams = streams.wrapping_add(now.open);
        row.credit = credit.wrapping_add(now.credit);
        let (streams, credit) = (row.streams, row.credit);
        self.show(client, RowWord::Streams, streams.into());
        self.show(client, RowWord::Credit, credit);
    }

    /// Calls that were started will have no answer: their channel was closed.
    pub(super) fn abandoned(&mut self, client: usize, calls: u32) {
        if let Some(row) = self.rows.get_mut(client) {
            row.running = row.running.saturating_sub(calls);
            let running = row.running;
            self.show(client, RowWord::Running, running.into());
        }
    }

    /// Now, for one call in [`SAMPLE_EVERY`].
    #[inline]
    pub(super) fn sample(&mut self) -> Option<Instant> {
        if self.until_sample > 0 {
            self.until_sample -= 1;
            return None;
        }
        self.until_sample = SAMPLE_EVERY - 1;
        Some(Instant::now())
    }

    /// A sampled call took this long.
    pub(super) fn timed(&mut self, service: Duration) {
        let bucket = bucket_of(u64::try_from(service.as_nanos()).unwrap_or(u64::MAX));
        self.times[bucket] += 1;
        // Relaxed: figures, each for itself.
        self.times_shown
            .set(bucket, self.times[bucket], Ordering::Relaxed);
    }

    /// Counts answers, in the order of the words that show them.
    #[inline]
    fn count_answers(&self, calls: u32, refused: u32, wakes_sent: u32, wakes_avoided: u32) {
        let times = [calls, refused, wakes_sent, wakes_avoided];
        let counters = &self.counts[Count::Calls as usize..][..ANSWERS.len()];
        let mut shown = [0; ANSWERS.len()];
        for ((counter, times), shown) in counters.iter().zip(times).zip(&mut shown) {
            counter.set(counter.get() + u64::from(times));
            *shown = counter.get();
        }
        self.server.set_all(1 + Count::Calls as usize, &shown);
    }

    fn show(&self, client: usize, word: RowWord, value: u64) {
        // Relaxed: figures, each for itself.
        self.rows_shown
            .set(place(client, word), value, Ordering::Relaxed);
    }
}

impl Row {
    /// Shows what changes with calls, in the order of the words.
    #[inline]
    fn show(&self, client: usize, rows: &OwnWords) {
        let words: [u64; TURN.len()] = [
            self.calls,
            self.depth.into(),
            self.running.into(),
            self.wakes_sent,
            self.wakes_avoided,
        ];
        rows.set_all(place(client, RowWord::Calls), &words);
    }
}

/// What [`StatisticsWriter::count_answers`] shows together, in its order.
const ANSWERS: [Count; 4] = [
    Count::Calls,
    Count::RefusedCalls,
    Count::WakesSent,
    Count::WakesAvoided,
];
/// What [`Row::show`] shows together, in its order.
const TURN: [RowWord; 5] = [
    RowWord::Calls,
    RowWord::Depth,
    RowWord::Running,
    RowWord::WakesSent,
    RowWord::WakesAvoided,
];
/// Each stands right behind the one before.
const _: () = {
    let mut index = 1;
    while index < ANSWERS.len() {
        assert!(ANSWERS[index] as usize == ANSWERS[index - 1] as usize + 1);
        index += 1;
    }
    let mut index = 1;
    while index < TURN.len() {
        assert!(TURN[index] as usize == TURN[index - 1] as usize + 1);
        index += 1;
    }
};

const fn place(client: usize, word: RowWord) -> usize {
    client * (ROW / WORD) + word as usize
}
