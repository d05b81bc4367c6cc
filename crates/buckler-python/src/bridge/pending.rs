//! What is waited for, and what becomes of its answers.

use std::sync::{Mutex, PoisonError};

use buckler_limits::Answers;
use buckler_store::Later;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// What becomes of answers, in the thread of the loop that waited for them.
type Then = Box<dyn FnOnce(Python<'_>, Answers) -> PyResult<Py<PyAny>> + Send>;

/// Something to be waited for once.
#[pyclass(frozen, module = "buckler._buckler")]
pub(crate) struct Pending {
    later: Mutex<Option<Later>>,
    then: Mutex<Option<Then>>,
}

impl Pending {
    /// Waits for `later`, and goes on with `then`.
    pub(crate) fn new(
        later: Later,
        then: impl FnOnce(Python<'_>, Answers) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Self {
        Self { later: Mutex::new(Some(later)), then: Mutex::new(Some(Box::new(then))) }
    }

    /// What has to be driven; once.
    pub(super) fn take(&self) -> Option<Later> {
        taken(&self.later)
    }
}

fn taken<T>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[pymethods]
impl Pending {
    /// So that annotations can say what comes of it.
    #[classmethod]
    fn __class_getitem__<'py>(cls: &Bound<'py, PyType>, _what: &Bound<'py, PyAny>) -> Bound<'py, PyType> {
        cls.clone()
    }

    /// Goes on with the answers that came.
    fn resume(&self, py: Python<'_>, answered: &Answered) -> PyResult<Py<PyAny>> {
        let then = taken(&self.then).ok_or_else(|| PyRuntimeError::new_err("this was waited for already"))?;
        then(py, answered.answers.clone())
    }
}

/// Answers that came; none of what broke down: a store owes one to each check, and what is missing was not counted.
#[pyclass(frozen, module = "buckler._buckler")]
pub(crate) struct Answered {
    pub(super) answers: Answers,
}
