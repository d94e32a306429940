//! Hostile clients, all at once.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::hostile::Hostile;
use super::hostile_client::{Answered, judge, play, shown, summed};

/// Clients under way.
pub(super) struct Crowd {
    clients: Vec<(&'static Hostile, JoinHandle<Answered>)>,
    over: watch::Sender<bool>,
}

impl Crowd {
    /// Begins them.
    pub(super) fn start(
        runtime: &Runtime,
        target: &str,
        hostile: impl Iterator<Item = &'static Hostile>,
    ) -> Self {
        let over = watch::Sender::new(false);
        let clients = hostile
            .map(|hostile| {
                let (target, watched) = (target.to_owned(), over.subscribe());
                let client = runtime.spawn(async move { play(&target, hostile, watched).await });
                (hostile, client)
            })
            .collect();
        Self { clients, over }
    }

    /// Ends them, and says how they ended.
    pub(super) fn finish(self, runtime: &Runtime) -> String {
        let answers: Vec<Answered> = self
            .ended(runtime)
            .into_iter()
            .map(|(_, answered)| answered)
            .collect();
        summed(&answers)
    }

    /// Waits for each to come to its end by itself, at most so long; says how they ended, and a row
    /// for each.
    pub(super) fn finish_inputs(
        self,
        runtime: &Runtime,
        lasts: Duration,
        faults: &mut Vec<String>,
    ) -> (String, Vec<Vec<String>>) {
        let deadline = Instant::now() + lasts.max(LEAST);
        while Instant::now() < deadline
            && !self.clients.iter().all(|(_, client)| client.is_finished())
        {
            std::thread::sleep(Duration::from_millis(20));
        }
        let answers = self.ended(runtime);
        let mut rows = Vec::new();
        let mut unsound = 0;
        for (hostile, answered) in &answers {
            let fault = judge(hostile, answered);
            rows.push(vec![
                hostile.name.to_owned(),
                shown(&answered.codes),
                format!("{:?}", answered.end).to_lowercase(),
                if fault.is_some() {
                    "FAILED"
                } else {
                    "as it should be"
                }
                .to_owned(),
            ]);
            unsound += usize::from(fault.is_some());
            faults.extend(fault);
        }
        (
            format!(
                "{} inputs, {unsound} not answered as they should be",
                answers.len()
            ),
            rows,
        )
    }

    fn ended(self, runtime: &Runtime) -> Vec<(&'static Hostile, Answered)> {
        self.over.send_replace(true);
        let clients = self.clients;
        runtime.block_on(async {
            let mut ended = Vec::with_capacity(clients.len());
            for (hostile, client) in clients {
                ended.push((hostile, client.await.unwrap_or_default()));
            }
            ended
        })
    }
}

/// How long inputs may take at least: the slowest waits a while for a server that says nothing.
const LEAST: Duration = Duration::from_secs(3);
