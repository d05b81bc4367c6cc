//! The store, and what of a policy says how it is asked.

use std::sync::Arc;

use buckler_engine::{Clients, Ruling};
use buckler_http::asgi;
use buckler_http::connection::{Connection, Peer, Scheme};
use buckler_limits::batch::MOST_CHECKS;
use buckler_limits::{Answer, Batch, Check, Dimension, LimitId, Moment, StoreDown, Subject};
use buckler_policy::settings::{LimitFields, Mode, Policy};
use buckler_store::{Counters, Reach};
use buckler_tower::{SystemTime, Time as _};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use smallvec::SmallVec;

use super::{Limit, Standing};
use crate::bridge::Pending;
use crate::lines::{Lines, Text};
use crate::records::Records;
use crate::ticket;

/// Tells limits of apps from those of the policy, whatever either is called.
const PLACE: &str = "app ";

/// Counts what apps have limited.
#[derive(Debug, Clone)]
pub(crate) struct Counting {
    counters: Arc<dyn Counters>,
    ipv6_prefix: u8,
    store_down: StoreDown,
    fields: LimitFields,
    mode: Mode,
}

/// Who asks.
struct Client<'a> {
    peer: Peer,
    fields: &'a [Text<'a>],
}

impl Counting {
    pub(crate) fn new(counters: Arc<dyn Counters>, policy: &Policy) -> Self {
        let limits = &policy.limits;
        Self {
            counters,
            ipv6_prefix: limits.ipv6_prefix,
            store_down: limits.store_down,
            fields: limits.fields,
            mode: limits.mode,
        }
    }

    /// What keeps the counts.
    pub(crate) fn counters(&self) -> &dyn Counters {
        &*self.counters
    }

    /// Counts a request by all these limits. Gives its [`Standing`], or what has to be waited for until there is one.
    /// `client` finds whose request it is, by its fields; `learns` hears what came of it.
    pub(crate) fn count<'py>(
        &self,
        limits: &[Bound<'py, Limit>],
        place: &str,
        headers: &Bound<'py, PyAny>,
        client: impl FnOnce(&[Text<'_>]) -> Peer,
        learns: impl FnOnce(&Ruling) + Send + 'static,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = headers.py();
        if limits.len() > MOST_CHECKS {
            let message = format!("{} limits of one request are too many: at most {MOST_CHECKS}", limits.len());
            return Err(PyValueError::new_err(message));
        }
        let lines = Lines::of(headers)?;
        let mended;
        let fields = if let Some(fields) = lines.texts() {
            fields
        } else {
            mended = lines.mended()?;
            mended.texts().unwrap_or_default()
        };
        let client = Client { peer: client(&fields), fields: &fields };
        let (mut batch, mut asked) = (Batch::new(), Vec::with_capacity(limits.len()));
        for limit in limits {
            let Limit { written, cost, store_down, name, terms } = limit.get();
            let shared = name.as_ref().map(|name| format!("name {name}"));
            let id = LimitId::of(&format!("{PLACE}{}", shared.as_deref().unwrap_or(place)), terms.text());
            let Some(subject) = self.subject(id, &written.per, place, &client) else { continue };
            let store_down = store_down.unwrap_or(self.store_down);
            batch.push(Check { subject, allowance: written.allowance, cost: *cost, store_down });
            asked.push((limit.clone().unbind(), store_down));
        }
        let now = Moment(SystemTime.now().0);
        let (fields, mode) = (self.fields, self.mode);
        let stands = move |py: Python<'_>, answers: &[Answer]| {
            let asked = asked.iter().map(|(limit, store_down)| (&limit.get().terms, *store_down));
            let ruling = Ruling::of(asked, answers, mode, fields);
            learns(&ruling);
            Ok(Py::new(py, Standing::new(ruling, mode))?.into_any())
        };
        if batch.is_empty() {
            return stands(py, &[]).map(|standing| standing.into_bound(py));
        }
        match self.counters.count(&batch, now) {
            Reach::Now(answers) => stands(py, &answers).map(|standing| standing.into_bound(py)),
            Reach::Later(later) => {
                let pending = Pending::new(later, move |py, answers| stands(py, &answers));
                Ok(Bound::new(py, pending)?.into_any())
            }
        }
    }

    /// Whose count it is; `None` where it is nobody's, since the client has no address.
    fn subject(&self, id: LimitId, per: &[Dimension], place: &str, client: &Client<'_>) -> Option<Subject> {
        let mut subject = Subject::new(id);
        for dimension in per {
            match dimension {
                Dimension::Ip => match client.peer {
                    Peer::Local => return None,
                    Peer::Ip(address) => subject.push_address(address.ip(), self.ipv6_prefix),
                },
                Dimension::Route => subject.push(place.as_bytes()),
                Dimension::Header(name) => {
                    let own = client.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
                    let values: SmallVec<[&[u8]; 2]> = own.map(|(_, value)| *value).collect();
                    subject.push_values(&values);
                }
                // A limit that names them is not made.
                Dimension::User | Dimension::Account | Dimension::Key => return None,
            }
        }
        Some(subject)
    }
}

/// The store of a process in which no middleware has one: an app behind the gateway, or alone.
#[pyclass(frozen, module = "buckler._buckler")]
#[derive(Debug)]
pub(crate) struct Store {
    counting: Counting,
    clients: Clients,
    /// Told when the store goes and comes back.
    _records: Arc<Records>,
}

#[pymethods]
impl Store {
    /// Reads the policy as the middleware does, and opens its store.
    #[new]
    fn new(policy: Option<std::path::PathBuf>) -> PyResult<Self> {
        let file = policy;
        let (policy, _) = crate::command::load(file.as_deref(), Vec::new())?;
        let records = Records::new(policy.log.clone());
        let counters = crate::command::counters(&policy, file.as_deref(), &records)?;
        let (counting, clients) = (Counting::new(counters, &policy), Clients::new(&policy));
        Ok(Self { counting, clients, _records: records })
    }

    /// Counts a request. `client` is what the server calls whoever it has the connection with.
    #[expect(clippy::needless_pass_by_value, reason = "Python's values are converted")]
    fn count<'py>(
        &self,
        limits: Vec<Bound<'py, Limit>>,
        place: &str,
        client: Option<&str>,
        headers: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let peer = client.map_or(Peer::Local, |client| asgi::peer(client, 0));
        let client = |fields: &[Text<'_>]| {
            if ticket::behind_the_gateway() {
                // It has named the client already.
                return peer;
            }
            // Of the scheme nothing is asked.
            let connection = Connection { peer, scheme: Scheme::Http };
            self.clients.client(connection, fields.iter().copied())
        };
        self.counting.count(&limits, place, headers, client, |_| {})
    }
}
