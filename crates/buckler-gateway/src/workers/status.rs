//! How the workers are, for reports.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::life::Facts;
use super::memory::{Mebibytes, resident};
use super::notice::thousands;

/// How a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its process runs, its app has not started yet.
    Starting,
    /// It takes requests.
    Ready,
    /// It takes no more requests.
    Stopping,
    /// It died; the next one starts after a pause.
    Waiting,
    /// It has ended as ordered.
    Stopped,
}

/// One worker, for the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// From 1.
    pub slot: u16,
    /// Which life of the slot it is, from 1.
    pub generation: u32,
    /// Its process, while there is one.
    pub pid: Option<u32>,
    /// How it is.
    pub state: State,
    /// How often the slot's worker died.
    pub restarts: u32,
    /// How often it was replaced before it died.
    pub replacements: u32,
    /// Requests that this life was given.
    pub requests: u64,
    /// Those of them that are not finished.
    pub in_flight: usize,
    /// Resident bytes of its process, where they can be read.
    pub memory: Option<u64>,
    /// Seconds since it was ready.
    pub age: Option<u64>,
}

/// For people, in one line.
impl fmt::Display for WorkerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Starting => "starting",
            State::Ready => "ready",
            State::Stopping => "stopping",
            State::Waiting => "waiting",
            State::Stopped => "stopped",
        };
        write!(f, "worker {}: {state}", self.slot)?;
        if let Some(pid) = self.pid {
            write!(f, ", process {pid}")?;
        }
        if let Some(age) = self.age {
            write!(f, ", {age} s old")?;
        }
        write!(f, ", {} requests, {} in flight", thousands(self.requests), self.in_flight)?;
        if let Some(memory) = self.memory {
            write!(f, ", {}", Mebibytes(memory))?;
        }
        write!(f, ", died {} times, replaced {} times", self.restarts, self.replacements)
    }
}

/// What is known of each slot.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<BTreeMap<u16, Entry>>);

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Who serves, or is to.
    pub(crate) shown: Option<Arc<Facts>>,
    /// While nobody does.
    pub(crate) without: State,
    pub(crate) restarts: u32,
    pub(crate) replacements: u32,
}

impl Board {
    pub(crate) fn set(&self, slot: u16, change: impl FnOnce(&mut Entry)) {
        let first = Entry { shown: None, without: State::Starting, restarts: 0, replacements: 0 };
        change(self.entries().entry(slot).or_insert(first));
    }

    /// The lives that are there.
    pub(crate) fn lives(&self) -> Vec<Arc<Facts>> {
        self.entries().values().filter_map(|entry| entry.shown.clone()).collect()
    }

    pub(crate) fn statuses(&self) -> Vec<WorkerStatus> {
        let entries: Vec<(u16, Entry)> = self.entries().iter().map(|(slot, entry)| (*slot, entry.clone())).collect();
        entries.into_iter().map(|(slot, entry)| status(slot, &entry)).collect()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<u16, Entry>> {
        // Each change is a few assignments, none of which panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn status(slot: u16, entry: &Entry) -> WorkerStatus {
    let shown = entry.shown.as_deref();
    let state = shown.map_or(entry.without, Facts::state);
    // The number of a process that has ended may be another's.
    let pid = shown.filter(|_| state != State::Stopped).and_then(|facts| facts.pid.get().copied());
    WorkerStatus {
        slot,
        generation: shown.map_or(0, |facts| facts.id.generation),
        pid,
        state,
        restarts: entry.restarts,
        replacements: entry.replacements,
        requests: shown.map_or(0, |facts| facts.endpoint.served()),
        in_flight: shown.map_or(0, |facts| facts.endpoint.in_flight()),
        memory: pid.and_then(|pid| resident(pid).ok()),
        age: shown.and_then(Facts::age).map(|age| age.as_secs()),
    }
}
