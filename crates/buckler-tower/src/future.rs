//! From the request to the response: hold the body if it must be held, call, judge the answer.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use buckler_engine::answer::AnswerBody as BodyAction;
use buckler_engine::{Exchange, Reason, Traffic};
use bytes::Bytes;
use http::{Request, Response, Version, request};
use http_body::Body;
use tower_service::Service;

use crate::BoxError;
use crate::answer_body::{AnswerBody, Closing, Pending};
use crate::consult::Counting;
use crate::fault::Fault;
use crate::head::speak_of;
use crate::held_answer::HeldAnswer;
use crate::judge::Watch;
use crate::layer::{Shared, answer};
use crate::request_body::{Holding, RequestBody};

/// An exchange that is not answered yet. Dropped before, it is written down as abandoned.
#[derive(Debug)]
pub(crate) struct Waiting {
    exchange: Option<Exchange>,
    shared: Arc<Shared>,
    watch: Arc<Watch>,
    version: Version,
}

impl Waiting {
    pub(crate) fn new(exchange: Exchange, shared: Arc<Shared>, version: Version) -> Self {
        Self { exchange: Some(exchange), shared, watch: Arc::default(), version }
    }

    pub(crate) fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch)
    }

    /// Ends with what the body's reader found, or else with what the inner service said.
    pub(crate) fn end<R>(&mut self, answered: Result<Response<R>, BoxError>) -> Answer<R>
    where
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        let watched = self.watch.take();
        let traffic = Traffic { bytes_in: watched.seen, bytes_out: 0 };
        // Taken once: `poll` is never called again behind a result.
        let Some(mut exchange) = self.exchange.take() else { return Answer::Ready(self.shared.broken(self.version)) };
        if let Some(inspector) = watched.inspector {
            exchange.learn(inspector);
        }
        let shared = Arc::clone(&self.shared);
        if let Some(finding) = watched.refused {
            let ended = exchange.refuse(finding, traffic, shared.now());
            return Answer::Ready(answer(&shared, ended, self.version));
        }
        let answered = match watched.fault {
            Some(fault) => Err(fault.into()),
            None => answered.map_err(|error| Reason::from(Fault::of(&error))),
        };
        match answered {
            Err(reason) => {
                let ended = exchange.fail(reason, traffic, shared.now());
                Answer::Ready(answer(&shared, ended, self.version))
            }
            Ok(response) => self.pass_on(exchange, response, traffic.bytes_in),
        }
    }

    fn pass_on<R>(&self, exchange: Exchange, response: Response<R>, bytes_in: u64) -> Answer<R>
    where
        R: Body<Data = Bytes>,
    {
        let (mut parts, body) = response.into_parts();
        let judged = catch_unwind(AssertUnwindSafe(|| exchange.answer(parts.status, &parts.headers)));
        let Ok((plan, answering)) = judged else { return Answer::Ready(self.shared.broken(self.version)) };
        parts.status = plan.status;
        for name in &plan.remove {
            parts.headers.remove(name);
        }
        parts.headers.reserve(plan.add.len());
        for (name, value) in plan.add {
            parts.headers.append(name, value);
        }
        let shared = Arc::clone(&self.shared);
        let pending = Pending { answering, shared, watch: Arc::clone(&self.watch), bytes_in };
        let body = match plan.body {
            BodyAction::Pass => AnswerBody::app(body, pending),
            BodyAction::Replace(bytes) => AnswerBody::own(bytes, Some(pending)),
            BodyAction::Rewrite(rewrite) => AnswerBody::rewritten(body, rewrite, pending),
            BodyAction::Filter => AnswerBody::filtered(body, pending),
            BodyAction::Hold(max) => return Answer::Held(HeldAnswer::new(body, parts, Closing::held(pending), max)),
        };
        Answer::Ready(Response::from_parts(parts, body))
    }
}

/// What an exchange was answered with.
pub(crate) enum Answer<R> {
    /// This.
    Ready(Response<AnswerBody<R>>),
    /// What is not to leave before it has been judged.
    Held(HeldAnswer<R>),
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(mut exchange) = self.exchange.take() else { return };
        let watched = self.watch.take();
        if let Some(inspector) = watched.inspector {
            exchange.learn(inspector);
        }
        let traffic = Traffic { bytes_in: watched.seen, bytes_out: 0 };
        self.shared.observe(exchange.abandon(traffic, self.shared.now()));
    }
}

pin_project_lite::pin_project! {
    /// The future of [`crate::Buckler`].
    pub struct ResponseFuture<S, B, R>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    {
        #[pin]
        state: State<S, B, S::Future, R>,
        waiting: Option<Waiting>,
        ready: Option<Response<AnswerBody<R>>>,
    }
}

pin_project_lite::pin_project! {
    #[project = StateProj]
    enum State<S, B, F, R> {
        Ready,
        Counting { counting: Option<Box<Counting<S, B>>> },
        Holding { #[pin] holding: Holding<B>, parts: Option<request::Parts>, inner: S },
        Calling { #[pin] future: F },
        Judging { #[pin] answer: HeldAnswer<R> },
    }
}

impl<S, B, R> std::fmt::Debug for ResponseFuture<S, B, R>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S, B, R> ResponseFuture<S, B, R>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
{
    pub(crate) fn ready(response: Response<AnswerBody<R>>) -> Self {
        Self { state: State::Ready, waiting: None, ready: Some(response) }
    }

    pub(crate) fn answered(answer: Answer<R>) -> Self {
        match answer {
            Answer::Ready(response) => Self::ready(response),
            Answer::Held(answer) => Self { state: State::Judging { answer }, waiting: None, ready: None },
        }
    }

    pub(crate) fn calling(future: S::Future, waiting: Waiting) -> Self {
        Self { state: State::Calling { future }, waiting: Some(waiting), ready: None }
    }

    pub(crate) fn holding(holding: Holding<B>, parts: request::Parts, inner: S, waiting: Waiting) -> Self {
        let state = State::Holding { holding, parts: Some(parts), inner };
        Self { state, waiting: Some(waiting), ready: None }
    }

    pub(crate) fn counting(counting: Counting<S, B>) -> Self {
        let state = State::Counting { counting: Some(Box::new(counting)) };
        Self { state, waiting: None, ready: None }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B, R>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<AnswerBody<R>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let answered = loop {
            let next = match this.state.as_mut().project() {
                StateProj::Ready => match this.ready.take() {
                    Some(response) => return Poll::Ready(Ok(response)),
                    None => return Poll::Pending,
                },
                StateProj::Counting { counting } => {
                    let Some(waits) = counting.as_mut() else { return Poll::Pending };
                    let answers = ready!(waits.poll_answers(cx));
                    let Some(waited) = counting.take() else { return Poll::Pending };
                    let next = (*waited).resume(&answers);
                    (*this.waiting, *this.ready) = (next.waiting, next.ready);
                    this.state.set(next.state);
                    continue;
                }
                // A panic of the app is its 500; it is never polled again.
                StateProj::Calling { future } => match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
                    Ok(answered) => break ready!(answered).map_err(Into::into),
                    Err(_panic) => break Err(Fault::Broken.into()),
                },
                StateProj::Judging { answer } => return answer.poll_judged(cx).map(Ok),
                StateProj::Holding { holding, parts, inner } => match (ready!(holding.poll_held(cx)), parts.take()) {
                    (Ok((body, edited)), Some(mut parts)) => {
                        if let Some(edited) = edited {
                            speak_of(&edited, &mut parts.headers);
                        }
                        let request = Request::from_parts(parts, body);
                        match catch_unwind(AssertUnwindSafe(|| inner.call(request))) {
                            Ok(future) => future,
                            Err(_panic) => break Err(Fault::Broken.into()),
                        }
                    }
                    (Ok(_), None) => return Poll::Pending,
                    (Err(error), _) => break Err(error),
                },
            };
            this.state.set(State::Calling { future: next });
        };
        let Some(mut waiting) = this.waiting.take() else { return Poll::Pending };
        // Whatever still reads the request's body is stopped before the client is answered.
        if answered.is_err() {
            this.state.set(State::Ready);
        }
        match waiting.end(answered) {
            Answer::Ready(response) => Poll::Ready(Ok(response)),
            Answer::Held(answer) => {
                this.state.set(State::Judging { answer });
                match this.state.as_mut().project() {
                    StateProj::Judging { answer } => answer.poll_judged(cx).map(Ok),
                    StateProj::Ready
                    | StateProj::Counting { .. }
                    | StateProj::Calling { .. }
                    | StateProj::Holding { .. } => Poll::Pending,
                }
            }
        }
    }
}
