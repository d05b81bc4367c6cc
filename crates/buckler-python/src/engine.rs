//! The compiled policy of one middleware, and how an exchange is opened.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};
use buckler_engine::{Context, Ended, Engine as Compiled, Reason};
use buckler_http::connection::Connection;
use buckler_policy::settings::{ContractSource, Document, Policy};
use buckler_tower::room::HoldBudget;
use buckler_tower::{SystemTime, Time as _};
use http::Method;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::PolicyError;
use crate::limits::Counting;
use crate::lines::Ready;
use crate::message::{self, Kind};
use crate::opening::Asked;
use crate::records::{Records, nonce};
use crate::scope::{Judged, Protocol, Scope};
use crate::ticket::recognised;

/// Bytes of request bodies that one middleware holds back at the same time; as much as the tower layer does.
const HELD_BYTES: usize = 256 * 1024 * 1024;

/// Tells engines apart; see [`Judged`].
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What all exchanges of one middleware share.
#[derive(Debug)]
pub(crate) struct Host {
    name: u64,
    judge: ArcSwap<Judge>,
    /// With what has been learned of the app.
    policy: Mutex<Policy>,
    budget: Arc<HoldBudget>,
    counting: Arc<Counting>,
    records: Arc<Records>,
}

/// A compiled policy, and what Python needs of it again and again.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) engine: Arc<Compiled>,
    pub(crate) ready: Ready,
}

impl Judge {
    fn new(py: Python<'_>, policy: &Policy) -> PyResult<Self> {
        let engine = Arc::new(Compiled::new(policy));
        let ready = Ready::new(py, &engine)?;
        Ok(Self { engine, ready })
    }
}

impl Host {
    fn policy(&self) -> MutexGuard<'_, Policy> {
        self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What judges now.
    pub(crate) fn judge(&self) -> Guard<Arc<Judge>> {
        self.judge.load()
    }

    pub(crate) fn budget(&self) -> &Arc<HoldBudget> {
        &self.budget
    }

    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    pub(crate) fn name(&self) -> u64 {
        self.name
    }

    pub(crate) fn counting(&self) -> &Arc<Counting> {
        &self.counting
    }

    fn context(connection: Connection) -> Context {
        Context { connection, now: SystemTime.now(), nonce: nonce() }
    }

    /// The ending of what could not be judged at all.
    pub(crate) fn unread(&self) -> Ended {
        let context = Self::context(Connection::LOCAL);
        self.judge().engine.unread(Reason::InternalError, "the engine failed", &context)
    }
}

/// A compiled policy, ready to judge.
#[pyclass(frozen, module = "buckler._buckler")]
#[derive(Debug)]
pub(crate) struct Engine {
    host: Arc<Host>,
    warnings: Vec<String>,
}

#[pymethods]
impl Engine {
    /// Reads the policy: file, then `BUCKLER_*` variables, then `overrides` as pairs of key and value, written as in a
    /// variable.
    #[new]
    fn new(py: Python<'_>, policy: Option<std::path::PathBuf>, overrides: Vec<(String, String)>) -> PyResult<Self> {
        let file = policy;
        let (policy, warnings) = crate::command::load(file.as_deref(), overrides)?;
        let records = Records::new(policy.log.clone());
        let counters = crate::command::counters(&policy, file.as_deref(), &records)?;
        let host = Host {
            name: NEXT.fetch_add(1, Ordering::Relaxed),
            judge: ArcSwap::from_pointee(Judge::new(py, &policy)?),
            budget: Arc::new(HoldBudget::new(HELD_BYTES)),
            counting: Arc::new(Counting::new(counters, &policy)),
            records,
            policy: Mutex::new(policy),
        };
        let engine = Arc::clone(&host.judge().engine);
        let named = matches!(host.policy().contract.source, Some(ContractSource::File(_)));
        match engine.contract_fault().filter(|_| named) {
            Some(why) => Err(PolicyError::new_err(format!("error: `contract.source`: {why}"))),
            None => Ok(Self { host: Arc::new(host), warnings }),
        }
    }

    /// What is weak or without effect in the policy, each with its place.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// What is enforced, monitored and off: stage, state and detail of each control.
    #[getter]
    fn controls(&self) -> Vec<(String, String, String)> {
        let judge = self.host.judge();
        let told = judge.engine.controls().iter();
        told.map(|control| {
            (control.stage.name().to_owned(), control.state.as_str().to_owned(), control.detail.clone().into_owned())
        })
        .collect()
    }

    /// What tells its policy from those that judge otherwise.
    #[getter]
    fn fingerprint(&self) -> u64 {
        self.host.judge().engine.fingerprint()
    }

    /// The environment that the policy is for.
    #[getter]
    fn environment(&self) -> &'static str {
        self.host.policy().environment.as_str()
    }

    /// Takes where the app has its documentation, beside the paths that the policy names.
    fn learn_docs(&self, py: Python<'_>, paths: Vec<String>) -> PyResult<()> {
        self.learn(py, |policy| policy.contract.learn_docs(paths)).map(drop)
    }

    /// Whether requests are to be held to what the app itself says.
    #[getter]
    fn asks_the_app(&self) -> bool {
        self.host.policy().contract.asks_the_app()
    }

    /// Takes the app's `OpenAPI` document, JSON; `None` of one that makes none. Gives why it cannot be used, if it cannot.
    fn learn_contract(&self, py: Python<'_>, document: Option<String>) -> PyResult<Option<String>> {
        let document = document.map(|text| Document::new(text.into_bytes()));
        let judge = self.learn(py, |policy| policy.contract.document = document)?;
        Ok(judge.engine.contract_fault().map(str::to_owned))
    }

    /// Whether it was this engine that judged.
    fn has_judged(&self, judged: &Judged) -> bool {
        judged.judge() == self.host.name
    }

    /// Judges the head of an HTTP request. Gives the exchange, or the two messages that answer in place of the app.
    /// `body_follows` says that there is a body although no field announces it.
    fn open<'py>(
        &self,
        scope: &Bound<'py, PyDict>,
        send: Bound<'py, PyAny>,
        body_follows: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.judge(scope, send, Protocol::Http, Kind::Http, body_follows)
    }

    /// Judges the handshake of a WebSocket, as [`Self::open`] a request.
    fn open_websocket<'py>(&self, scope: &Bound<'py, PyDict>, send: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.judge(scope, send, Protocol::WebSocket, Kind::Denial, false)
    }
}

impl Engine {
    /// Judges by another policy from now on.
    fn learn(&self, py: Python<'_>, learn: impl FnOnce(&mut Policy)) -> PyResult<Arc<Judge>> {
        let changed = {
            let mut policy = self.host.policy();
            learn(&mut policy);
            policy.clone()
        };
        let judge = Arc::new(Judge::new(py, &changed)?);
        self.host.judge.store(Arc::clone(&judge));
        Ok(judge)
    }

    fn judge<'py>(
        &self,
        scope: &Bound<'py, PyDict>,
        send: Bound<'py, PyAny>,
        protocol: Protocol,
        kind: Kind,
        body_follows: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = scope.py();
        let host = &self.host;
        let judge = host.judge();
        let read = Scope::read(scope, protocol).ok();
        let mended;
        let readable = match read.as_ref().map(|read| (read, read.texts())) {
            Some((read, Some(fields))) => Some((read, fields)),
            Some((read, None)) => {
                mended = read.mended().ok();
                mended.as_ref().and_then(|read| Some((read, read.texts()?)))
            }
            None => None,
        };
        let Some((read, fields)) = readable else {
            // What the server hands over is no scope: nothing in it can be judged.
            let Ended { reply, record } = host.unread();
            host.records.take(record);
            let version = buckler_http::head::Version::Http11;
            return Ok(message::reply(py, &judge.ready, kind, &reply, &Method::GET, version)?.into_any());
        };
        if let Some(judged) = recognised(scope, read, &fields, judge.engine.fingerprint())? {
            let judged = Judged::by_the_gateway(host.name, judged, read.connection, Arc::clone(&host.counting));
            let judged = Bound::new(py, judged)?;
            scope.set_item(intern!(py, "buckler"), &judged)?;
            return Ok(judged.into_any());
        }
        let context = Host::context(read.connection);
        let asked = Asked {
            host: Arc::clone(host),
            judge: Arc::clone(&judge),
            context,
            kind,
            body_follows,
            send: send.unbind(),
        };
        asked.open(read, &fields)
    }
}
