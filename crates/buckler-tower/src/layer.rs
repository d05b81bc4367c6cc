//! Layer and service.

use std::convert::Infallible;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arc_swap::ArcSwap;
use buckler_engine::{Admission, BodyPlan, Ended, Engine, Opening, Reason, Record, Timestamp, Traffic};
use buckler_http::connection::{Connection, Peer, Scheme};
use buckler_store::embedded::Region;
use buckler_store::{Counters, Unreachable};
use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::BoxError;
use crate::answer_body::AnswerBody;
use crate::consult::{self, Counting, Opened, Unheard};
use crate::fault::Fault;
use crate::future::{ResponseFuture, Waiting};
use crate::head::{apply, response};
use crate::judge::Judge;
use crate::nonce::Nonces;
use crate::observer::{Observer, SystemTime, Time};
use crate::request_body::{Holding, RequestBody};
use crate::room::HoldBudget;

/// Bytes of held bodies unless said otherwise: twenty-five of the largest allowed by default, a small part of
/// the smallest machine that runs Python workers.
const DEFAULT_HELD_BYTES: usize = 256 * 1024 * 1024;

/// What a layer is built with, beside its engine.
pub struct Settings {
    /// Bytes of request bodies held back at the same time, over all requests. Beyond it: 503 `overloaded`.
    pub held_bytes: usize,
    /// Where limits are counted. Unless said otherwise in this process alone.
    pub counters: Arc<dyn Counters>,
    /// Told of every exchange.
    pub observer: Arc<dyn Observer>,
    /// Tells the time.
    pub time: Arc<dyn Time>,
}

impl Default for Settings {
    fn default() -> Self {
        let observer: Arc<dyn Observer> = Arc::new(|_: Record| {});
        Self { held_bytes: DEFAULT_HELD_BYTES, counters: own_counters(), observer, time: Arc::new(SystemTime) }
    }
}

/// Keys of the limits of one process; see `store.keys`.
const OWN_KEYS: u64 = 100_000;

/// Where there is no memory for them nothing can be counted, and each limit says what becomes of that.
fn own_counters() -> Arc<dyn Counters> {
    match Region::private(OWN_KEYS) {
        Ok(region) => Arc::new(region),
        Err(_) => Arc::new(Unreachable),
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("held_bytes", &self.held_bytes).finish_non_exhaustive()
    }
}

/// What all clones of a service share.
pub(crate) struct Shared {
    engine: ArcSwap<Engine>,
    pub(crate) budget: Arc<HoldBudget>,
    pub(crate) counters: Arc<dyn Counters>,
    observer: Arc<dyn Observer>,
    time: Arc<dyn Time>,
    nonces: Nonces,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        self.time.now()
    }

    pub(crate) fn engine(&self) -> Arc<Engine> {
        self.engine.load_full()
    }

    pub(crate) fn context(&self, connection: Connection) -> buckler_engine::Context {
        buckler_engine::Context { connection, now: self.now(), nonce: self.nonces.next() }
    }

    /// The answer where the engine broke down: 500, and never what was not judged.
    pub(crate) fn broken<R>(&self, version: Version) -> Response<AnswerBody<R>> {
        let context = self.context(Connection::LOCAL);
        let ended = self.engine().unread(Reason::InternalError, "the engine failed", &context);
        answer(self, ended, version)
    }

    /// A panicking observer loses its record, nothing else.
    pub(crate) fn observe(&self, record: Record) {
        let _caught = catch_unwind(AssertUnwindSafe(|| self.observer.record(record)));
    }
}

/// Puts a service behind the engine. Cheap to clone; all clones follow a reload.
#[derive(Debug, Clone)]
pub struct BucklerLayer {
    shared: Arc<Shared>,
}

impl BucklerLayer {
    /// A layer that tells nobody how exchanges end.
    pub fn new(engine: Engine) -> Self {
        Self::with(engine, Settings::default())
    }

    /// A layer with all it may be given.
    pub fn with(engine: Engine, settings: Settings) -> Self {
        let shared = Shared {
            engine: ArcSwap::from_pointee(engine),
            budget: Arc::new(HoldBudget::new(settings.held_bytes)),
            counters: settings.counters,
            observer: settings.observer,
            time: settings.time,
            nonces: Nonces::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Judges all requests from now on by another policy; those under way are finished under theirs. What was counted of
    /// the contract's usage ([`Engine::usage`]) is counted on.
    pub fn reload(&self, mut engine: Engine) {
        engine.inherit(&self.shared.engine());
        self.shared.engine.store(Arc::new(engine));
    }

    /// The answer to bytes that never became a request, written down like any refusal. For servers that see
    /// what their parser refuses; `detail` says what that is.
    pub fn unread(&self, reason: Reason, detail: &'static str, connection: Connection) -> Response<Bytes> {
        let context = self.shared.context(connection);
        let Ended { reply, mut record } = self.engine().unread(reason, detail, &context);
        let (response, body) = response(reply, Version::HTTP_11);
        record.bytes_out = body.len() as u64;
        self.shared.observe(record);
        response.map(|()| body)
    }

    /// The engine that judges now.
    pub fn engine(&self) -> Arc<Engine> {
        self.shared.engine.load_full()
    }
}

impl<S> Layer<S> for BucklerLayer {
    type Service = Buckler<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Buckler { shared: Arc::clone(&self.shared), inner, unready: None }
    }
}

/// A service behind the engine. Its calls never fail: what fails inside is answered for.
#[derive(Debug, Clone)]
pub struct Buckler<S> {
    shared: Arc<Shared>,
    inner: S,
    /// Why the inner service cannot take the next request, if it said so.
    unready: Option<Fault>,
}

/// What the engine found out about an admitted request, for the inner service: a request extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Admitted {
    /// The client, behind trusted proxies.
    pub peer: Peer,
    /// The scheme that the client used.
    pub scheme: Scheme,
    /// Of the policy that admitted ([`Engine::fingerprint`]).
    pub fingerprint: u64,
}

impl<S, B, R> Service<Request<B>> for Buckler<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Response = Response<AnswerBody<R>>;
    type Error = Infallible;
    type Future = ResponseFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.unready = ready!(self.inner.poll_ready(cx)).err().map(|error| Fault::of(&error.into()));
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = &self.shared;
        let context = shared.context(request.extensions().get().copied().unwrap_or(Connection::LOCAL));
        let engine = shared.engine.load_full();
        let opened = consult::open(&engine, &*shared.counters, &request, &context);
        let unready = self.unready.take();
        match opened {
            Opened::Now(opening) => proceed(shared, &mut self.inner, unready, request, opening),
            Opened::Later(later, consult) => {
                // The clone takes the place; the one that said it is ready serves this request.
                let clone = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, clone);
                let unheard = Unheard::new(consult, Arc::clone(shared));
                ResponseFuture::counting(Counting { later, unheard, request, inner, unready })
            }
            Opened::Broken => {
                let opening = consult::broken(&engine, &request, &context);
                proceed(shared, &mut self.inner, unready, request, opening)
            }
        }
    }
}

/// Goes on with what the engine has decided.
pub(crate) fn proceed<S, B, R>(
    shared: &Arc<Shared>,
    inner: &mut S,
    unready: Option<Fault>,
    request: Request<B>,
    opening: Opening,
) -> ResponseFuture<S, B, R>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    match opening {
        Opening::Answer(ended) => ResponseFuture::ready(answer(shared, *ended, request.version())),
        Opening::Admit(admission) => match unready {
            Some(fault) => {
                let (_, exchange) = admission.into_parts();
                let ended = exchange.fail(fault.into(), Traffic::default(), shared.now());
                ResponseFuture::ready(answer(shared, ended, request.version()))
            }
            None => admit(shared, inner, request, *admission),
        },
        // Cannot be: nothing is consulted twice. Undecided is refused.
        Opening::Consult(_) => ResponseFuture::ready(shared.broken(request.version())),
    }
}

fn admit<S, B, R>(
    shared: &Arc<Shared>,
    inner: &mut S,
    mut request: Request<B>,
    admission: Admission,
) -> ResponseFuture<S, B, R>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    apply(&admission.edits(), request.headers_mut());
    let admitted =
        Admitted { peer: admission.peer(), scheme: admission.scheme(), fingerprint: admission.fingerprint() };
    request.extensions_mut().insert(admitted);
    let (inspector, exchange) = admission.into_parts();
    let plan = inspector.plan();
    let mut waiting = Waiting::new(exchange, Arc::clone(shared), request.version());
    let judge = Judge::new(inspector, waiting.watch(), shared.budget.lease_to_expand(admitted.peer.into()));
    let (parts, body) = request.into_parts();
    match plan {
        BodyPlan::Stream => {
            let request = Request::from_parts(parts, RequestBody::stream(body, judge));
            match catch_unwind(AssertUnwindSafe(|| inner.call(request))) {
                Ok(future) => ResponseFuture::calling(future, waiting),
                Err(_panic) => ResponseFuture::answered(waiting.end(Err(Fault::Broken.into()))),
            }
        }
        BodyPlan::Hold => {
            // The clone takes the place; the one that said it is ready serves this request.
            let clone = inner.clone();
            let inner = std::mem::replace(inner, clone);
            let holding = Holding::new(body, judge, &shared.budget, admitted.peer.into());
            ResponseFuture::holding(holding, parts, inner, waiting)
        }
    }
}

/// Sends an answer of the engine's own and writes it down.
pub(crate) fn answer<R>(shared: &Shared, ended: Ended, version: Version) -> Response<AnswerBody<R>> {
    let Ended { reply, mut record } = ended;
    let (response, body) = response(reply, version);
    record.bytes_out = body.len() as u64;
    shared.observe(record);
    response.map(|()| AnswerBody::own(body, None))
}
