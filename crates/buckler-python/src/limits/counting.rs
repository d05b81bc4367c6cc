//! The store, and what of a policy says how it is asked.

use std::net::IpAddr;
use std::sync::Arc;

use buckler_limits::batch::MOST_CHECKS;
use buckler_limits::{Batch, Check, Dimension, LimitId, Moment, StoreDown, Subject};
use buckler_policy::settings::{LimitFields, Mode, Policy};
use buckler_store::{Counters, Reach};
use buckler_tower::{SystemTime, Time as _};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use smallvec::SmallVec;

use super::standing::Asked;
use super::{Limit, Standing};
use crate::bridge::Pending;
use crate::lines::{Lines, Text};
use crate::records::Records;

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
    address: Option<IpAddr>,
    fields: &'a [Text<'a>],
}

/// A limit, and the name of its budget if it has one of its own.
pub(crate) type Written<'py> = (Bound<'py, Limit>, Option<String>);

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
    pub(crate) fn count<'py>(
        &self,
        py: Python<'py>,
        limits: &[Written<'py>],
        place: &str,
        address: Option<IpAddr>,
        headers: &Bound<'py, PyAny>,
        told: impl FnOnce(&Standing) + Send + 'static,
    ) -> PyResult<Bound<'py, PyAny>> {
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
        let client = Client { address, fields: &fields };
        let (mut batch, mut asked) = (Batch::new(), Vec::with_capacity(limits.len()));
        for (limit, name) in limits {
            let Limit { written, cost, store_down } = limit.get();
            let text = written.to_string();
            let shared = name.as_ref().map(|name| format!("name {name}"));
            let id = LimitId::of(&format!("{PLACE}{}", shared.as_deref().unwrap_or(place)), &text);
            let Some(subject) = self.subject(id, &written.per, place, &client) else { continue };
            let store_down = store_down.unwrap_or(self.store_down);
            batch.push(Check { subject, allowance: written.allowance, cost: *cost, store_down });
            let name = name.clone().filter(|name| is_plain(name)).unwrap_or(text);
            asked.push(Asked { written: written.clone(), name, store_down });
        }
        if batch.is_empty() {
            return Ok(Bound::new(py, Standing::unasked())?.into_any());
        }
        let now = Moment(SystemTime.now().0);
        let (fields, mode) = (self.fields, self.mode);
        let stands = move |py: Python<'_>, answers: &[buckler_limits::Answer]| {
            let standing = Standing::of(&asked, answers, fields, mode);
            told(&standing);
            Ok(Py::new(py, standing)?.into_any())
        };
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
                Dimension::Ip => subject.push_address(client.address?, self.ipv6_prefix),
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

/// Whether it can be told in a field as it is.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

/// The store of a process in which no middleware has one: an app behind the gateway, or alone.
#[pyclass(frozen, module = "buckler._buckler")]
#[derive(Debug)]
pub(crate) struct Store {
    counting: Counting,
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
        Ok(Self { counting: Counting::new(counters, &policy), _records: records })
    }

    /// Counts a request. `client` is its address, if it has one.
    #[expect(clippy::needless_pass_by_value, reason = "Python's values are converted")]
    fn count<'py>(
        &self,
        py: Python<'py>,
        limits: Vec<Written<'py>>,
        place: &str,
        client: Option<&str>,
        headers: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // A name is that of a test client.
        let address = client.and_then(|client| client.parse().ok());
        self.counting.count(py, &limits, place, address, headers, |_| {})
    }
}
