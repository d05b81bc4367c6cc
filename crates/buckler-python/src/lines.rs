//! Header fields as ASGI has them: a list of pairs of bytes.

use std::borrow::Cow;

use buckler_engine::Engine;
use http::{HeaderName, HeaderValue, header};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyList, PySequence, PyString, PyTuple};
use smallvec::SmallVec;

/// Fields that are read without an allocation: what browsers send.
const USUAL_FIELDS: usize = 24;

/// The lines of a head, each kept alive while its bytes are read.
#[derive(Clone)]
pub(crate) struct Lines<'py>(SmallVec<[Bound<'py, PyAny>; USUAL_FIELDS]>);

impl<'py> FromIterator<Bound<'py, PyAny>> for Lines<'py> {
    fn from_iter<I: IntoIterator<Item = Bound<'py, PyAny>>>(lines: I) -> Self {
        Self(lines.into_iter().collect())
    }
}

/// Name and value of a line.
pub(crate) type Text<'a> = (&'a [u8], &'a [u8]);

/// The same of all lines, read once: asking Python for them is what costs.
pub(crate) type Texts<'a> = SmallVec<[Text<'a>; USUAL_FIELDS]>;

impl<'py> Lines<'py> {
    pub(crate) fn none() -> Self {
        Self(SmallVec::new())
    }

    /// Takes the lines of a list, or of whatever else lines can be had from.
    pub(crate) fn of(list: &Bound<'py, PyAny>) -> PyResult<Self> {
        match list.cast::<PyList>() {
            Ok(list) => Ok(Self(list.iter().collect())),
            Err(_) => list.try_iter()?.collect::<PyResult<_>>().map(Self),
        }
    }

    /// Name and value of each line. `None` if one of them is no pair of bytes, as nearly all are: see [`Self::mended`].
    pub(crate) fn texts(&self) -> Option<Texts<'_>> {
        let mut texts = Texts::new();
        for line in &self.0 {
            texts.push(texts_of(line)?);
        }
        Some(texts)
    }

    /// The same lines as pairs of bytes: some apps write lists, some servers hand over `bytearray` and `memoryview`.
    ///
    /// # Errors
    /// These are no lines.
    pub(crate) fn mended(&self) -> PyResult<Self> {
        let mend = |line: &Bound<'py, PyAny>| {
            let line = line.cast::<PySequence>()?;
            PyTuple::new(line.py(), [bytes(line.get_item(0)?)?, bytes(line.get_item(1)?)?]).map(Bound::into_any)
        };
        self.0.iter().map(mend).collect::<PyResult<_>>().map(Self)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Bound<'py, PyAny>> {
        self.0.iter()
    }
}

fn texts_of<'a>(line: &'a Bound<'_, PyAny>) -> Option<Text<'a>> {
    let line = line.cast::<PyTuple>().ok().filter(|line| line.len() == 2)?;
    Some((line.get_borrowed_item(0).ok()?.extract().ok()?, line.get_borrowed_item(1).ok()?.extract().ok()?))
}

/// Servers also hand over `bytearray` and `memoryview`.
fn bytes(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyBytes>> {
    match value.cast_into::<PyBytes>() {
        Ok(bytes) => Ok(bytes),
        Err(error) => {
            let value = error.into_inner();
            if value.is_instance_of::<PyString>() {
                return Err(PyTypeError::new_err("a header field is made of bytes"));
            }
            Ok(PyBytes::new(value.py(), &value.extract::<Cow<'_, [u8]>>()?))
        }
    }
}

/// Lines on their way into a list.
pub(crate) type Made<'py> = SmallVec<[Bound<'py, PyAny>; USUAL_FIELDS]>;

/// A line of our own.
pub(crate) fn pair<'py>(py: Python<'py>, name: &[u8], value: &[u8]) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, [PyBytes::new(py, name), PyBytes::new(py, value)])
}

/// A length as the line that says it.
pub(crate) fn length(py: Python<'_>, bytes: usize) -> PyResult<Bound<'_, PyTuple>> {
    own(py, header::CONTENT_LENGTH.as_str(), itoa::Buffer::new().format(bytes).as_bytes())
}

/// The fields that answers of one engine have in common, as Python has them: made once, used in every answer.
#[derive(Debug)]
pub(crate) struct Ready(Vec<(HeaderName, HeaderValue, Py<PyTuple>)>);

impl Ready {
    pub(crate) fn new(py: Python<'_>, engine: &Engine) -> PyResult<Self> {
        let made = |(name, value): (HeaderName, HeaderValue)| {
            let line = pair(py, name.as_str().as_bytes(), value.as_bytes())?.unbind();
            Ok((name, value, line))
        };
        engine.lasting_fields().into_iter().map(made).collect::<PyResult<_>>().map(Self)
    }

    /// Appends lines for these fields.
    ///
    /// A value that lies where one of ours does is that very value: both are alive, so nothing else can lie there.
    pub(crate) fn lines<'py>(
        &self,
        py: Python<'py>,
        fields: &[(HeaderName, HeaderValue)],
        lines: &mut Made<'py>,
    ) -> PyResult<()> {
        // They mostly stand in the same order here and there, so each is looked for behind the one before.
        let mut behind = 0;
        for (name, value) in fields {
            let (earlier, later) = self.0.split_at_checked(behind).unwrap_or((&self.0, &[]));
            let same = |(known, theirs, _): &(HeaderName, HeaderValue, Py<PyTuple>)| {
                std::ptr::eq(theirs.as_bytes(), value.as_bytes()) && known == name
            };
            let found = later.iter().position(same).map(|at| behind + at).or_else(|| earlier.iter().position(same));
            match found.and_then(|at| Some((at, self.0.get(at)?))) {
                Some((at, (_, _, line))) => {
                    behind = at + 1;
                    lines.push(line.bind(py).clone().into_any());
                }
                None => lines.push(own(py, name.as_str(), value.as_bytes())?.into_any()),
            }
        }
        Ok(())
    }
}

/// Names of fields that many answers have, each with a value of its own.
const OWN_NAMES: [&str; 4] = ["x-request-id", "content-length", "ratelimit", "retry-after"];

/// A line of this one answer.
fn own<'py>(py: Python<'py>, name: &str, value: &[u8]) -> PyResult<Bound<'py, PyTuple>> {
    static NAMES: PyOnceLock<[Py<PyBytes>; OWN_NAMES.len()]> = PyOnceLock::new();
    let names = NAMES.get_or_init(py, || OWN_NAMES.map(|name| PyBytes::new(py, name.as_bytes()).unbind()));
    match OWN_NAMES.iter().zip(names).find(|(known, _)| **known == name) {
        Some((_, name)) => PyTuple::new(py, [name.bind(py), &PyBytes::new(py, value)]),
        None => pair(py, name.as_bytes(), value),
    }
}
