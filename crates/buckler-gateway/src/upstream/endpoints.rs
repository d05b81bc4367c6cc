//! Which worker gets a request.
//!
//! Rules, in order:
//! 1. The endpoint with the fewest requests in flight; between equals they take turns. One whose last connection
//!    attempt failed comes after those that answer.
//! 2. An endpoint that refuses the connection has seen nothing of the request, so the next one is asked.
//! 3. None left: under a supervisor ([`Endpoints::managed`]) the request waits for a worker to come back, up to
//!    [`WAIT_FOR_WORKER`], and not more than [`WAITING_REQUESTS`] at a time. Towards an app that runs elsewhere
//!    ([`Endpoints::fixed`]) there is nobody to wait for: 502 at once.
//! 4. After the wait: no worker exists, or too many wait already: 503 `overloaded`; they exist and none takes a
//!    connection: 502 `upstream_failed`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::UpstreamError;
use super::carrier::Carrier;
use super::endpoint::{Endpoint, InFlight};
use super::error::Kind;

/// How long a request waits for a worker: what a Python app of some size needs to start.
pub const WAIT_FOR_WORKER: Duration = Duration::from_secs(5);

/// Requests that wait for a worker at the same time. More could not be answered in time once it is there.
pub const WAITING_REQUESTS: usize = 512;

/// How often a waiting request knocks at workers that exist and take no connection yet.
const KNOCK: Duration = Duration::from_millis(100);

/// How often idle connections are looked at: they may be this much older than [`POOL_IDLE`](super::POOL_IDLE).
const SWEEP: Duration = Duration::from_secs(1);

/// The endpoints of one app. Clones share them.
#[derive(Debug, Clone)]
pub struct Endpoints(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    list: ArcSwap<Vec<Arc<Endpoint>>>,
    turn: AtomicUsize,
    changed: Notify,
    waiting: AtomicUsize,
    wait: Duration,
    swept: AtomicBool,
}

impl Shared {
    fn sweep(&self) {
        for endpoint in self.list.load().iter() {
            endpoint.sweep();
        }
    }
}

impl Endpoints {
    /// Sockets that are there for good: `serve --upstream`.
    pub fn fixed(endpoints: Vec<Arc<Endpoint>>) -> Self {
        Self::new(endpoints, Duration::ZERO)
    }

    /// Workers that come and go.
    pub fn managed() -> Self {
        Self::new(Vec::new(), WAIT_FOR_WORKER)
    }

    /// As [`managed`](Self::managed), with another wait.
    pub fn managed_waiting(wait: Duration) -> Self {
        Self::new(Vec::new(), wait)
    }

    fn new(endpoints: Vec<Arc<Endpoint>>, wait: Duration) -> Self {
        Self(Arc::new(Shared {
            list: ArcSwap::from_pointee(endpoints),
            turn: AtomicUsize::new(0),
            changed: Notify::new(),
            waiting: AtomicUsize::new(0),
            wait,
            swept: AtomicBool::new(false),
        }))
    }

    /// Adds a worker that takes requests from now on. Call it when the worker is ready.
    pub fn add(&self, endpoint: &Arc<Endpoint>) {
        self.0.list.rcu(|list| {
            let mut list = Vec::clone(list);
            list.push(Arc::clone(endpoint));
            list
        });
        self.0.changed.notify_waiters();
    }

    /// Takes a worker out: it gets no further request, those in its hands go on. See [`Endpoint::drained`].
    pub fn remove(&self, endpoint: &Arc<Endpoint>) {
        self.0.list.rcu(|list| list.iter().filter(|other| !Arc::ptr_eq(other, endpoint)).cloned().collect::<Vec<_>>());
        endpoint.retire();
    }

    /// The workers that take requests.
    pub fn list(&self) -> Arc<Vec<Arc<Endpoint>>> {
        self.0.list.load_full()
    }

    /// Closes connections that no request has used for a while. Happens by itself every second.
    pub fn sweep(&self) {
        self.0.sweep();
    }

    /// With the first request comes the task that sweeps, for as long as the endpoints exist.
    fn ensure_swept(&self) {
        if self.0.swept.swap(true, Ordering::Relaxed) {
            return;
        }
        let shared = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(shared) = shared.upgrade() else { return };
                shared.sweep();
            }
        });
    }

    /// A connection that is open already to the endpoint that has least to do: the usual way.
    pub(crate) async fn pooled(&self) -> Option<(Box<Carrier>, InFlight)> {
        let lease = self.least_busy(&[])?;
        let carrier = lease.endpoint().pooled().await?;
        Some((carrier, lease))
    }

    /// A connection to the endpoint that has least to do. With `fresh` none from a pool.
    pub(crate) async fn connection(&self, fresh: bool) -> Result<(Box<Carrier>, InFlight), UpstreamError> {
        if !self.0.swept.load(Ordering::Relaxed) {
            self.ensure_swept();
        }
        let failed = match self.try_each(fresh).await {
            Ok(connection) => return Ok(connection),
            Err(failed) => failed,
        };
        if self.0.wait.is_zero() {
            return Err(failed);
        }
        let Some(_place) = Waiting::enter(&self.0) else {
            return Err(UpstreamError::new(Kind::NoEndpoint));
        };
        let deadline = Instant::now() + self.0.wait;
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            let failed = match self.try_each(fresh).await {
                Ok(connection) => return Ok(connection),
                Err(failed) => failed,
            };
            let now = Instant::now();
            if now >= deadline {
                return Err(failed);
            }
            // Woken or not: either way it is time to look again.
            let _woken = timeout_at(deadline.min(now + KNOCK), changed).await;
        }
    }

    async fn try_each(&self, fresh: bool) -> Result<(Box<Carrier>, InFlight), UpstreamError> {
        let mut tried: Vec<Arc<Endpoint>> = Vec::new();
        let mut failed = None;
        while let Some(lease) = self.least_busy(&tried) {
            if !fresh && let Some(carrier) = lease.endpoint().pooled().await {
                return Ok((carrier, lease));
            }
            match lease.endpoint().fresh().await {
                Ok(carrier) => return Ok((carrier, lease)),
                Err(error) => failed = Some(error),
            }
            tried.push(Arc::clone(lease.endpoint()));
        }
        Err(failed.unwrap_or_else(|| UpstreamError::new(Kind::NoEndpoint)))
    }

    fn least_busy(&self, tried: &[Arc<Endpoint>]) -> Option<InFlight> {
        let list = self.0.list.load();
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed);
        let start = turn.checked_rem(list.len()).unwrap_or(0);
        let (front, back) = list.split_at_checked(start)?;
        back.iter()
            .chain(front)
            .filter(|endpoint| !tried.iter().any(|other| Arc::ptr_eq(other, endpoint)))
            .min_by_key(|endpoint| (endpoint.is_down(), endpoint.in_flight()))
            .map(Endpoint::lease)
    }
}

/// A place among those who wait for a worker.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(shared: &'a Shared) -> Option<Self> {
        let place = Self(&shared.waiting);
        (shared.waiting.fetch_add(1, Ordering::AcqRel) < WAITING_REQUESTS).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::UpstreamSettings;
    use buckler_tower::Fault;

    fn endpoint(path: &str) -> Arc<Endpoint> {
        Endpoint::new(format!("unix:/nowhere/{path}").parse().unwrap(), UpstreamSettings::default())
    }

    #[test]
    fn the_least_busy_gets_the_request_and_equals_take_turns() {
        // R09
        let (a, b) = (endpoint("a"), endpoint("b"));
        let endpoints = Endpoints::fixed(vec![a.clone(), b.clone()]);
        let leases: Vec<_> = (0..10).map(|_| endpoints.least_busy(&[]).unwrap()).collect();
        assert_eq!((a.in_flight(), b.in_flight()), (5, 5));
        drop(leases);
        assert_eq!((a.in_flight(), b.in_flight()), (0, 0));

        let busy: Vec<_> = (0..3).map(|_| a.lease()).collect();
        for _ in 0..3 {
            let lease = endpoints.least_busy(&[]).unwrap();
            assert!(Arc::ptr_eq(lease.endpoint(), &b));
            drop(lease);
        }
        assert!(Arc::ptr_eq(endpoints.least_busy(&[b]).unwrap().endpoint(), &a), "b was tried already");
        drop(busy);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_worker_requests_wait_and_then_are_told() {
        // R09
        let began = Instant::now();
        let error = Endpoints::fixed(vec![]).connection(false).await.err().unwrap();
        assert_eq!((error.fault(), began.elapsed()), (Some(Fault::Overloaded), Duration::ZERO));

        let error = Endpoints::fixed(vec![endpoint("a")]).connection(false).await.err().unwrap();
        assert_eq!((error.fault(), began.elapsed()), (Some(Fault::UpstreamFailed), Duration::ZERO));

        let endpoints = Endpoints::managed();
        let error = endpoints.connection(false).await.err().unwrap();
        assert_eq!((error.fault(), began.elapsed()), (Some(Fault::Overloaded), WAIT_FOR_WORKER));
        endpoints.add(&endpoint("a"));
        let error = endpoints.connection(false).await.err().unwrap();
        assert_eq!((error.fault(), began.elapsed()), (Some(Fault::UpstreamFailed), 2 * WAIT_FOR_WORKER));
        assert_eq!(endpoints.0.waiting.load(Ordering::SeqCst), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn not_everybody_may_wait() {
        let endpoints = Endpoints::managed();
        let waiting: Vec<_> = (0..WAITING_REQUESTS)
            .map(|_| {
                let endpoints = endpoints.clone();
                tokio::spawn(async move { endpoints.connection(false).await.map(drop) })
            })
            .collect();
        while endpoints.0.waiting.load(Ordering::SeqCst) < WAITING_REQUESTS {
            tokio::task::yield_now().await;
        }
        let began = Instant::now();
        let error = endpoints.connection(false).await.err().unwrap();
        assert_eq!((error.fault(), began.elapsed()), (Some(Fault::Overloaded), Duration::ZERO));
        for task in waiting {
            assert!(task.await.unwrap().is_err());
        }
    }

    #[tokio::test]
    async fn a_removed_worker_is_drained() {
        // R09
        let a = endpoint("a");
        let endpoints = Endpoints::managed();
        endpoints.add(&a);
        let lease = endpoints.least_busy(&[]).unwrap();
        endpoints.remove(&a);
        assert!(endpoints.least_busy(&[]).is_none());
        let drained = tokio::spawn(async move { a.drained().await });
        tokio::task::yield_now().await;
        assert!(!drained.is_finished());
        drop(lease);
        drained.await.unwrap();
    }
}
