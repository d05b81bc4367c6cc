//! One listening socket of the app, with the connections that are open to it.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::carrier::Carrier;
use super::connect::{ConnectError, connect};
use super::error::Kind;
use super::line::Line;
use super::load::{Counted, Load};
use super::place::Place;
use super::{Address, UpstreamError, UpstreamSettings};

/// A socket of the app and its pool. The supervisor makes one for each worker.
pub struct Endpoint {
    address: Address,
    settings: UpstreamSettings,
    load: Load,
    /// Who waits for a place here or elsewhere; set by [`Endpoints`](super::Endpoints).
    line: OnceLock<Arc<Line>>,
    /// Requests that it has been given, those in flight included.
    served: AtomicU64,
    /// The count that somebody waits for.
    awaited: AtomicU64,
    awaited_reached: Notify,
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
            load: Load::default(),
            line: OnceLock::new(),
            served: AtomicU64::new(0),
            awaited: AtomicU64::new(u64::MAX),
            awaited_reached: Notify::new(),
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
        self.load.total()
    }

    /// How many requests it has been given so far.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Waits until it has been given so many requests. One waits at a time.
    pub async fn served_so_many(&self, count: u64) {
        loop {
            let mut reached = std::pin::pin!(self.awaited_reached.notified());
            reached.as_mut().enable();
            self.awaited.store(count, Ordering::SeqCst);
            if self.served.load(Ordering::SeqCst) >= count {
                return;
            }
            reached.await;
        }
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
        self.retired.store(true, Ordering::SeqCst);
        drop(std::mem::take(&mut *self.pool()));
    }

    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    pub(crate) fn settings(&self) -> &UpstreamSettings {
        &self.settings
    }

    /// Requests alone, without tunnels.
    pub fn requests(&self) -> u32 {
        self.load.requests()
    }

    /// Whether it takes one more request.
    pub(crate) fn has_room(&self) -> bool {
        self.load.has_room(self.settings.concurrency)
    }

    /// Whether it has been taken out of service.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }

    /// Counts a request in, until the lease is dropped; `None` once the endpoint is out of service, or has as
    /// many as it may have. Counted first and looked at then, while [`retire`](Self::retire) does it the other way
    /// round: who is drained after it has been retired has no request on its way.
    pub(crate) fn lease(self: &Arc<Self>) -> Option<InFlight> {
        if !self.load.begin(self.settings.concurrency) {
            return None;
        }
        let lease = InFlight { endpoint: Arc::clone(self), counted: Counted::Request, place: None };
        if self.is_retired() {
            return None;
        }
        Some(lease)
    }

    /// Counts a request that is about to be sent. A place that was taken in vain is none.
    pub(crate) fn count(&self) {
        let before = self.served.fetch_add(1, Ordering::SeqCst);
        if before.saturating_add(1) == self.awaited.load(Ordering::SeqCst) {
            self.awaited_reached.notify_waiters();
        }
    }

    /// What was a request counts as a tunnel, and its place goes to the next one.
    pub(crate) fn make_tunnel(self: &Arc<Self>) {
        self.load.make_tunnel();
        self.hand_on();
    }

    /// And back.
    pub(crate) fn make_request(&self) {
        self.load.make_request();
    }

    /// From now on its free places go to that line.
    pub(crate) fn serve_line(self: &Arc<Self>, line: &Arc<Line>) {
        self.line.get_or_init(|| Arc::clone(line));
        self.hand_on();
    }

    /// Gives free places to those who wait for one. One that takes no connections has none to give.
    fn hand_on(self: &Arc<Self>) {
        if let Some(line) = self.line.get()
            && !line.is_empty()
            && !self.is_down()
            && !self.is_retired()
        {
            line.serve(|| self.lease());
        }
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

    /// Looks whether it takes connections again.
    pub(crate) async fn revive(self: Arc<Self>) {
        if self.probe().await.is_ok() {
            self.down.store(false, Ordering::Relaxed);
            self.hand_on();
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
        if self.is_retired() {
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
pub(crate) struct InFlight {
    endpoint: Arc<Endpoint>,
    counted: Counted,
    /// Where it is noticed that the client keeps the worker waiting.
    place: Option<Place>,
}

impl InFlight {
    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Its place can be left and taken again there. Where places are not counted there is nothing to leave.
    pub(crate) fn stands_at(&mut self, place: &Place) {
        if self.endpoint.settings.concurrency.is_some() {
            place.take(&self.endpoint);
            self.place = Some(place.clone());
        }
    }

    /// What was a request is a WebSocket or an event stream from now on: its place goes to the next request.
    pub(crate) fn make_tunnel(&mut self) {
        if self.counted_now() == Counted::Request {
            self.endpoint.make_tunnel();
        }
        self.counted = Counted::Tunnel;
    }

    /// As what it counts, and nobody changes it any more.
    fn counted_now(&mut self) -> Counted {
        self.place.take().and_then(|place| place.end()).unwrap_or(self.counted)
    }

    /// Leaves the connection to the next request.
    pub(crate) fn give_back(self, carrier: Box<Carrier>) {
        self.endpoint.give_back(carrier);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let counted = self.counted_now();
        if self.endpoint.load.end(counted) {
            self.endpoint.empty.notify_waiters();
        }
        self.endpoint.hand_on();
    }
}
