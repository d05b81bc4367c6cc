//! The app's answer on its way to the client.

use std::panic::{AssertUnwindSafe, catch_unwind};

use buckler_engine::answer::{AnswerBody, AnswerFields, AnswerPlan, Changed};
use buckler_engine::{Answering, Ended, Ending, Reason, Unreadable};
use bytes::Bytes;
use http::{HeaderName, StatusCode};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use super::{Exchange, Held, Over, State, Step, Trailers, both};
use crate::lines::{self, Lines, Made, Text};
use crate::message::{self, copy, get, payload, truth, with_bytes};

impl Exchange {
    pub(super) fn started<'py>(&mut self, message: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        // A second start is the server's to complain about.
        if !matches!(self.state, State::Waiting(_)) {
            return Ok(self.otherwise());
        }
        let py = message.py();
        let status = message.get_item(intern!(py, "status"))?.extract::<u16>()?;
        let status = StatusCode::from_u16(status).map_err(|_| PyTypeError::new_err("the status is none of HTTP"))?;
        let lines = lines_of(message)?;
        let mended;
        let (lines, fields) = if let Some(fields) = lines.texts() {
            (&lines, fields)
        } else {
            mended = lines.mended()?;
            (&mended, mended.texts().unwrap_or_default())
        };
        if fields.iter().any(|(name, value)| splits(name) || splits(value)) {
            // Some servers write it as it stands, and the client reads two answers (CWE-113).
            return Ok(both(self.fail(py, Reason::InternalError)?.as_ref()));
        }
        let Some((plan, answering)) = self.judge_answer(status, &fields) else {
            return Ok(both(self.broken(py)?.as_ref()));
        };
        let trailers = if truth(message, intern!(py, "trailers"))? { Trailers::Announced } else { Trailers::None };
        let start = copy(message)?;
        if plan.status != status {
            start.set_item(intern!(py, "status"), plan.status.as_u16())?;
        }
        let edited = self.edited(py, lines, &fields, &plan)?;
        match plan.body {
            AnswerBody::Hold(max) => {
                start.set_item(intern!(py, "headers"), edited)?;
                let held = Held { start: start.unbind(), trailers, kept: Vec::new(), max };
                self.state = State::Holding { answering, held };
                Ok(Step::Swallow)
            }
            AnswerBody::Filter => {
                start.set_item(intern!(py, "headers"), edited)?;
                self.state = State::Filtering { answering, trailers };
                Ok(Step::Send(start))
            }
            AnswerBody::Pass => {
                start.set_item(intern!(py, "headers"), edited)?;
                self.state = State::Answering { answering, trailers };
                Ok(Step::Send(start))
            }
            AnswerBody::Replace(bytes) => {
                // Nobody gets a body, and so no length of it, by `HEAD` (RFC 9110 §9.3.2).
                let is_bodiless = answering.is_bodiless();
                if !is_bodiless {
                    edited.append(lines::length(py, bytes.len())?)?;
                }
                start.set_item(intern!(py, "headers"), edited)?;
                start.set_item(intern!(py, "trailers"), false)?;
                let bytes = if is_bodiless { &[][..] } else { &bytes[..] };
                self.bytes_out = bytes.len() as u64;
                self.close(answering, Ending::Complete);
                self.state = State::Over(Over::Replaced);
                Ok(Step::Both(start, message::body(py, self.kind, bytes)?))
            }
            AnswerBody::Rewrite(rewrite) => {
                start.set_item(intern!(py, "headers"), edited)?;
                start.set_item(intern!(py, "trailers"), false)?;
                let start = start.unbind();
                self.state = State::Rewriting { answering, rewrite, start, kept: Vec::new(), overflow: false };
                Ok(Step::Swallow)
            }
        }
    }

    fn judge_answer(&mut self, status: StatusCode, fields: &[Text<'_>]) -> Option<(AnswerPlan, Answering)> {
        let State::Waiting(mut judging) = self.take(Over::Replaced) else { return None };
        self.learn_limits(&mut judging);
        catch_unwind(AssertUnwindSafe(|| judging.answer(status, &Fields(fields)))).ok()
    }

    /// The app's fields without what goes, and ours behind them.
    fn edited<'py>(
        &self,
        py: Python<'py>,
        lines: &Lines<'py>,
        fields: &[Text<'_>],
        plan: &AnswerPlan,
    ) -> PyResult<Bound<'py, PyList>> {
        let stays = |name: &[u8]| !plan.remove.iter().any(|gone| name.eq_ignore_ascii_case(gone.as_str().as_bytes()));
        let kept = lines.iter().zip(fields).filter(|(_, (name, _))| stays(name));
        let mut edited: Made<'_> = kept.map(|(line, _)| line.clone()).collect();
        self.host.judge().ready.lines(py, &plan.add, &mut edited)?;
        PyList::new(py, edited)
    }

    /// The answer where the engine broke down over the app's: 500, and never what was not judged.
    fn broken<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.state = State::Over(Over::Replaced);
        let Ended { reply, record } = self.host.unread();
        self.host.records().take(record);
        message::reply(py, &self.host.judge().ready, self.kind, &reply, &self.method, self.version).map(Some)
    }

    pub(super) fn sent<'py>(&mut self, message: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = message.py();
        let more = truth(message, intern!(py, "more_body"))?;
        match &mut self.state {
            State::Answering { trailers, answering } => {
                let announced = *trailers;
                if answering.watches()
                    && let Some(body) = get(message, intern!(py, "body"))?
                {
                    with_bytes(&body, |piece| answering.saw(piece))?;
                }
                self.bytes_out += payload(message)?;
                self.complete_unless(more || announced == Trailers::Announced);
                Ok(Step::Pass)
            }
            State::Rewriting { rewrite, kept, overflow, .. } => {
                if let Some(body) = get(message, intern!(py, "body"))? {
                    with_bytes(&body, |piece| {
                        if kept.len() + piece.len() > rewrite.max_bytes() {
                            *overflow = true;
                        }
                        if !*overflow {
                            kept.extend_from_slice(piece);
                        }
                    })?;
                }
                if more { Ok(Step::Swallow) } else { self.rewritten(py) }
            }
            State::Holding { held, .. } => {
                let body = get(message, intern!(py, "body"))?;
                let mut is_long = false;
                if let Some(body) = body {
                    with_bytes(&body, |piece| {
                        is_long = held.kept.len() + piece.len() > held.max;
                        if !is_long {
                            held.kept.extend_from_slice(piece);
                        }
                    })?;
                }
                match (is_long, more) {
                    (true, _) => self.judged(py, Extent::Beyond),
                    (false, true) => Ok(Step::Swallow),
                    (false, false) => self.judged(py, Extent::Whole),
                }
            }
            State::Filtering { .. } => self.filtered(message, more),
            State::Waiting(_) | State::Open | State::Over(_) => Ok(self.otherwise()),
        }
    }

    /// A file that the server sends by itself, of which nothing is seen here. It lies ready as it is: nobody makes one
    /// of a model by mistake.
    pub(super) fn file<'py>(&mut self, message: &Bound<'py, PyAny>, more: bool) -> PyResult<Option<Step<'py>>> {
        let py = message.py();
        match self.take(Over::Replaced) {
            State::Holding { answering, held } if !held.kept.is_empty() => {
                self.state = State::Holding { answering, held };
                self.judged(py, Extent::Beyond).map(Some)
            }
            State::Holding { mut answering, held } => {
                answering.pass_unjudged();
                self.state = State::Answering { answering, trailers: held.trailers };
                self.complete_unless(more || held.trailers == Trailers::Announced);
                Ok(Some(Step::Both(held.start.into_bound(py), copy(message)?)))
            }
            State::Filtering { mut answering, trailers } => {
                answering.pass_unjudged();
                self.state = State::Answering { answering, trailers };
                Ok(None)
            }
            state => {
                self.state = state;
                Ok(None)
            }
        }
    }

    /// What an answer becomes that was held.
    fn judged<'py>(&mut self, py: Python<'py>, extent: Extent) -> PyResult<Step<'py>> {
        let State::Holding { mut answering, held } = self.take(Over::Replaced) else { return Ok(Step::Swallow) };
        let Held { start, trailers, kept, .. } = held;
        let start = start.into_bound(py);
        let whole = (extent == Extent::Whole).then_some(&kept[..]);
        let Ok(changed) = catch_unwind(AssertUnwindSafe(|| answering.judge(whole))) else {
            self.close(answering, Ending::CutOff);
            return Ok(both(self.broken(py)?.as_ref()));
        };
        if let Some(changed) = changed {
            return self.changed(answering, &start, &changed);
        }
        self.bytes_out = kept.len() as u64;
        let body = message::body(py, self.kind, &kept)?;
        if trailers == Trailers::Announced {
            self.state = State::Answering { answering, trailers };
        } else {
            self.close(answering, Ending::Complete);
            self.state = State::Over(Over::Answered);
        }
        Ok(Step::Both(start, body))
    }

    /// What goes out in place of an answer that was held.
    pub(super) fn changed<'py>(
        &mut self,
        answering: Answering,
        start: &Bound<'py, PyDict>,
        changed: &Changed,
    ) -> PyResult<Step<'py>> {
        let py = start.py();
        start.set_item(intern!(py, "status"), changed.status.as_u16())?;
        start.set_item(intern!(py, "trailers"), false)?;
        if let Some(list) = start.get_item(intern!(py, "headers"))? {
            let goes =
                |name: &[u8]| changed.remove.iter().any(|gone| name.eq_ignore_ascii_case(gone.as_str().as_bytes()));
            let lines = Lines::of(&list)?;
            let texts = lines.texts().unwrap_or_default();
            let kept = lines.iter().zip(&texts).filter(|(_, (name, _))| !goes(name));
            let mut edited: Made<'_> = kept.map(|(line, _)| line.clone()).collect();
            self.host.judge().ready.lines(py, &changed.add, &mut edited)?;
            let edited = PyList::new(py, edited)?;
            edited.append(lines::length(py, changed.body.len())?)?;
            start.set_item(intern!(py, "headers"), edited)?;
        }
        self.bytes_out = changed.body.len() as u64;
        self.close(answering, Ending::Complete);
        Ok(Step::Both(start.clone(), message::body(py, self.kind, &changed.body)?))
    }

    /// What stays of a piece of an answer.
    fn filtered<'py>(&mut self, message: &Bound<'py, PyAny>, more: bool) -> PyResult<Step<'py>> {
        let py = message.py();
        let State::Filtering { mut answering, trailers } = self.take(Over::Replaced) else { return Ok(Step::Swallow) };
        let mut out = Vec::new();
        let mut read = Ok(());
        if let Some(body) = get(message, intern!(py, "body"))? {
            with_bytes(&body, |piece| read = judge(|| answering.filter(piece)).map(|bytes| out.extend(bytes)))?;
        }
        if read.is_ok() && !more {
            read = judge(|| answering.filter_end()).map(|bytes| out.extend(bytes));
        }
        if let Err(unreadable) = read {
            // The server ends the connection for an app that raises: so the client sees that it is not whole.
            self.close(answering, Ending::CutOff);
            return Err(PyRuntimeError::new_err(unreadable.to_string()));
        }
        self.bytes_out += out.len() as u64;
        let edited = copy(message)?;
        edited.set_item(intern!(py, "body"), PyBytes::new(py, &out))?;
        if more {
            self.state = State::Filtering { answering, trailers };
        } else {
            self.state = State::Answering { answering, trailers };
            self.complete_unless(trailers == Trailers::Announced);
        }
        Ok(Step::Send(edited))
    }

    /// The server sends a file by itself: an ordinary answer is whole with that, one to be rewritten cannot be read.
    pub(super) fn ended_elsewhere<'py>(&mut self, py: Python<'py>) -> PyResult<Step<'py>> {
        if let State::Rewriting { overflow, .. } = &mut self.state {
            *overflow = true;
            return self.rewritten(py);
        }
        let step = self.otherwise();
        self.complete_unless(false);
        Ok(step)
    }

    fn rewritten<'py>(&mut self, py: Python<'py>) -> PyResult<Step<'py>> {
        let State::Rewriting { answering, rewrite, start, kept, overflow } = self.take(Over::Replaced) else {
            return Ok(Step::Swallow);
        };
        let bytes =
            catch_unwind(AssertUnwindSafe(|| rewrite.apply((!overflow).then_some(&kept[..])))).unwrap_or_default();
        let start = start.into_bound(py);
        let is_bodiless = answering.is_bodiless();
        if !is_bodiless
            && let Some(list) = start.get_item(intern!(py, "headers"))?
            && let Ok(list) = list.cast::<PyList>()
        {
            list.append(lines::length(py, bytes.len())?)?;
        }
        let bytes = if is_bodiless { &[][..] } else { &bytes[..] };
        self.bytes_out = bytes.len() as u64;
        self.close(answering, Ending::Complete);
        Ok(Step::Both(start, message::body(py, self.kind, bytes)?))
    }

    pub(super) fn complete_unless(&mut self, more: bool) {
        if !more
            && matches!(self.state, State::Answering { .. })
            && let State::Answering { answering, .. } = self.take(Over::Answered)
        {
            self.close(answering, Ending::Complete);
        }
    }

    pub(super) fn accepted<'py>(&mut self, message: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        if !matches!(self.state, State::Waiting(_)) {
            return Ok(self.otherwise());
        }
        let py = message.py();
        let lines = lines_of(message)?;
        let mended;
        let (lines, fields) = if let Some(fields) = lines.texts() {
            (&lines, fields)
        } else {
            mended = lines.mended()?;
            (&mended, mended.texts().unwrap_or_default())
        };
        if fields.iter().any(|(name, value)| splits(name) || splits(value)) {
            return Err(PyRuntimeError::new_err("a header field of `websocket.accept` has a line end in it"));
        }
        let Some((plan, answering)) = self.judge_answer(StatusCode::SWITCHING_PROTOCOLS, &fields) else {
            return Err(PyRuntimeError::new_err("the engine failed over the handshake"));
        };
        let accept = copy(message)?;
        accept.set_item(intern!(py, "headers"), self.edited(py, lines, &fields, &plan)?)?;
        self.close(answering, Ending::Complete);
        self.state = State::Open;
        Ok(Step::Send(accept))
    }

    /// Closed before it was accepted: the server makes a 403 of it, without fields of ours.
    pub(super) fn declined(&mut self) -> Step<'static> {
        if matches!(self.state, State::Waiting(_)) {
            if let Some((_, answering)) = self.judge_answer(StatusCode::FORBIDDEN, &[]) {
                self.close(answering, Ending::Complete);
            }
            self.state = State::Over(Over::Answered);
        }
        self.otherwise()
    }
}

/// Whether all of a body was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Beyond,
}

/// A panic of the engine ends an answer as what cannot be read does.
fn judge(judge: impl FnOnce() -> Result<Bytes, Unreadable>) -> Result<Bytes, Unreadable> {
    catch_unwind(AssertUnwindSafe(judge)).unwrap_or(Err(Unreadable))
}

fn lines_of<'py>(message: &Bound<'py, PyAny>) -> PyResult<Lines<'py>> {
    match get(message, intern!(message.py(), "headers"))? {
        Some(lines) if !lines.is_none() => Lines::of(&lines),
        _ => Ok(Lines::none()),
    }
}

/// Whether a byte ends the line where it stands, for some reader.
fn splits(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// The app's fields, as the engine looks at them.
struct Fields<'a>(&'a [Text<'a>]);

impl AnswerFields for Fields<'_> {
    fn first(&self, name: &HeaderName) -> Option<&[u8]> {
        let name = name.as_str().as_bytes();
        self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}
