//! The request's body on its way to the app.

use std::panic::{AssertUnwindSafe, catch_unwind};

use buckler_engine::stage::Finding;
use buckler_engine::{BodyInspector, EditedField, Judged as Progress};
use buckler_tower::Fault;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyList, PyString, PyTuple};

use super::{Exchange, Over, State, now};
use crate::lines::{Lines, pair};
use crate::message::{get, payload, truth};

/// What judging takes beside a body for an ordinary document; no more than a server's own buffers, and not counted.
const USUAL_MEMORY: usize = 8 * 1024;

impl Exchange {
    /// See [`Exchange::judge`].
    pub(super) fn judge_request<'py>(
        &mut self,
        py: Python<'py>,
        message: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (piece, at, more) = match (message, self.judging.take()) {
            (None, Some((piece, at, more))) => (piece.into_bound(py), at, more),
            (None, None) => return Ok(None),
            (Some(message), _) => {
                let kind = message.get_item(intern!(py, "type"))?;
                let kind = kind.cast::<PyString>()?.to_str()?;
                match kind {
                    "http.request" => {}
                    "http.disconnect" | "websocket.disconnect" => {
                        self.left = true;
                        return Ok(None);
                    }
                    "websocket.receive" => {
                        self.bytes_in += payload(message)?;
                        return Ok(None);
                    }
                    _ => return Ok(None),
                }
                let body = match get(message, intern!(py, "body"))? {
                    Some(body) => match body.cast_into::<PyBytes>() {
                        Ok(body) => body,
                        Err(error) => PyBytes::new(py, &error.into_inner().extract::<Vec<u8>>()?),
                    },
                    None => PyBytes::new(py, b""),
                };
                (body, 0, truth(message, intern!(py, "more_body"))?)
            }
        };
        let progress = catch_unwind(AssertUnwindSafe(|| self.progress(piece.as_bytes(), at, more)));
        match progress {
            Ok(Ok(progress)) => {
                let inspector = self.inspector.as_ref();
                let expanding = inspector.map_or(0, BodyInspector::expanding_memory);
                let memory = inspector.map_or(0, BodyInspector::memory).saturating_sub(USUAL_MEMORY);
                if self.room.expand(self.host.budget(), expanding).is_err() {
                    if self.holds() {
                        return Ok(self.refused_for(py, Fault::Overloaded)?.map(Bound::into_any));
                    }
                    if let Some(inspector) = &mut self.inspector {
                        inspector.give_up();
                    }
                    self.room.stop_expanding();
                }
                if self.holds() {
                    let seen = usize::try_from(self.traffic().bytes_in).unwrap_or(usize::MAX);
                    if self.room.hold(self.host.budget(), seen.saturating_add(memory)).is_err() {
                        return Ok(self.refused_for(py, Fault::Overloaded)?.map(Bound::into_any));
                    }
                }
                match progress {
                    Progress::Whole => Ok(None),
                    Progress::Part(taken) => {
                        self.judging = Some((piece.unbind(), at + taken, more));
                        Ok(Some(PyBool::new(py, true).to_owned().into_any()))
                    }
                }
            }
            Ok(Err(finding)) => {
                let messages = match &mut self.state {
                    State::Waiting(_) => {
                        self.reply(py, Over::Refused, |judging, traffic| judging.refuse(finding, traffic, now()))?
                    }
                    State::Answering { answering, .. }
                    | State::Rewriting { answering, .. }
                    | State::Holding { answering, .. }
                    | State::Filtering { answering, .. } => {
                        answering.refuse(finding);
                        self.cut_off(Over::Refused);
                        None
                    }
                    State::Open | State::Over(_) => None,
                };
                Ok(Some(messages.unwrap_or_else(|| PyTuple::empty(py)).into_any()))
            }
            Err(_panic) => {
                let messages = self.refused_for(py, Fault::Broken)?;
                Ok(Some(messages.unwrap_or_else(|| PyTuple::empty(py)).into_any()))
            }
        }
    }

    fn progress(&mut self, piece: &[u8], at: usize, more: bool) -> Result<Progress, Box<Finding>> {
        let Some(inspector) = &mut self.inspector else { return Ok(Progress::Whole) };
        let rest = piece.get(at..).unwrap_or_default();
        // Behind the last piece it is the end that may have to be asked for again.
        if !rest.is_empty()
            && let Progress::Part(taken) = inspector.push(rest)?
        {
            return Ok(Progress::Part(taken));
        }
        if more {
            return Ok(Progress::Whole);
        }
        Ok(match inspector.finish()? {
            Progress::Whole => Progress::Whole,
            Progress::Part(_) => Progress::Part(rest.len()),
        })
    }

    /// See [`Exchange::edited_body`].
    pub(super) fn take_edited<'py>(&mut self, scope: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let Some(edited) = self.inspector.as_mut().and_then(BodyInspector::take_edited) else { return Ok(None) };
        let py = scope.py();
        let Some(lines) = scope.get_item(intern!(py, "headers"))? else { return Ok(None) };
        let lines = Lines::of(&lines)?.mended()?;
        let list = PyList::empty(py);
        let mut written = false;
        for (line, (name, _)) in lines.iter().zip(lines.texts().unwrap_or_default()) {
            match edited.field(name) {
                EditedField::Stays => list.append(line)?,
                EditedField::Becomes(value) if !written => {
                    written = true;
                    list.append(pair(py, name, value.as_bytes())?)?;
                }
                // A length that was told twice is told once.
                EditedField::Goes | EditedField::Becomes(_) => {}
            }
        }
        scope.set_item(intern!(py, "headers"), list)?;
        Ok(Some(PyBytes::new(py, edited.text())))
    }

    fn refused_for<'py>(&mut self, py: Python<'py>, fault: Fault) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let messages = self.reply(py, Over::Refused, |judging, traffic| judging.fail(fault.into(), traffic, now()))?;
        self.cut_off(Over::Refused);
        Ok(Some(messages.unwrap_or_else(|| PyTuple::empty(py))))
    }
}
