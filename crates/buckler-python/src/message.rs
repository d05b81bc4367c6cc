//! ASGI messages: built, read and copied.

use buckler_engine::{AfterReply, Reply};
use buckler_http::head::Version;
use http::{Method, StatusCode};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::lines::{Made, Ready, length, pair};

/// What kind of answer the exchange is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `http.response.*`
    Http,
    /// `websocket.http.response.*`: a handshake that is answered like a request.
    Denial,
}

impl Kind {
    fn start(self, py: Python<'_>) -> &Bound<'_, PyString> {
        match self {
            Self::Http => intern!(py, "http.response.start"),
            Self::Denial => intern!(py, "websocket.http.response.start"),
        }
    }

    fn body(self, py: Python<'_>) -> &Bound<'_, PyString> {
        match self {
            Self::Http => intern!(py, "http.response.body"),
            Self::Denial => intern!(py, "websocket.http.response.body"),
        }
    }
}

/// An awaitable that is over at once: what a message that goes nowhere is answered with.
#[pyclass(frozen, module = "buckler._buckler")]
#[derive(Debug)]
pub(crate) struct Done;

#[pymethods]
impl Done {
    fn __await__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[expect(clippy::unused_self, reason = "the protocol of iterators asks for it")]
    fn __next__(&self) -> Option<()> {
        None
    }
}

/// The start of an answer.
pub(crate) fn start<'py>(
    py: Python<'py>,
    kind: Kind,
    status: StatusCode,
    fields: Bound<'py, PyList>,
) -> PyResult<Bound<'py, PyDict>> {
    let message = PyDict::new(py);
    message.set_item(intern!(py, "type"), kind.start(py))?;
    message.set_item(intern!(py, "status"), status.as_u16())?;
    message.set_item(intern!(py, "headers"), fields)?;
    Ok(message)
}

/// The whole body of an answer.
pub(crate) fn body<'py>(py: Python<'py>, kind: Kind, bytes: &[u8]) -> PyResult<Bound<'py, PyDict>> {
    let message = PyDict::new(py);
    message.set_item(intern!(py, "type"), kind.body(py))?;
    message.set_item(intern!(py, "body"), PyBytes::new(py, bytes))?;
    Ok(message)
}

/// An answer of the engine's own as the two messages that send it.
pub(crate) fn reply<'py>(
    py: Python<'py>,
    ready: &Ready,
    kind: Kind,
    reply: &Reply,
    method: &Method,
    version: Version,
) -> PyResult<Bound<'py, PyTuple>> {
    let mut lines = Made::new();
    ready.lines(py, &reply.fields, &mut lines)?;
    // Nobody knows here how long the body is that `HEAD` does not get (RFC 9110 §9.3.2), and 204 has none (§8.6).
    if *method != Method::HEAD && reply.status != StatusCode::NO_CONTENT {
        lines.push(length(py, reply.body.len())?.into_any());
    }
    // HTTP/2 has no such field and closes streams, not connections (RFC 9113 §8.2.2).
    if reply.connection == AfterReply::Close && version != Version::Http2 {
        lines.push(pair(py, b"connection", b"close")?.into_any());
    }
    let fields = PyList::new(py, lines)?;
    PyTuple::new(py, [start(py, kind, reply.status, fields)?, body(py, kind, &reply.body)?])
}

/// A value of a message, which may be any mapping.
pub(crate) fn get<'py>(message: &Bound<'py, PyAny>, key: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
    match message.cast::<PyDict>() {
        Ok(message) => message.get_item(key),
        Err(_) if message.contains(key)? => message.get_item(key).map(Some),
        Err(_) => Ok(None),
    }
}

/// Whether a value of a message is there and true.
pub(crate) fn truth<'py>(message: &Bound<'py, PyAny>, key: &Bound<'py, PyString>) -> PyResult<bool> {
    get(message, key)?.map_or(Ok(false), |value| value.is_truthy())
}

/// A message of our own with the same values.
pub(crate) fn copy<'py>(message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    if let Ok(message) = message.cast::<PyDict>() {
        return message.copy();
    }
    let copy = PyDict::new(message.py());
    copy.update(message.cast()?)?;
    Ok(copy)
}

/// Bytes of what a message carries.
pub(crate) fn payload(message: &Bound<'_, PyAny>) -> PyResult<u64> {
    let py = message.py();
    for key in [intern!(py, "body"), intern!(py, "bytes"), intern!(py, "text")] {
        if let Some(value) = get(message, key)?.filter(|value| !value.is_none()) {
            return Ok(value.len().unwrap_or(0) as u64);
        }
    }
    Ok(0)
}

/// Hands over the bytes of a value, whatever type of them it is.
pub(crate) fn with_bytes(value: &Bound<'_, PyAny>, take: impl FnOnce(&[u8])) -> PyResult<()> {
    match value.cast::<PyBytes>() {
        Ok(bytes) => take(bytes.as_bytes()),
        Err(_) => take(&value.extract::<Vec<u8>>()?),
    }
    Ok(())
}
