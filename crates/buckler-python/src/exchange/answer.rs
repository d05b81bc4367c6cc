//! The app's answer on its way to the client.

use std::panic::{AssertUnwindSafe, catch_unwind};

use buckler_engine::answer::{AnswerBody, AnswerFields, AnswerPlan};
use buckler_engine::{Answering, Ended, Ending, Reason};
use http::{HeaderName, StatusCode};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::{Exchange, Over, State, Step, Trailers, both};
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
        let edited = self.edited(py, lines, &fields, &plan)?;
        match plan.body {
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
        let State::Waiting(judging) = self.take(Over::Replaced) else { return None };
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
            State::Answering { trailers, .. } => {
                let announced = *trailers;
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
            State::Waiting(_) | State::Open | State::Over(_) => Ok(self.otherwise()),
        }
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
