//! Between the engine and the store that counts limits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use buckler_engine::{Consult, Context, Engine, Opening};
use buckler_limits::batch::unavailable;
use buckler_limits::{Answers, Moment};
use buckler_store::{Counters, Later, Reach};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::BoxError;
use crate::fault::Fault;
use crate::future::ResponseFuture;
use crate::head::{collect, target};
use crate::layer::{Shared, proceed};
use crate::request_body::RequestBody;

/// What a request's head comes to.
pub(crate) enum Opened {
    /// It is decided.
    Now(Opening),
    /// It will be once these answers are there.
    Later(Later, Box<Consult>),
    /// Judging it broke down.
    Broken,
}

/// Judges a head, and counts its limits as far as that needs no waiting.
pub(crate) fn open<B: Body>(
    engine: &Arc<Engine>,
    counters: &dyn Counters,
    request: &Request<B>,
    context: &Context,
) -> Opened {
    let judged = with_head(request, |head| match engine.open(head, context) {
        Opening::Consult(consult) => match counters.count(consult.batch(), Moment(context.now.0)) {
            Reach::Now(answers) => Opened::Now(consult.resume(head, &answers, context.now)),
            Reach::Later(later) => Opened::Later(later, consult),
        },
        decided @ (Opening::Answer(_) | Opening::Admit(_)) => Opened::Now(decided),
    });
    judged.unwrap_or(Opened::Broken)
}

/// The ending of a request whose judging broke down.
pub(crate) fn broken<B>(engine: &Arc<Engine>, request: &Request<B>, context: &Context) -> Opening {
    engine.broken(request.method().as_str(), target(request.uri(), request.version()).as_bytes(), context)
}

/// `None` if the engine panics.
fn with_head<B: Body, T>(request: &Request<B>, judge: impl FnOnce(&buckler_http::head::Head<'_>) -> T) -> Option<T> {
    let target = target(request.uri(), request.version());
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let (uri, fields) = (request.uri(), request.headers());
        let method = request.method().as_str();
        let mut head = collect(method, target.as_bytes(), uri.authority(), request.version(), fields);
        // What is read as a body is judged as one, whatever the fields say.
        if !request.body().is_end_stream() {
            head.body_follows();
        }
        judge(&head)
    }));
    judged.ok()
}

/// A judgement that waits. Dropped before it goes on, it is written down as abandoned.
pub(crate) struct Unheard {
    consult: Option<Box<Consult>>,
    shared: Arc<Shared>,
}

impl Unheard {
    pub(crate) fn new(consult: Box<Consult>, shared: Arc<Shared>) -> Self {
        Self { consult: Some(consult), shared }
    }
}

impl Drop for Unheard {
    fn drop(&mut self) {
        if let Some(consult) = self.consult.take() {
            self.shared.observe(consult.abandon(self.shared.now()));
        }
    }
}

/// A request that waits for what a store says of its limits.
pub(crate) struct Counting<S, B> {
    pub(crate) later: Later,
    pub(crate) unheard: Unheard,
    pub(crate) request: Request<B>,
    pub(crate) inner: S,
    pub(crate) unready: Option<Fault>,
}

impl<S, B> Counting<S, B> {
    /// A store that panics has not answered.
    pub(crate) fn poll_answers(&mut self, cx: &mut TaskContext<'_>) -> Poll<Answers> {
        let polled = catch_unwind(AssertUnwindSafe(|| self.later.as_mut().poll(cx)));
        let batch = self.unheard.consult.as_deref().map(Consult::batch);
        polled.unwrap_or_else(|_panic| Poll::Ready(unavailable(batch.unwrap_or_default())))
    }

    pub(crate) fn resume<R>(self, answers: &Answers) -> ResponseFuture<S, B, R>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
        B: Body,
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        let Self { mut unheard, request, mut inner, unready, .. } = self;
        let (consult, shared) = (unheard.consult.take(), &unheard.shared);
        let version = request.version();
        let judged =
            consult.and_then(|consult| with_head(&request, |head| consult.resume(head, answers, shared.now())));
        match judged {
            Some(opening) => proceed(shared, &mut inner, unready, request, opening),
            None => ResponseFuture::ready(shared.broken(version)),
        }
    }
}
