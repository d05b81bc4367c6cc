//! One listening socket of the app, with the connections that are open to it.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::carrier::Carrier;
use super::connect::{ConnectError, connect};
use super::error::Kind;
use super::{Address, UpstreamError, UpstreamSettings};

/// A socket of the app and its pool. The supervisor makes one for each worker.
pub struct Endpoint {
    address: Address,
    settings: UpstreamSettings,
    in_flight: AtomicUsize,
    retired: AtomicBool,
    /// The last connection attempt failed: others are asked first.
    down: AtomicBool,
    empty: Notify,
    /// Newest at the back: the one used last is the one most surely alive, and the others get to age.
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    carrier: Box<Carrier>,
    since: Instant,
}

impl Endpoint {
    /// An endpoint without connections.
    pub fn new(address: Address, settings: UpstreamSettings) -> Arc<Self> {
        Arc::new(Self {
            address,
            settings,
            in_flight: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
            down: AtomicBool::new(false),
            empty: Notify::new(),
            idle: Mutex::new(VecDeque::new()),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What it is busy with: requests, streams, tunnels.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Waits until nothing is in flight. Only sensible once the endpoint has been taken out of
    /// [`Endpoints`](super::Endpoints).
    pub async fn drained(&self) {
        loop {
            let mut empty = std::pin::pin!(self.empty.notified());
            empty.as_mut().enable();
            if self.in_flight() == 0 {
                return;
            }
            empty.await;
        }
    }

    /// No connection is kept from now on, and those that wait for a request are closed.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        drop(std::mem::take(&mut *self.pool()));
    }

    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    pub(crate) fn settings(&self) -> &UpstreamSettings {
        &self.settings
    }

    /// Counts a request in, until the lease is dropped.
    pub(crate) fn lease(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(Arc::clone(self))
    }

    /// A connection from the pool that is still good.
    pub(crate) async fn pooled(&self) -> Option<Box<Carrier>> {
        loop {
            let Idle { mut carrier, since } = self.pool().pop_back()?;
            if since.elapsed() < self.settings.pool_idle && poll_fn(|cx| Poll::Ready(carrier.is_alive(cx))).await {
                return Some(carrier);
            }
        }
    }

    /// A new connection.
    pub(crate) async fn fresh(&self) -> Result<Box<Carrier>, UpstreamError> {
        match connect(&self.address, self.settings.connect).await {
            Ok(stream) => {
                self.down.store(false, Ordering::Relaxed);
                Carrier::new(stream).await.map(Box::new)
            }
            Err(error) => {
                self.down.store(true, Ordering::Relaxed);
                Err(UpstreamError::new(Kind::Connect(error)))
            }
        }
    }

    /// Whether somebody listens there.
    ///
    /// # Errors
    /// Why not.
    pub async fn probe(&self) -> Result<(), ConnectError> {
        connect(&self.address, self.settings.connect).await.map(drop)
    }

    /// Closes connections that have waited for too long.
    pub(crate) fn sweep(&self) {
        let aged: Vec<Idle> = {
            let mut pool = self.pool();
            let fresh = pool.partition_point(|idle| idle.since.elapsed() >= self.settings.pool_idle);
            pool.drain(..fresh).collect()
        };
        // Closing is a system call, and happens outside the lock.
        drop(aged);
    }

    fn give_back(&self, carrier: Box<Carrier>) {
        if self.retired.load(Ordering::Acquire) {
            return;
        }
        let idle = Idle { carrier, since: Instant::now() };
        let surplus = {
            let mut pool = self.pool();
            pool.push_back(idle);
            // One in, one out: under traffic the aged ones go without anybody sweeping.
            let aged = pool.front().is_some_and(|idle| idle.since.elapsed() >= self.settings.pool_idle);
            if aged || pool.len() > self.settings.pool_size { pool.pop_front() } else { None }
        };
        drop(surplus);
    }

    fn pool(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        // Nothing in there can be half done when a holder panics: the lock protects single pushes and pops.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("address", &self.address)
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

/// A request in an endpoint's hands. Dropping it counts the request out.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Endpoint>);

impl InFlight {
    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.0
    }

    /// Leaves the connection to the next request.
    pub(crate) fn give_back(self, carrier: Box<Carrier>) {
        self.0.give_back(carrier);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.empty.notify_waiters();
        }
    }
}
