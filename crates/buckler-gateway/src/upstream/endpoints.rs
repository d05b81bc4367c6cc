//! Which worker gets a request.
//!
//! Rules, in order:
//! 1. The endpoint with the fewest requests in flight; between equals they take turns. One whose last connection
//!    attempt failed comes after those that answer; every second somebody looks whether it is back.
//! 2. All that answer have as many as they may have: the request stands in the [`Line`](super::line), up to
//!    [`LONGEST_WAIT`]; what finds no room there, or waits longer, is 503 `overloaded`.
//! 3. An endpoint that refuses the connection has seen nothing of the request, so the next one is asked.
//! 4. None left: under a supervisor ([`Endpoints::managed`]) the request waits for a worker to come back, up to
//!    [`WAIT_FOR_WORKER`], and not more than [`WAITING_REQUESTS`] at a time. Towards an app that runs elsewhere
//!    ([`Endpoints::fixed`]) there is nobody to wait for: 502 at once.
//! 5. After the wait: no worker exists, or too many wait already: 503 `overloaded`; they exist and none takes a
//!    connection: 502 `upstream_failed`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use buckler_http::connection::Client;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::UpstreamError;
use super::carrier::Carrier;
use super::endpoint::{Endpoint, InFlight};
use super::error::Kind;
use super::line::{LONGEST_WAIT, Line};

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
    line: Arc<Line>,
    waiting: AtomicUsize,
    wait: Duration,
    swept: AtomicBool,
}

/// Who could take a request.
enum Pick {
    /// This one does.
    Free(InFlight),
    /// Those who answer have as many as they may have.
    Full,
    /// Nobody is left to ask.
    Nobody,
}

impl Shared {
    fn sweep(&self) {
        for endpoint in self.list.load().iter() {
            endpoint.sweep();
        }
    }

    /// Those that took no connection are asked again, without a request that would pay for it.
    fn look_after_the_fallen(&self) {
        for endpoint in self.list.load().iter().filter(|endpoint| endpoint.is_down()) {
            let endpoint = Arc::clone(endpoint);
            // Ends with the connection attempt.
            drop(tokio::spawn(async move { endpoint.revive().await }));
        }
    }

    /// Whether places may be waited for: somebody who was not asked in vain answers.
    fn is_answered(&self, tried: &[Arc<Endpoint>]) -> bool {
        self.list.load().iter().any(|endpoint| !endpoint.is_down() && !holds(tried, endpoint))
    }

    fn pick(&self, tried: &[Arc<Endpoint>]) -> Pick {
        loop {
            let list = self.list.load();
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let start = turn.checked_rem(list.len()).unwrap_or(0);
            let Some((front, back)) = list.split_at_checked(start) else { return Pick::Nobody };
            let left = back.iter().chain(front).filter(|endpoint| !holds(tried, endpoint));
            let chosen = left.min_by_key(|endpoint| (endpoint.is_down(), !endpoint.has_room(), endpoint.in_flight()));
            let Some(chosen) = chosen else { return Pick::Nobody };
            if let Some(lease) = chosen.lease() {
                return Pick::Free(lease);
            }
            if !chosen.has_room() {
                return Pick::Full;
            }
            // Others were quicker, and it has got room since; or it was retired this moment, and is no longer in the
            // list, which was loaded before.
        }
    }

    /// Nobody overtakes those who stand in the line, unless for one whom they do not wait for.
    fn pick_behind_the_line(&self, tried: &[Arc<Endpoint>]) -> Pick {
        if self.line.is_empty() || !self.is_answered(tried) { self.pick(tried) } else { Pick::Full }
    }

    /// Stands in the line; once there, looks whether a place has become free just before.
    async fn stand(&self, client: Client, until: Instant) -> Result<Option<InFlight>, UpstreamError> {
        let look = || {
            if !self.is_answered(&[]) {
                return self.line.dismiss();
            }
            self.line.serve(|| match self.pick(&[]) {
                Pick::Free(place) if !place.endpoint().is_down() => Some(place),
                Pick::Free(_) | Pick::Full | Pick::Nobody => None,
            });
        };
        self.line.stand(client, until, look).await
    }
}

fn holds(endpoints: &[Arc<Endpoint>], endpoint: &Arc<Endpoint>) -> bool {
    endpoints.iter().any(|other| Arc::ptr_eq(other, endpoint))
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
        let line = Arc::new(Line::new());
        for endpoint in &endpoints {
            endpoint.serve_line(&line);
        }
        Self(Arc::new(Shared {
            list: ArcSwap::from_pointee(endpoints),
            turn: AtomicUsize::new(0),
            changed: Notify::new(),
            line,
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
        endpoint.serve_line(&self.0.line);
    }

    /// Takes a worker out: it gets no further request, those in its hands go on. See [`Endpoint::drained`].
    pub fn remove(&self, endpoint: &Arc<Endpoint>) {
        self.0.list.rcu(|list| list.iter().filter(|other| !Arc::ptr_eq(other, endpoint)).cloned().collect::<Vec<_>>());
        endpoint.retire();
        if self.0.list.load().is_empty() {
            // There is no place to wait for: they wait for a worker now, which takes longer.
            self.0.line.dismiss();
        }
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
                shared.look_after_the_fallen();
            }
        });
    }

    /// A connection that is open already to the endpoint that has least to do: the usual way.
    pub(crate) async fn pooled(&self) -> Option<(Box<Carrier>, InFlight)> {
        let Pick::Free(lease) = self.0.pick_behind_the_line(&[]) else { return None };
        let carrier = lease.endpoint().pooled().await?;
        Some((carrier, lease))
    }

    /// A connection to the endpoint that has least to do, and a place there. With `fresh` none from a pool.
    pub(crate) async fn connection(
        &self,
        fresh: bool,
        client: Client,
    ) -> Result<(Box<Carrier>, InFlight), UpstreamError> {
        if !self.0.swept.load(Ordering::Relaxed) {
            self.ensure_swept();
        }
        let line_until = Instant::now() + LONGEST_WAIT;
        let failed = match self.try_each(fresh, client, line_until).await {
            Ok(connection) => return Ok(connection),
            Err(failed) => failed,
        };
        if self.0.wait.is_zero() || failed.is_full() {
            return Err(failed);
        }
        let Some(_place) = Waiting::enter(&self.0) else {
            return Err(UpstreamError::new(Kind::NoEndpoint));
        };
        let deadline = Instant::now() + self.0.wait;
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            let line_until = Instant::now() + LONGEST_WAIT;
            let failed = match self.try_each(fresh, client, line_until).await {
                Ok(connection) => return Ok(connection),
                Err(failed) => failed,
            };
            let now = Instant::now();
            if now >= deadline || failed.is_full() {
                return Err(failed);
            }
            // Woken or not: either way it is time to look again.
            let _woken = timeout_at(deadline.min(now + KNOCK), changed).await;
        }
    }

    async fn try_each(
        &self,
        fresh: bool,
        client: Client,
        line_until: Instant,
    ) -> Result<(Box<Carrier>, InFlight), UpstreamError> {
        let mut tried: Vec<Arc<Endpoint>> = Vec::new();
        let mut failed = None;
        loop {
            let Some(lease) = self.place(&tried, client, line_until).await? else {
                return Err(failed.unwrap_or_else(|| UpstreamError::new(Kind::NoEndpoint)));
            };
            if !fresh && let Some(carrier) = lease.endpoint().pooled().await {
                return Ok((carrier, lease));
            }
            match lease.endpoint().fresh().await {
                Ok(carrier) => return Ok((carrier, lease)),
                Err(error) => failed = Some(error),
            }
            tried.push(Arc::clone(lease.endpoint()));
        }
    }

    /// A place with one that was not tried, waited for if need be; `None` if nobody is left.
    pub(crate) async fn place(
        &self,
        tried: &[Arc<Endpoint>],
        client: Client,
        line_until: Instant,
    ) -> Result<Option<InFlight>, UpstreamError> {
        loop {
            match self.0.pick_behind_the_line(tried) {
                Pick::Free(lease) => return Ok(Some(lease)),
                Pick::Nobody => return Ok(None),
                Pick::Full => {
                    if let Some(lease) = self.0.stand(client, line_until).await? {
                        return Ok(Some(lease));
                    }
                }
            }
        }
    }

    /// Requests in the line.
    pub fn waiting(&self) -> usize {
        self.0.line.len()
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

    fn lease(endpoints: &Endpoints, tried: &[Arc<Endpoint>]) -> InFlight {
        match endpoints.0.pick(tried) {
            Pick::Free(lease) => lease,
            Pick::Full | Pick::Nobody => panic!("there is room"),
        }
    }

    fn endpoint(path: &str) -> Arc<Endpoint> {
        Endpoint::new(format!("unix:/nowhere/{path}").parse().unwrap(), UpstreamSettings::default())
    }

    #[test]
    fn the_least_busy_gets_the_request_and_equals_take_turns() {
        // R09
        let (a, b) = (endpoint("a"), endpoint("b"));
        let endpoints = Endpoints::fixed(vec![a.clone(), b.clone()]);
        let leases: Vec<_> = (0..10).map(|_| lease(&endpoints, &[])).collect();
        assert_eq!((a.in_flight(), b.in_flight()), (5, 5));
        drop(leases);
        assert_eq!((a.in_flight(), b.in_flight()), (0, 0));

        let busy: Vec<_> = (0..3).map(|_| a.lease().unwrap()).collect();
        for _ in 0..3 {
            let lease = lease(&endpoints, &[]);
            assert!(Arc::ptr_eq(lease.endpoint(), &b));
            drop(lease);
        }
        assert!(Arc::ptr_eq(lease(&endpoints, &[b]).endpoint(), &a), "b was tried already");
        drop(busy);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_worker_requests_wait_and_then_are_told() {
        // R09
        let began = Instant::now();
        let error = Endpoints::fixed(vec![]).connection(false, Client::LOCAL).await.err().unwrap();
        assert_eq!((error.fault(), began.elapsed()), (Some(Fault::Overloaded), Duration::ZERO));

        let error = Endpoints::fixed(vec![endpoint("a")]).connection(false, Client::LOCAL).await.err().unwrap();
        assert_eq!((error.fault(), began.elapsed()), (Some(Fault::UpstreamFailed), Duration::ZERO));

        let endpoints = Endpoints::managed();
        let error = endpoints.connection(false, Client::LOCAL).await.err().unwrap();
        assert_eq!((error.fault(), began.elapsed()), (Some(Fault::Overloaded), WAIT_FOR_WORKER));
        endpoints.add(&endpoint("a"));
        let error = endpoints.connection(false, Client::LOCAL).await.err().unwrap();
        assert_eq!((error.fault(), began.elapsed()), (Some(Fault::UpstreamFailed), 2 * WAIT_FOR_WORKER));
        assert_eq!(endpoints.0.waiting.load(Ordering::SeqCst), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_took_no_connection_gets_requests_again_once_it_listens() {
        // R09
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let address = crate::upstream::Address::Unix(path.clone());
        let fallen = Endpoint::new(address, UpstreamSettings::default());
        let endpoints = Endpoints::fixed(vec![fallen.clone(), endpoint("other")]);
        assert!(endpoints.connection(false, Client::LOCAL).await.is_err());
        assert!(fallen.is_down());
        let _listener = tokio::net::UnixListener::bind(&path).unwrap();
        for _ in 0..100 {
            tokio::time::sleep(SWEEP).await;
            if !fallen.is_down() {
                assert!(Arc::ptr_eq(lease(&endpoints, &[]).endpoint(), &fallen));
                return;
            }
        }
        panic!("it was never looked at again");
    }

    #[tokio::test(start_paused = true)]
    async fn not_everybody_may_wait() {
        let endpoints = Endpoints::managed();
        let waiting: Vec<_> = (0..WAITING_REQUESTS)
            .map(|_| {
                let endpoints = endpoints.clone();
                tokio::spawn(async move { endpoints.connection(false, Client::LOCAL).await.map(drop) })
            })
            .collect();
        while endpoints.0.waiting.load(Ordering::SeqCst) < WAITING_REQUESTS {
            tokio::task::yield_now().await;
        }
        let began = Instant::now();
        let error = endpoints.connection(false, Client::LOCAL).await.err().unwrap();
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
        let lease = lease(&endpoints, &[]);
        endpoints.remove(&a);
        assert!(matches!(endpoints.0.pick(&[]), Pick::Nobody));
        assert!(a.lease().is_none(), "chosen before it was removed");
        let drained = tokio::spawn(async move { a.drained().await });
        tokio::task::yield_now().await;
        assert!(!drained.is_finished());
        drop(lease);
        drained.await.unwrap();
    }

    #[tokio::test]
    async fn requests_are_counted_and_their_number_can_be_waited_for() {
        // R09
        let a = endpoint("a");
        a.count();
        a.served_so_many(1).await;
        let waiting = tokio::spawn({
            let a = a.clone();
            async move { a.served_so_many(3).await }
        });
        while !waiting.is_finished() {
            tokio::task::yield_now().await;
            if a.served() < 3 {
                a.count();
            }
        }
        assert_eq!(a.served(), 3);
        waiting.await.unwrap();
    }
}
