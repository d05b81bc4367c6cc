//! What a process has with Redis. A child that was forked begins its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::breaker::Breaker;
use crate::connect::{Connector, Link};
use crate::error::Reason;
use crate::keys::HashKey;
use crate::lease::Leases;

/// Requests of a process that wait for an answer. At a millisecond each that is four million a second, more than a Redis
/// answers; what stands behind them would only wait for its timeout.
pub(crate) const MOST_IN_FLIGHT: usize = 4096;

type Outcome = Option<Result<(Link, u64), Reason>>;

enum Stage {
    None,
    /// A task connects; whoever needs the link waits for it, and no longer than for an answer.
    Connecting(watch::Receiver<Outcome>),
    Ready(Link),
}

struct Connection {
    stage: Stage,
    /// Of the link that is there or on its way, so that a late failure of an older one does not end it.
    number: u64,
}

pub(crate) struct Session {
    pub(crate) process: u32,
    pub(crate) breaker: Breaker,
    pub(crate) leases: Option<Mutex<Leases>>,
    key: Mutex<HashKey>,
    connection: Mutex<Connection>,
    in_flight: AtomicUsize,
}

/// A place among those who wait.
pub(crate) struct Seat<'a>(&'a AtomicUsize);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// No code that holds one of these locks can panic, or wait.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    pub(crate) fn new(process: u32, key: HashKey, leases: Option<Leases>) -> Self {
        Self {
            process,
            breaker: Breaker::default(),
            leases: leases.map(Mutex::new),
            key: Mutex::new(key),
            connection: Mutex::new(Connection { stage: Stage::None, number: 0 }),
            in_flight: AtomicUsize::new(0),
        }
    }

    pub(crate) fn key(&self) -> HashKey {
        *locked(&self.key)
    }

    pub(crate) fn set_key(&self, key: HashKey) {
        *locked(&self.key) = key;
    }

    pub(crate) fn leases(&self) -> Option<MutexGuard<'_, Leases>> {
        self.leases.as_ref().map(locked)
    }

    /// `None` where [`MOST_IN_FLIGHT`] wait already.
    pub(crate) fn seat(&self) -> Option<Seat<'_>> {
        let seat = Seat(&self.in_flight);
        (self.in_flight.fetch_add(1, Ordering::Relaxed) < MOST_IN_FLIGHT).then_some(seat)
    }

    /// The link and its number. The first who needs one has it made, by a task that outlives the request.
    pub(crate) async fn link(self: &Arc<Self>, connector: &Arc<Connector>) -> Result<(Link, u64), Reason> {
        let mut outcome = match self.stage(connector) {
            Ok(ready) => return Ok(ready),
            Err(outcome) => outcome,
        };
        let (made, is_lost) = match outcome.wait_for(Option::is_some).await {
            Ok(made) => (made.clone(), false),
            Err(_) => (None, true),
        };
        if is_lost {
            // The task has gone with its runtime.
            self.give_up(&outcome);
        }
        made.unwrap_or(Err(Reason::NoRuntime))
    }

    fn stage(self: &Arc<Self>, connector: &Arc<Connector>) -> Result<(Link, u64), watch::Receiver<Outcome>> {
        let mut connection = locked(&self.connection);
        match &connection.stage {
            Stage::Ready(link) => return Ok((link.clone(), connection.number)),
            Stage::Connecting(outcome) => return Err(outcome.clone()),
            Stage::None => {}
        }
        let (tell, outcome) = watch::channel(None);
        connection.stage = Stage::Connecting(outcome.clone());
        connection.number += 1;
        let (number, session, connector) = (connection.number, Arc::clone(self), Arc::clone(connector));
        tokio::spawn(async move {
            let made = connector.connect().await;
            let mut connection = locked(&session.connection);
            if connection.number == number {
                connection.stage = match &made {
                    Ok(link) => Stage::Ready(link.clone()),
                    Err(_) => Stage::None,
                };
            }
            drop(connection);
            tell.send_replace(Some(made.map(|link| (link, number))));
        });
        Err(outcome)
    }

    fn give_up(&self, outcome: &watch::Receiver<Outcome>) {
        let mut connection = locked(&self.connection);
        if matches!(&connection.stage, Stage::Connecting(current) if current.same_channel(outcome)) {
            connection.stage = Stage::None;
        }
    }

    /// The number of the link that requests go over now.
    pub(crate) fn ready(&self) -> Option<u64> {
        let connection = locked(&self.connection);
        matches!(connection.stage, Stage::Ready(_)).then_some(connection.number)
    }

    /// Ends a link that is broken, or that nobody answers on.
    pub(crate) fn forget(&self, number: u64) {
        let mut connection = locked(&self.connection);
        if connection.number == number && matches!(connection.stage, Stage::Ready(_)) {
            let old = std::mem::replace(&mut connection.stage, Stage::None);
            // What drops it wakes a task.
            drop(connection);
            drop(old);
        }
    }
}
