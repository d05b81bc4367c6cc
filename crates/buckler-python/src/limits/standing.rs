//! What came of counting a request, as the app that has limited it is told.

use buckler_engine::stage::Violation;
use buckler_engine::{Reason, Ruling};
use buckler_policy::settings::Mode;
use pyo3::prelude::*;

/// Whether the request may pass, and what its answer says.
#[pyclass(frozen, module = "buckler._buckler")]
#[derive(Debug)]
pub(crate) struct Standing {
    ruling: Ruling,
    mode: Mode,
}

/// By this the answer of the app is known for a refusal; see `buckler_engine`'s `answer::refusal`.
const REFUSAL: &str = "buckler-refusal";

impl Standing {
    pub(super) const fn new(ruling: Ruling, mode: Mode) -> Self {
        Self { ruling, mode }
    }

    fn refusal(&self) -> Option<&Violation> {
        self.ruling.verdict.as_ref().err().filter(|_| self.mode == Mode::Enforce)
    }

    /// What it would be refused for if it were.
    fn reason(&self) -> Reason {
        self.refusal().map_or(Reason::RateLimited, |violation| violation.reason)
    }
}

#[pymethods]
impl Standing {
    /// Whether it may not pass.
    #[getter]
    fn refused(&self) -> bool {
        self.refusal().is_some()
    }

    /// The status of the refusal.
    #[getter]
    fn status(&self) -> u16 {
        self.reason().status().as_u16()
    }

    /// The code of the refusal.
    #[getter]
    fn code(&self) -> &'static str {
        self.reason().code()
    }

    /// The refusal in words.
    #[getter]
    fn detail(&self) -> &str {
        self.refusal().map_or("", |violation| &violation.detail)
    }

    /// What the answer says of its limits.
    #[getter]
    fn told(&self) -> Vec<(String, String)> {
        let text = |value: http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        self.ruling.told.fields().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
    }

    /// The fields of the refusal.
    #[getter]
    fn refusal_fields(&self) -> Vec<(String, String)> {
        let mut fields = self.told();
        fields.push((REFUSAL.to_owned(), self.code().to_owned()));
        fields
    }
}
