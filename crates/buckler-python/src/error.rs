//! What Python is told when a policy is wrong.

use pyo3::create_exception;
use pyo3::exceptions::PyValueError;

create_exception!(
    buckler,
    PolicyError,
    PyValueError,
    "A policy that is wrong: every mistake with its place and how to mend it, as `buckler check` says it."
);
