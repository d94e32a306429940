//! What servers of this machine take while a run goes on.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::Family;
pub use crate::process::{ProcessId, Usage};
use crate::result::{Measurement, Server};

/// Looks at processes and their descendants five times a second, from when it is started.
#[derive(Debug)]
pub struct ResourceWatch {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<Resources>>,
}

#[derive(Debug)]
struct Shared {
    processes: Mutex<Vec<ProcessId>>,
    is_over: Mutex<bool>,
    over: Condvar,
}

impl ResourceWatch {
    /// Begins to look at the processes that have these numbers now.
    pub fn start(pids: Vec<u32>) -> Self {
        let processes = pids.into_iter().filter_map(|pid| ProcessId::of(pid).ok());
        let shared = Arc::new(Shared {
            processes: Mutex::new(processes.collect()),
            is_over: Mutex::new(false),
            over: Condvar::new(),
        });
        let of_thread = Arc::clone(&shared);
        let mut resources = Resources::default();
        // Taken here, so that what comes next is measured from here.
        resources.look(&of_thread);
        let watch = move || {
            while of_thread.waits(resources.period) {
                resources.look(&of_thread);
            }
            resources.look(&of_thread);
            resources
        };
        Self {
            shared,
            // Without a thread there is nothing to see, as with servers of another machine.
            thread: thread::Builder::new()
                .name("resources".to_owned())
                .spawn(watch)
                .ok(),
        }
    }

    /// Looks at one more process: a server that was started anew.
    pub fn add(&self, pid: u32) {
        // One that has ended already takes nothing.
        let Ok(process) = ProcessId::of(pid) else {
            return;
        };
        let mut processes = self.shared.processes.lock();
        processes
            .as_mut()
            .unwrap_or_else(|poisoned| poisoned.get_mut())
            .push(process);
    }

    /// Ends looking, after a last look.
    pub fn finish(mut self) -> Resources {
        self.end()
    }

    fn end(&mut self) -> Resources {
        *self
            .shared
            .is_over
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.over.notify_all();
        let thread = self.thread.take();
        thread
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    }
}

impl Drop for ResourceWatch {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Whether it goes on after `period`.
    fn waits(&self, period: Duration) -> bool {
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .over
            .wait_timeout_while(is_over, period, |is_over| !*is_over);
        let (is_over, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !*is_over
    }
}

/// What was seen.
#[derive(Debug)]
pub struct Resources {
    samples: Vec<Sample>,
    period: Duration,
    /// The processor time of each family as it was seen last: it counts also when it has ended.
    cpu: BTreeMap<ProcessId, Duration>,
    /// The same when it was seen first.
    cpu_at_first: BTreeMap<ProcessId, Duration>,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            samples: Vec::new(),
            period: PERIOD,
            cpu: BTreeMap::new(),
            cpu_at_first: BTreeMap::new(),
        }
    }
}

/// One look at all processes.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// When.
    pub at: Instant,
    /// Their processor time since the first look.
    pub cpu: Duration,
    /// Their resident memory in octets.
    pub rss: u64,
    /// The part of it that is their own alone, in octets.
    pub private: u64,
    /// Their open descriptors.
    pub descriptors: u64,
    /// How many they were.
    pub processes: usize,
}

/// How often is looked at first.
const PERIOD: Duration = Duration::from_millis(200);
/// Samples that are kept: an hour at five a second, 1 MB. Then every other one is dropped, and
/// looked half as often.
const MOST_SAMPLES: usize = 18_000;

impl Resources {
    /// All looks, in order.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    fn look(&mut self, shared: &Shared) {
        let watched = shared.processes.lock();
        let watched = watched.unwrap_or_else(PoisonError::into_inner).clone();
        let (mut processes, mut all) = (0, Usage::default());
        for family in Family::of_all(&watched) {
            let usage = family.usage();
            self.cpu_at_first.entry(family.root()).or_insert(usage.cpu);
            let last = self.cpu.entry(family.root()).or_insert(usage.cpu);
            // A child that ended without being waited for takes its time along.
            *last = usage.cpu.max(*last);
            processes += family.processes();
            all = all.with(usage);
        }
        let total: Duration = self.cpu.values().sum();
        let at_first: Duration = self.cpu_at_first.values().sum();
        if self.samples.len() == MOST_SAMPLES {
            let mut keep = false;
            self.samples.retain(|_| {
                keep = !keep;
                keep
            });
            self.period *= 2;
        }
        self.samples.push(Sample {
            at: Instant::now(),
            cpu: total.saturating_sub(at_first),
            rss: all.rss,
            private: all.private,
            descriptors: all.descriptors,
            processes,
        });
    }

    /// Puts what was seen into the result of the run that began at `begun`. Without any process
    /// seen it stays as it is.
    pub fn write_into(&self, measured: &mut Measurement, begun: Instant) {
        let (Some(first), Some(last)) = (self.samples.first(), self.samples.last()) else {
            return;
        };
        let most = |of: fn(&Sample) -> u64| self.samples.iter().map(of).max().unwrap_or(0);
        let processes = self.samples.iter().map(|sample| sample.processes).max();
        if processes.unwrap_or(0) == 0 {
            return;
        }
        let cpu_s = last.cpu.as_secs_f64();
        let thousands = measured.accepted as f64 / 1000.0;
        measured.server = Some(Server {
            source: "/proc".to_owned(),
            processes: processes.unwrap_or(0),
            cpu_s,
            cpu_s_per_1000: if thousands > 0.0 {
                cpu_s / thousands
            } else {
                0.0
            },
            rss_before: first.rss,
            rss_peak: most(|sample| sample.rss),
            rss_after: last.rss,
            descriptors_peak: most(|sample| sample.descriptors),
        });
        self.write_course(measured, begun);
    }

    fn write_course(&self, measured: &mut Measurement, begun: Instant) {
        let interval = measured.timeline.interval_s;
        if interval <= 0.0 {
            return;
        }
        let mut samples = self.samples.iter().peekable();
        let (mut rss, mut cpu) = (
            None,
            self.samples.first().map(|first| (first.at, first.cpu)),
        );
        for point in &mut measured.timeline.points {
            let Ok(end) = Duration::try_from_secs_f64(point.at_s + interval) else {
                return;
            };
            let begin = cpu;
            while let Some(sample) = samples.next_if(|sample| sample.at <= begun + end) {
                rss = Some(sample.rss);
                cpu = Some((sample.at, sample.cpu));
            }
            point.server_rss = rss;
            if let (Some((from, before)), Some((to, after))) = (begin, cpu)
                && to > from
            {
                let busy = after.saturating_sub(before).as_secs_f64();
                point.server_cpus = Some(busy / (to - from).as_secs_f64());
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;
    use crate::result::{Point, Timeline};

    #[test]
    fn a_process_that_works_is_seen_working() {
        let watch = ResourceWatch::start(vec![std::process::id()]);
        let begun = Instant::now();
        let mut sum = 0_u64;
        while begun.elapsed() < Duration::from_millis(500) {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        let resources = watch.finish();
        let mut measured = Measurement {
            accepted: 1000,
            timeline: Timeline {
                interval_s: 0.25,
                points: vec![Point::default(); 3],
            },
            ..Measurement::default()
        };
        for (index, point) in measured.timeline.points.iter_mut().enumerate() {
            point.at_s = 0.25 * index as f64;
        }
        resources.write_into(&mut measured, begun);
        assert!(sum > 0);
        let server = measured.server.unwrap();
        assert!(server.cpu_s > 0.0, "{server:?}");
        assert!((server.cpu_s - server.cpu_s_per_1000).abs() < 1e-9);
        assert!(server.rss_peak >= server.rss_before && server.rss_before > 0);
        let points = &measured.timeline.points;
        assert!(points.iter().all(|point| point.server_rss.is_some()));
        assert!(points.iter().any(|point| point.server_cpus > Some(0.0)));
    }

    #[test]
    fn a_process_that_is_named_twice_or_with_its_child_counts_once() {
        // A shell with a child that says its number and lives as long as its input.
        let mut parent = Command::new("sh")
            .args(["-c", "sh -c 'echo $$; exec cat'; :"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(parent.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let (parent_pid, child_pid) = (parent.id(), line.trim().parse().unwrap());
        for (pids, processes) in [
            (vec![child_pid], 1),
            (vec![child_pid, child_pid], 1),
            (vec![parent_pid, parent_pid], 2),
            (vec![parent_pid, child_pid], 2),
            (vec![child_pid, parent_pid, child_pid], 2),
        ] {
            let watch = ResourceWatch::start(pids.clone());
            watch.add(pids[0]);
            for sample in watch.finish().samples() {
                assert_eq!(sample.processes, processes, "{pids:?}");
            }
        }
        drop(parent.stdin.take());
        parent.wait().unwrap();
    }

    #[test]
    fn without_a_process_nothing_is_claimed() {
        let watch = ResourceWatch::start(Vec::new());
        let mut measured = Measurement::default();
        watch.finish().write_into(&mut measured, Instant::now());
        assert_eq!(measured, Measurement::default());
    }

    #[test]
    fn hours_are_kept_in_bounded_memory() {
        let watch = ResourceWatch::start(Vec::new());
        let shared = Arc::clone(&watch.shared);
        let mut resources = Resources::default();
        for _ in 0..=MOST_SAMPLES {
            resources.look(&shared);
        }
        assert_eq!(resources.samples.len(), MOST_SAMPLES / 2 + 1);
        assert_eq!(resources.period, PERIOD * 2);
        assert!(resources.samples.is_sorted_by_key(|sample| sample.at));
    }
}
