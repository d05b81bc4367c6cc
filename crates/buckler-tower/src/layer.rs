//! Layer and service.

use std::convert::Infallible;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arc_swap::ArcSwap;
use buckler_engine::{Admission, BodyPlan, Ended, Engine, Opening, Reason, Record, Timestamp, Traffic};
use buckler_http::connection::{Connection, Peer, Scheme};
use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::BoxError;
use crate::answer_body::AnswerBody;
use crate::fault::Fault;
use crate::future::{ResponseFuture, Waiting};
use crate::head::{apply, collect, response, target};
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
    /// Told of every exchange.
    pub observer: Arc<dyn Observer>,
    /// Tells the time.
    pub time: Arc<dyn Time>,
}

impl Default for Settings {
    fn default() -> Self {
        let observer: Arc<dyn Observer> = Arc::new(|_: Record| {});
        Self { held_bytes: DEFAULT_HELD_BYTES, observer, time: Arc::new(SystemTime) }
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
    budget: Arc<HoldBudget>,
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
        let target = target(request.uri(), request.version());
        let method = request.method().as_str();
        let opening = catch_unwind(AssertUnwindSafe(|| {
            let mut head =
                collect(method, target.as_bytes(), request.uri().authority(), request.version(), request.headers());
            // What is read as a body is judged as one, whatever the fields say.
            if !request.body().is_end_stream() {
                head.body_follows();
            }
            engine.open(&head, &context)
        }));
        match opening.unwrap_or_else(|_panic| engine.broken(method, target.as_bytes(), &context)) {
            Opening::Answer(ended) => ResponseFuture::ready(answer(shared, *ended, request.version())),
            Opening::Admit(admission) => match self.unready.take() {
                Some(fault) => {
                    let (_, exchange) = admission.into_parts();
                    let ended = exchange.fail(fault.into(), Traffic::default(), shared.now());
                    ResponseFuture::ready(answer(shared, ended, request.version()))
                }
                None => self.admit(request, *admission),
            },
        }
    }
}

impl<S> Buckler<S> {
    fn admit<B, R>(&mut self, mut request: Request<B>, admission: Admission) -> ResponseFuture<S, B, R>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        apply(&admission.edits(), request.headers_mut());
        let admitted = Admitted { peer: admission.peer(), scheme: admission.scheme() };
        request.extensions_mut().insert(admitted);
        let (inspector, exchange) = admission.into_parts();
        let plan = inspector.plan();
        let mut waiting = Waiting::new(exchange, Arc::clone(&self.shared), request.version());
        let judge = Judge::new(inspector, waiting.watch(), self.shared.budget.lease_to_expand(admitted.peer.into()));
        let (parts, body) = request.into_parts();
        match plan {
            BodyPlan::Stream => {
                let request = Request::from_parts(parts, RequestBody::stream(body, judge));
                match catch_unwind(AssertUnwindSafe(|| self.inner.call(request))) {
                    Ok(future) => ResponseFuture::calling(future, waiting),
                    Err(_panic) => ResponseFuture::answered(waiting.end(Err(Fault::Broken.into()))),
                }
            }
            BodyPlan::Hold => {
                // The clone takes the place; the one that said it is ready serves this request.
                let clone = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, clone);
                let holding = Holding::new(body, judge, &self.shared.budget, admitted.peer.into());
                ResponseFuture::holding(holding, parts, inner, waiting)
            }
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
