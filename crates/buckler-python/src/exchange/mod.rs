//! One exchange between its admission and its record: the `send` that the app is given, and the judge of what it
//! receives.

mod answer;
mod request;
mod room;

use std::sync::Arc;

use buckler_engine::answer::Rewrite;
use buckler_engine::{
    Answering, BodyInspector, BodyPlan, Ended, Ending, Exchange as Judging, Reason, Timestamp, Traffic,
};
use buckler_http::head::Version;
use buckler_tower::{SystemTime, Time as _};
use http::Method;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

pub(crate) use room::Room;

use crate::engine::Host;
use crate::message::{self, Done, Kind, payload, truth};
use crate::scope::Judged;

/// How far the answer is.
#[derive(Debug)]
enum State {
    /// Nothing was sent.
    Waiting(Judging),
    /// The app's answer is on its way.
    Answering { answering: Answering, trailers: Trailers },
    /// A 422 of the app: nothing of it was sent, since its echo of the input is taken out first.
    Rewriting { answering: Answering, rewrite: Rewrite, start: Py<PyDict>, kept: Vec<u8>, overflow: bool },
    /// An answer that nothing was sent of, since it is judged first.
    Holding { answering: Answering, held: Held },
    /// An answer that is edited on its way.
    Filtering { answering: Answering, trailers: Trailers },
    /// A WebSocket is open: its messages pass.
    Open,
    /// Answered by the engine, or over: whatever else the app says reaches nobody.
    Over(Over),
}

/// What is kept of an answer.
#[derive(Debug)]
struct Held {
    start: Py<PyDict>,
    trailers: Trailers,
    kept: Vec<u8>,
    max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trailers {
    Announced,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// The app's answer, whole.
    Answered,
    /// What is broken in the app goes nowhere.
    Replaced,
    /// The body of the request was refused: what the app makes of its end is nobody's fault.
    Refused,
}

/// What the app's message becomes.
enum Step<'py> {
    Pass,
    Send(Bound<'py, PyDict>),
    Both(Bound<'py, PyDict>, Bound<'py, PyDict>),
    Swallow,
}

/// One admitted exchange. Called with a message of the app, it is the app's `send`.
#[pyclass(module = "buckler._buckler")]
pub(crate) struct Exchange {
    host: Arc<Host>,
    /// What the app has been told of it, and what the app has counted it by.
    judged: Py<Judged>,
    send: Option<Py<PyAny>>,
    kind: Kind,
    version: Version,
    method: Method,
    state: State,
    inspector: Option<BodyInspector>,
    /// A piece that is judged in parts, and how far.
    judging: Option<(Py<PyBytes>, usize, bool)>,
    room: Room,
    bytes_in: u64,
    bytes_out: u64,
    left: bool,
}

/// What opens an exchange.
pub(crate) struct Opened {
    pub(crate) judged: Py<Judged>,
    pub(crate) judging: Judging,
    pub(crate) inspector: BodyInspector,
    pub(crate) kind: Kind,
    pub(crate) version: Version,
    pub(crate) method: Method,
    pub(crate) room: Room,
}

impl Exchange {
    pub(crate) fn new(host: Arc<Host>, send: Py<PyAny>, opened: Opened) -> Self {
        let Opened { judged, judging, inspector, kind, version, method, room } = opened;
        Self {
            host,
            judged,
            send: Some(send),
            kind,
            version,
            method,
            state: State::Waiting(judging),
            inspector: Some(inspector),
            judging: None,
            room,
            bytes_in: 0,
            bytes_out: 0,
            left: false,
        }
    }

    fn traffic(&self) -> Traffic {
        let seen = self.inspector.as_ref().map_or(0, BodyInspector::seen);
        Traffic { bytes_in: self.bytes_in.max(seen), bytes_out: self.bytes_out }
    }

    fn take(&mut self, over: Over) -> State {
        std::mem::replace(&mut self.state, State::Over(over))
    }

    /// What the inspector wrote down, for the record.
    fn inspected(&mut self) -> Option<BodyInspector> {
        let inspector = self.inspector.take();
        self.bytes_in = self.bytes_in.max(inspector.as_ref().map_or(0, BodyInspector::seen));
        self.room.give_back();
        inspector
    }

    /// What the app has counted it by, for the answer and the record.
    fn learn_limits(&self, judging: &mut Judging) {
        for ruling in self.judged.get().take_rulings() {
            judging.learn_limits(ruling);
        }
    }

    fn close(&mut self, mut answering: Answering, ending: Ending) {
        if let Some(inspector) = self.inspected() {
            answering.learn(inspector);
        }
        let record = answering.close(ending, self.traffic(), now());
        self.host.records().take(record);
    }

    /// Ends an exchange that nobody has answered in an answer of the engine's own.
    fn reply<'py>(
        &mut self,
        py: Python<'py>,
        over: Over,
        end: impl FnOnce(Judging, Traffic) -> Ended,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let State::Waiting(mut judging) = self.take(over) else { return Ok(None) };
        if let Some(inspector) = self.inspected() {
            judging.learn(inspector);
        }
        self.learn_limits(&mut judging);
        let Ended { reply, mut record } = end(judging, self.traffic());
        let messages = message::reply(py, &self.host.judge().ready, self.kind, &reply, &self.method, self.version);
        record.bytes_out = reply.body.len() as u64;
        self.host.records().take(record);
        messages.map(Some)
    }

    fn fail<'py>(&mut self, py: Python<'py>, reason: Reason) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.reply(py, Over::Replaced, |judging, traffic| judging.fail(reason, traffic, now()))
    }

    fn step<'py>(&mut self, message: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = message.py();
        let kind = message.get_item(intern!(py, "type"))?.cast_into::<PyString>()?;
        match kind.to_str()? {
            "http.response.start" | "websocket.http.response.start" => self.started(message),
            "http.response.body" | "websocket.http.response.body" => self.sent(message),
            "http.response.zerocopysend" => match self.file(message, truth(message, intern!(py, "more_body"))?)? {
                Some(step) => Ok(step),
                None => self.sent(message),
            },
            "http.response.pathsend" => match self.file(message, false)? {
                Some(step) => Ok(step),
                None => self.ended_elsewhere(py),
            },
            "http.response.trailers" => {
                let more = truth(message, intern!(py, "more_trailers"))?;
                if matches!(self.state, State::Answering { .. }) {
                    self.complete_unless(more);
                    return Ok(Step::Pass);
                }
                Ok(self.otherwise())
            }
            "websocket.accept" => self.accepted(message),
            "websocket.close" => Ok(self.declined()),
            "websocket.send" => {
                self.bytes_out += payload(message)?;
                Ok(self.otherwise())
            }
            // Early hints, pushes, what test clients ask for: not the answer.
            _ => Ok(self.otherwise()),
        }
    }

    /// What is no answer passes while there is somebody to hear it.
    fn otherwise(&self) -> Step<'static> {
        match self.state {
            State::Over(Over::Replaced | Over::Refused) => Step::Swallow,
            State::Over(Over::Answered)
            | State::Waiting(_)
            | State::Answering { .. }
            | State::Rewriting { .. }
            | State::Holding { .. }
            | State::Filtering { .. }
            | State::Open => Step::Pass,
        }
    }
}

#[pymethods]
impl Exchange {
    /// Takes a message of the app: gives what the server's `send` gives for what it became.
    fn __call__<'py>(slf: &Bound<'py, Self>, message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let (step, send) = {
            let mut this = slf.try_borrow_mut()?;
            let step = this.step(message)?;
            (step, this.send.as_ref().map(|send| send.clone_ref(py)))
        };
        match (step, send) {
            (Step::Pass, Some(send)) => send.into_bound(py).call1((message,)),
            (Step::Send(message), Some(send)) => send.into_bound(py).call1((message,)),
            (Step::Both(start, body), Some(send)) => both_of(py)?.call1((send, start, body)),
            (Step::Swallow, _) | (_, None) => Ok(Bound::new(py, Done)?.into_any()),
        }
    }

    /// Whether the body is kept until its end has passed, so that the app never sees a refused one.
    #[getter]
    fn holds(&self) -> bool {
        self.inspector.as_ref().is_some_and(|inspector| inspector.plan() == BodyPlan::Hold)
    }

    /// Whether nothing of an answer was sent.
    #[getter]
    fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    /// Whether there is nothing left to send.
    #[getter]
    fn is_over(&self) -> bool {
        matches!(self.state, State::Over(_) | State::Open)
    }

    /// Whether the exchange ended because the request's body was refused.
    #[getter]
    fn is_refused(&self) -> bool {
        matches!(self.state, State::Over(Over::Refused))
    }

    /// Judges a message that the server gave, or goes on with it where it is `None`. Gives `None` if it may pass,
    /// `True` to be asked again once others have had their turn, or the two messages that answer the client in place of
    /// the app; they are none if the app's answer has begun.
    fn judge<'py>(
        &mut self,
        py: Python<'py>,
        message: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.judge_request(py, message)
    }

    /// The body that the app is to get in place of the one that came, once all of it has passed; the fields of the scope
    /// then speak of this one. `None` where it is the one that came.
    fn edited_body<'py>(&mut self, scope: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.take_edited(scope)
    }

    /// The two messages that answer for an app that raised or did not answer; none if its answer has begun.
    fn failed<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        if self.left && matches!(self.state, State::Waiting(_)) {
            self.abandon();
        }
        if matches!(self.state, State::Rewriting { .. })
            && let Step::Both(start, body) = self.ended_elsewhere(py)?
        {
            return PyTuple::new(py, [start, body]);
        }
        if matches!(self.state, State::Holding { .. })
            && let State::Holding { mut answering, held } = self.take(Over::Replaced)
        {
            let changed = answering.fail();
            if let Step::Both(start, body) = self.changed(answering, held.start.bind(py), &changed)? {
                return PyTuple::new(py, [start, body]);
            }
        }
        let messages = self.fail(py, Reason::InternalError)?;
        self.cut_off(Over::Replaced);
        Ok(messages.unwrap_or_else(|| PyTuple::empty(py)))
    }

    /// From here on another `send` leads to the client: whoever gave the one so far is gone.
    fn send_by(&mut self, send: Py<PyAny>) {
        self.send = Some(send);
    }

    /// Ends it without an answer: the client is gone, or the server stops.
    fn abandon(&mut self) {
        match self.take(Over::Replaced) {
            State::Waiting(mut judging) => {
                if let Some(inspector) = self.inspected() {
                    judging.learn(inspector);
                }
                self.learn_limits(&mut judging);
                let record = judging.abandon(self.traffic(), now());
                self.host.records().take(record);
            }
            state => {
                self.state = state;
                self.cut_off(Over::Replaced);
            }
        }
    }

    /// Lets go of the server's `send`, which may hold the scope, which may hold what the app keeps.
    fn release(&mut self) {
        self.abandon_unless_over();
        self.send = None;
        self.judging = None;
    }
}

impl Exchange {
    fn abandon_unless_over(&mut self) {
        if !self.is_over() {
            self.abandon();
        }
    }

    /// Ends an answer that has begun and will not come to its end.
    fn cut_off(&mut self, over: Over) {
        match self.take(over) {
            State::Answering { answering, .. }
            | State::Rewriting { answering, .. }
            | State::Holding { answering, .. }
            | State::Filtering { answering, .. } => {
                self.close(answering, Ending::CutOff);
            }
            state @ (State::Waiting(_) | State::Open | State::Over(_)) => self.state = state,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.abandon_unless_over();
    }
}

fn now() -> Timestamp {
    SystemTime.now()
}

fn both<'py>(messages: Option<&Bound<'py, PyTuple>>) -> Step<'py> {
    let part = |at| messages?.get_item(at).ok()?.cast_into::<PyDict>().ok();
    match (part(0), part(1)) {
        (Some(start), Some(body)) => Step::Both(start, body),
        _ => Step::Swallow,
    }
}

/// Python's side awaits one message, then the other.
fn both_of(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static BOTH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    BOTH.import(py, "buckler.middleware", "send_both")
}
