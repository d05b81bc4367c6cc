//! The command of the wheel, and the policy as the command reads it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use buckler::policy_source::PolicySource;
use buckler::stores;
use buckler_policy::settings::Policy;
use buckler_policy::{Host, Override, Style};
use buckler_store::Counters;
use pyo3::prelude::*;

use crate::error::PolicyError;
use crate::records::Records;

/// Runs the command: what a shell calls `buckler` with these arguments, the program's name first. Gives its exit code.
/// `interpreter` is the Python whose wheel this is.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "Python's values are converted")]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>, interpreter: Option<PathBuf>) -> u8 {
    // It may serve for weeks; other threads of the interpreter, if there are any, go on.
    py.detach(|| buckler::main_from(arguments, interpreter.as_deref()).code())
}

/// Where the limits of a middleware's policy are counted; `records` are told when a store goes and comes back.
///
/// # Errors
/// [`PolicyError`] where there is no such place.
pub(crate) fn counters(policy: &Policy, file: Option<&Path>, records: &Arc<Records>) -> PyResult<Arc<dyn Counters>> {
    let log = Arc::downgrade(records);
    let on_change = stores::telling(move |incident| {
        if let Some(records) = log.upgrade() {
            records.tell(incident);
        }
    });
    let opened = stores::open_blocking(policy, file, Some(on_change))
        .map_err(|failure| PolicyError::new_err(format!("error: {failure}")))?;
    Ok(opened.counters)
}

/// Reads the policy of a middleware, with what is weak in it.
///
/// # Errors
/// [`PolicyError`] with the text of `buckler check`.
pub(crate) fn load(file: Option<&Path>, overrides: Vec<(String, String)>) -> PyResult<(Policy, Vec<String>)> {
    let of = |(key, value): (String, String)| {
        let origin = format!("{}=", key.replace('.', "__"));
        Override { key, value, origin }
    };
    let overrides = overrides.into_iter().map(of).collect();
    let loaded = PolicySource::find(Host::InProcess, file, overrides)
        .and_then(|source| source.load())
        .map_err(|failure| PolicyError::new_err(failure.to_string()))?;
    let warnings = loaded.warnings.iter().map(|warning| warning.render(Style::Plain)).collect();
    Ok((loaded.policy, warnings))
}
