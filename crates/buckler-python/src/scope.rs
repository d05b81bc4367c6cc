//! The scope of a connection: read in one pass, and edited to what the engine found.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use buckler_engine::{Admission, RequestEdits, RequestId, Ruling};
use buckler_http::asgi::{self, Target};
use buckler_http::connection::{Connection, Peer, Scheme};
use buckler_http::head::{Head, Version};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PySequence, PyString};
use smallvec::SmallVec;

use crate::limits::{Counting, Limit};
use crate::lines::{Lines, Text, Texts, pair};

/// A protocol of ASGI that is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    WebSocket,
}

/// What is read of a scope.
#[derive(Clone)]
pub(crate) struct Scope<'py> {
    edited: Bound<'py, PyDict>,
    protocol: Protocol,
    method: Bound<'py, PyString>,
    target: Target,
    lines: Lines<'py>,
    root_path: Option<Bound<'py, PyString>>,
    pub(crate) version: Version,
    pub(crate) connection: Connection,
}

/// What was read of a scope, kept while its limits are counted.
pub(crate) struct Kept {
    edited: Py<PyDict>,
    protocol: Protocol,
    method: Py<PyString>,
    target: Target,
    lines: Vec<Py<PyAny>>,
    root_path: Option<Py<PyString>>,
    version: Version,
    connection: Connection,
}

impl Kept {
    /// What was read, as it was then.
    pub(crate) fn into_bound(self, py: Python<'_>) -> Scope<'_> {
        let Self { edited, protocol, method, target, lines, root_path, version, connection } = self;
        Scope {
            edited: edited.into_bound(py),
            protocol,
            method: method.into_bound(py),
            target,
            lines: lines.into_iter().map(|line| line.into_bound(py)).collect(),
            root_path: root_path.map(|path| path.into_bound(py)),
            version,
            connection,
        }
    }
}

impl<'py> Scope<'py> {
    /// Reads a scope.
    ///
    /// # Errors
    /// It is none: a key is missing, or holds what it may not.
    pub(crate) fn read(scope: &Bound<'py, PyDict>, protocol: Protocol) -> PyResult<Self> {
        let py = scope.py();
        let method = match protocol {
            Protocol::Http => needed(scope, intern!(py, "method"))?.cast_into::<PyString>()?,
            Protocol::WebSocket => intern!(py, "GET").clone(),
        };
        let version = match scope.get_item(intern!(py, "http_version"))? {
            Some(version) => match version.cast::<PyString>()?.to_str()? {
                "1.0" | "0.9" => Version::Http10,
                "1.1" => Version::Http11,
                _ => Version::Http2,
            },
            None => Version::Http11,
        };
        let lines = Lines::of(&needed(scope, intern!(py, "headers"))?)?;
        let connection = Connection { peer: peer(scope)?, scheme: scheme(scope)? };
        let root_path = match scope.get_item(intern!(py, "root_path"))? {
            Some(path) if !path.is_none() => Some(path.cast_into::<PyString>()?),
            _ => None,
        };
        let (edited, target) = (scope.clone(), target(scope)?);
        Ok(Self { edited, protocol, method, target, lines, root_path, version, connection })
    }

    /// The same for later, when the interpreter is attached again.
    pub(crate) fn kept(&self) -> Kept {
        Kept {
            edited: self.edited.clone().unbind(),
            protocol: self.protocol,
            method: self.method.clone().unbind(),
            target: self.target.clone(),
            lines: self.lines.iter().map(|line| line.clone().unbind()).collect(),
            root_path: self.root_path.clone().map(Bound::unbind),
            version: self.version,
            connection: self.connection,
        }
    }

    pub(crate) fn py(&self) -> Python<'py> {
        self.edited.py()
    }

    /// Puts a value into the scope.
    pub(crate) fn tell(&self, key: &Bound<'py, PyString>, value: &Bound<'py, PyAny>) -> PyResult<()> {
        self.edited.set_item(key, value)
    }

    pub(crate) fn method(&self) -> &str {
        self.method.to_str().unwrap_or("-")
    }

    pub(crate) fn target(&self) -> &[u8] {
        &self.target
    }

    /// The fields, unless some are no pairs of bytes; see [`Self::mended`].
    pub(crate) fn texts(&self) -> Option<Texts<'_>> {
        self.lines.texts()
    }

    /// The same with fields that are pairs of bytes.
    ///
    /// # Errors
    /// They are no fields.
    pub(crate) fn mended(&self) -> PyResult<Self> {
        Ok(Self { lines: self.lines.mended()?, ..self.clone() })
    }

    /// The head that the engine judges, whose fields are these.
    pub(crate) fn head<'a>(&'a self, fields: &[Text<'a>]) -> Head<'a> {
        let mut head = Head::new(self.method(), &self.target, self.version);
        if let Some(Ok(path)) = self.root_path.as_ref().map(|path| path.to_str()) {
            head.set_root_path(path.as_bytes());
        }
        let mut upgrades = false;
        for &(name, value) in fields {
            upgrades |= self.protocol == Protocol::WebSocket && name.eq_ignore_ascii_case(b"upgrade");
            head.push(name, value);
        }
        // HTTP/2 says it in a pseudo-header of its own (RFC 8441 §4), which servers do not hand on.
        if self.protocol == Protocol::WebSocket && !upgrades {
            head.push(b"upgrade", b"websocket");
        }
        head
    }

    /// Lets the app see what the engine found, in the scope itself, as servers' own proxy support does: whatever stands
    /// outside and looks at the scope later sees the same.
    ///
    /// Nothing is added to the fields. What only the edge may say is made true where a trusted proxy stands in front,
    /// and goes where nobody but the client said it.
    pub(crate) fn admit(&self, admission: &Admission) -> PyResult<()> {
        let (scope, py) = (&self.edited, self.edited.py());
        let list = scope.get_item(intern!(py, "headers"))?.and_then(|lines| lines.cast_into::<PyList>().ok());
        let lines = match list {
            // The list stays the server's, which may go on writing: uvicorn appends trailers to it, unjudged.
            // What was added while its limits were counted was not judged, either.
            Some(list) if !admission.changes_what_came() => list.get_slice(0, self.lines.len()),
            _ => self.edited(&admission.edits())?,
        };
        scope.set_item(intern!(py, "headers"), lines)?;
        if admission.peer() != self.connection.peer
            && let Peer::Ip(address) = admission.peer()
        {
            let client = (address.ip().to_string(), address.port());
            scope.set_item(intern!(py, "client"), client)?;
        }
        if admission.scheme() != self.connection.scheme {
            let scheme = match (self.protocol, admission.scheme()) {
                (Protocol::Http, Scheme::Http) => intern!(py, "http"),
                (Protocol::Http, Scheme::Https) => intern!(py, "https"),
                (Protocol::WebSocket, Scheme::Http) => intern!(py, "ws"),
                (Protocol::WebSocket, Scheme::Https) => intern!(py, "wss"),
            };
            scope.set_item(intern!(py, "scheme"), scheme)?;
        }
        Ok(())
    }

    fn edited(&self, edits: &RequestEdits) -> PyResult<Bound<'py, PyList>> {
        let py = self.edited.py();
        let list = PyList::empty(py);
        let mut written: SmallVec<[&str; 8]> = SmallVec::new();
        for (line, (name, _)) in self.lines.iter().zip(self.texts().unwrap_or_default()) {
            let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
            let ours = edits.set().iter().find(|(known, _)| known.as_str() == lower);
            match ours {
                Some((known, _)) if written.contains(&known.as_str()) => {}
                Some((known, value)) => {
                    written.push(known.as_str());
                    list.append(pair(py, known.as_str().as_bytes(), value.as_bytes())?)?;
                }
                None if edits.removes(&lower) => {}
                None => list.append(line)?,
            }
        }
        Ok(list)
    }
}

fn needed<'py>(scope: &Bound<'py, PyDict>, key: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    scope.get_item(key)?.ok_or_else(|| PyValueError::new_err(format!("the scope has no {key:?}")))
}

/// The target as it stood on the request line, as far as the server tells it.
fn target(scope: &Bound<'_, PyDict>) -> PyResult<Target> {
    let py = scope.py();
    let path = needed(scope, intern!(py, "path"))?.cast_into::<PyString>()?;
    let path = path.to_string_lossy();
    let raw = scope.get_item(intern!(py, "raw_path"))?.and_then(|raw| raw.cast_into::<PyBytes>().ok());
    let query = scope.get_item(intern!(py, "query_string"))?.and_then(|query| query.cast_into::<PyBytes>().ok());
    let raw = raw.as_ref().map(PyBytesMethods::as_bytes);
    let query = query.as_ref().map(PyBytesMethods::as_bytes).unwrap_or_default();
    Ok(asgi::target(&path, raw, query))
}

fn peer(scope: &Bound<'_, PyDict>) -> PyResult<Peer> {
    let py = scope.py();
    let Some(client) = scope.get_item(intern!(py, "client"))?.filter(|client| !client.is_none()) else {
        return Ok(Peer::Local);
    };
    let client = client.cast::<PySequence>()?;
    let host = client.get_item(0)?;
    // A test client has a name here, a Unix socket nothing.
    let Ok(host) = host.cast::<PyString>() else { return Ok(Peer::Local) };
    let port = client.get_item(1).ok().and_then(|port| port.extract::<u16>().ok()).unwrap_or_default();
    Ok(asgi::peer(host.to_str()?, port))
}

fn scheme(scope: &Bound<'_, PyDict>) -> PyResult<Scheme> {
    let Some(scheme) = scope.get_item(intern!(scope.py(), "scheme"))? else { return Ok(Scheme::Http) };
    Ok(match scheme.cast::<PyString>()?.to_str()? {
        "https" | "wss" => Scheme::Https,
        _ => Scheme::Http,
    })
}

/// Who tells the client of limits that the app has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// The exchange, in whatever answer comes.
    ByUs,
    /// The app: its answer does not come by here.
    ByTheApp,
}

/// What the engine found out about a connection, for the app: `scope["buckler"]`.
#[pyclass(frozen, module = "buckler._buckler")]
#[derive(Debug)]
pub(crate) struct Judged {
    judge: u64,
    request_id: RequestId,
    peer: Peer,
    scheme: Scheme,
    counting: Arc<Counting>,
    telling: Telling,
    /// What came of limits that the app has written, for the answer and the record.
    rulings: Mutex<Vec<Ruling>>,
}

impl Judged {
    pub(crate) fn new(judge: u64, admission: &Admission, counting: Arc<Counting>) -> Self {
        let (request_id, peer, scheme) = (*admission.request_id(), admission.peer(), admission.scheme());
        Self { judge, request_id, peer, scheme, counting, telling: Telling::ByUs, rulings: Mutex::default() }
    }

    /// Of a request that the gateway has judged.
    pub(crate) fn by_the_gateway(
        judge: u64,
        request_id: RequestId,
        connection: Connection,
        counting: Arc<Counting>,
    ) -> Self {
        let Connection { peer, scheme } = connection;
        Self { judge, request_id, peer, scheme, counting, telling: Telling::ByTheApp, rulings: Mutex::default() }
    }

    /// Which engine judged.
    pub(crate) fn judge(&self) -> u64 {
        self.judge
    }

    /// Takes what came of the app's limits.
    pub(crate) fn take_rulings(&self) -> Vec<Ruling> {
        mem::take(&mut *self.rulings.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl Judged {
    /// The name of the exchange: the same as in the answer's `X-Request-ID` and in the log.
    #[getter]
    fn request_id(&self) -> &str {
        self.request_id.as_str()
    }

    /// The client's address behind trusted proxies; `None` for what has none.
    #[getter]
    fn client(&self) -> Option<String> {
        match self.peer {
            Peer::Ip(address) => Some(address.ip().to_canonical().to_string()),
            Peer::Local => None,
        }
    }

    /// `http` or `https`: what the client used.
    #[getter]
    fn scheme(&self) -> &'static str {
        self.scheme.as_str()
    }

    /// Whether what is told of the app's limits goes into the answer by itself.
    #[getter]
    fn tells(&self) -> bool {
        self.telling == Telling::ByUs
    }

    /// Counts the request by limits that stand in the app, where those of the policy are counted. What is told of them
    /// goes into the answer by itself, but where it is a refusal.
    #[expect(clippy::needless_pass_by_value, reason = "Python's values are converted")]
    fn count<'py>(
        slf: &Bound<'py, Self>,
        limits: Vec<Bound<'py, Limit>>,
        place: &str,
        headers: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let this = slf.get();
        let judged = slf.clone().unbind();
        let learn = move |ruling: &Ruling| {
            let this = judged.get();
            if this.telling == Telling::ByUs {
                this.rulings.lock().unwrap_or_else(PoisonError::into_inner).push(ruling.clone());
            }
        };
        this.counting.count(&limits, place, headers, |_| this.peer, learn)
    }

    fn __repr__(&self) -> String {
        format!("<Judged {}>", self.request_id.as_str())
    }
}
