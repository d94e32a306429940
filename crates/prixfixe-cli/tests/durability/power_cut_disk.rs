//! A disk as a power cut leaves it: all that was synced, and of the rest whatever happened to get
//! there.
//!
//! A write that no sync had covered may be there or not, wholly or in some of its sectors, and
//! before or after others. A name may still be that of before as long as the folder was not
//! synced behind its change.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::random::Random;
use crate::recording::{Call, Event};

/// One step in time: a call begins or ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    /// The place of the call among the events.
    pub(crate) event: usize,
    pub(crate) ends: bool,
}

/// The beginnings and ends of all calls, in order.
pub(crate) fn edges(events: &[&Event]) -> Vec<Edge> {
    let mut edges: Vec<_> = events
        .iter()
        .enumerate()
        .flat_map(|(event, call)| {
            let edge = |ends| Edge { event, ends };
            [
                ((call.start, false), edge(false)),
                ((call.end, true), edge(true)),
            ]
        })
        .collect();
    edges.sort_by_key(|(time, _)| *time);
    edges.into_iter().map(|(_, edge)| edge).collect()
}

/// Follows the calls and knows what of their effects is durable.
pub(crate) struct PowerCutDisk<'a> {
    events: &'a [&'a Event],
    /// By inode: a name that is removed and made again is another file.
    files: Vec<File>,
    names: BTreeMap<String, Name>,
    /// What each sync that is under way covers: all that had ended before it began.
    syncs: BTreeMap<usize, Covered>,
}

#[derive(Default)]
struct File {
    durable: Vec<u8>,
    /// Events not yet durable, in order, and whether they have ended.
    pending: Vec<(usize, bool)>,
}

/// The inodes that a name may lead to: the durable one, then one for each change since.
struct Name(Vec<Option<usize>>);

enum Covered {
    Writes {
        inode: usize,
        events: Vec<usize>,
    },
    /// How many changes of each name.
    Names(BTreeMap<String, usize>),
}

impl<'a> PowerCutDisk<'a> {
    pub(crate) fn new(events: &'a [&'a Event]) -> Self {
        Self {
            events,
            files: Vec::new(),
            names: BTreeMap::new(),
            syncs: BTreeMap::new(),
        }
    }

    /// Time goes on by one step.
    pub(crate) fn step(&mut self, edge: Edge) {
        match (&self.events[edge.event].call, edge.ends) {
            (Call::Create { file }, false) => {
                self.files.push(File::default());
                let name = self
                    .names
                    .entry(file.clone())
                    .or_insert_with(|| Name(vec![None]));
                name.0.push(Some(self.files.len() - 1));
            }
            (Call::Remove { file }, false) => {
                self.names
                    .get_mut(file)
                    .expect("a file that was made")
                    .0
                    .push(None);
            }
            (Call::Write { file, .. } | Call::Truncate { file, .. }, false) => {
                let inode = self.inode(file);
                self.files[inode].pending.push((edge.event, false));
            }
            (Call::Write { file, .. } | Call::Truncate { file, .. }, true) => {
                let inode = self.inode(file);
                let pending = &mut self.files[inode].pending;
                if let Some(write) = pending.iter_mut().find(|(event, _)| *event == edge.event) {
                    write.1 = true;
                }
            }
            (Call::Sync { file }, false) => {
                let inode = self.inode(file);
                let ended = self.files[inode].pending.iter().filter(|(_, ended)| *ended);
                let events = ended.map(|(event, _)| *event).collect();
                self.syncs
                    .insert(edge.event, Covered::Writes { inode, events });
            }
            (Call::SyncFolder, false) => {
                let names = self.names.iter();
                let covered = names
                    .map(|(name, may)| (name.clone(), may.0.len() - 1))
                    .collect();
                self.syncs.insert(edge.event, Covered::Names(covered));
            }
            (Call::Sync { .. } | Call::SyncFolder, true) => self.end_sync(edge.event),
            (Call::Create { .. } | Call::Remove { .. }, true) | (Call::Send { .. }, _) => {}
        }
    }

    fn end_sync(&mut self, event: usize) {
        match self.syncs.remove(&event).expect("a sync that had begun") {
            Covered::Writes { inode, events } => {
                let file = &mut self.files[inode];
                for &event in &events {
                    apply(&self.events[event].call, &mut file.durable, || true);
                }
                // Two syncs may have covered the same write.
                file.pending.retain(|(event, _)| !events.contains(event));
            }
            Covered::Names(covered) => {
                for (name, changes) in covered {
                    let may = &mut self.names.get_mut(&name).expect("names stay known").0;
                    may.drain(..changes.min(may.len() - 1));
                }
            }
        }
    }

    /// Makes in `folder` what a power cut at this moment may leave.
    pub(crate) fn cut(&self, random: &mut Random, folder: &Path) {
        // From "nothing got there" to "nearly all did", and torn seldom or often.
        let kept = [0, 20, 50, 80, 100][random.below(5)];
        let torn = [0, 10, 50][random.below(3)];
        for (name, Name(may)) in &self.names {
            let Some(inode) = may[random.below(may.len())] else {
                continue;
            };
            let file = &self.files[inode];
            let mut content = file.durable.clone();
            let mut pending: Vec<usize> = file.pending.iter().map(|(event, _)| *event).collect();
            while !pending.is_empty() {
                let event = pending.swap_remove(random.below(pending.len()));
                if !random.percent(kept) {
                    continue;
                }
                let is_torn = random.percent(torn);
                apply(&self.events[event].call, &mut content, || {
                    !is_torn || random.percent(50)
                });
            }
            fs::write(folder.join(name), content).unwrap();
        }
    }

    fn inode(&self, file: &str) -> usize {
        let name = self.names.get(file).and_then(|name| *name.0.last()?);
        name.expect("a file that was made")
    }
}

/// Does to `content` what the call did to the file, in the sectors for which `gets_there`
/// says so.
fn apply(call: &Call, content: &mut Vec<u8>, mut gets_there: impl FnMut() -> bool) {
    match call {
        Call::Truncate { length, .. } => content.resize(*length, 0),
        Call::Write { offset, data, .. } => {
            let mut at = *offset;
            let end = at + data.len();
            while at < end {
                let next = end.min((at / SECTOR_BYTES + 1) * SECTOR_BYTES);
                if gets_there() {
                    content.resize(content.len().max(next), 0);
                    content[at..next].copy_from_slice(&data[at - offset..next - offset]);
                }
                at = next;
            }
        }
        other => unreachable!("{other:?} changes no content"),
    }
}

const SECTOR_BYTES: usize = 512;
