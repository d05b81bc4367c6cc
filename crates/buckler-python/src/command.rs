//! The command of the wheel, and the policy as the command reads it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use buckler::policy_source::PolicySource;
use buckler_policy::settings::Policy;
use buckler_policy::{Host, Override, Style};
use pyo3::prelude::*;

use crate::error::PolicyError;

/// Runs the command: what a shell calls `buckler` with these arguments, the program's name first. Gives its exit code.
/// `interpreter` is the Python whose wheel this is.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "Python's values are converted")]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>, interpreter: Option<PathBuf>) -> u8 {
    // It may serve for weeks; other threads of the interpreter, if there are any, go on.
    py.detach(|| buckler::main_from(arguments, interpreter.as_deref()).code())
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
