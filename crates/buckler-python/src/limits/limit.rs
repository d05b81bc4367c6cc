//! A limit that an app has written.

use buckler_engine::Terms;
use buckler_limits::{Limit as Written, LimitError, StoreDown, UnknownStoreDown};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::PolicyError;

/// What one request may take at most; as much as the policy's `cost`.
const MOST_COST: u32 = 1_000_000;

/// A limit that was read, with what its requests take of it.
#[pyclass(frozen, eq, hash, module = "buckler._buckler")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Limit {
    pub(crate) written: Written,
    pub(crate) cost: u32,
    /// `None` is what the policy says.
    pub(crate) store_down: Option<StoreDown>,
    /// Of its budget, if it has one that other routes may have, too.
    pub(crate) name: Option<String>,
    pub(crate) terms: Terms,
}

#[pymethods]
impl Limit {
    #[new]
    fn new(text: &str, cost: i64, store_down: Option<&str>, name: Option<String>) -> PyResult<Self> {
        let written: Written = text.parse().map_err(|error| PolicyError::new_err(shown(text, &error)))?;
        if let Some(dimension) = written.per.iter().find(|dimension| dimension.needs_identity()) {
            return Err(PolicyError::new_err(format!(
                "error: `{text}`: `per {dimension}` needs an identity, which this release does not know\n  help: count it \
                 `per ip`, or per what clients identify themselves with: `per header:authorization`"
            )));
        }
        let capacity = written.allowance.capacity();
        let cost = match u32::try_from(cost) {
            Ok(cost @ 1..=MOST_COST) if u64::from(cost) <= capacity => cost,
            Ok(1..=MOST_COST) => {
                let message = format!("`{text}` never has as much as a cost of {cost}: at most {capacity} at once");
                return Err(PolicyError::new_err(message));
            }
            _ => return Err(PyValueError::new_err(format!("a cost is a number from 1 to {MOST_COST}, not {cost}"))),
        };
        let store_down = store_down.map(str::parse).transpose();
        let store_down = store_down.map_err(|unknown: UnknownStoreDown| PyValueError::new_err(unknown.to_string()))?;
        let terms = Terms::of_app(&written, name.as_deref());
        Ok(Self { written, cost, store_down, name, terms })
    }

    /// As it is written, in its usual spelling.
    #[getter]
    fn text(&self) -> &str {
        self.terms.text()
    }

    fn __repr__(&self) -> String {
        format!("<Limit {}>", self.written)
    }
}

/// A mistake under the text that it is in.
fn shown(text: &str, error: &LimitError) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let before = text.get(..error.span.start).unwrap_or_default().chars().count();
    let length = text.get(error.span.clone()).unwrap_or_default().chars().count().max(1);
    let (indent, carets) = (" ".repeat(before), "^".repeat(length));
    format!("error: {}\n  | {line}\n  | {indent}{carets}\n  help: {}", error.reason, error.help)
}
