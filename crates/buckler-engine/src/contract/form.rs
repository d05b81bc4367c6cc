//! A form of texts (`application/x-www-form-urlencoded`) against the fields that an operation takes.
//!
//! Fields are read as query parameters are: as the texts that they are, or as what they spell. A field that is left
//! empty is one that is not there, where it need not be: so `FastAPI` reads forms of browsers.

use std::borrow::Cow;

use buckler_schema::{Field, FieldKind, Media, Names, Shape};

use super::ReadDocument;
use super::asked::latin1;
use super::faults::{BODY, InputFault, MOST_FAULTS, Step};
use super::parameters::{lists, refused, scalars};

/// Fields of one form that are looked at, and as many as Starlette takes (`max_fields`).
const MOST_FIELDS: usize = 1_000;

/// Names and values, in the order in which they came.
pub(crate) type Form<'t> = Vec<(Cow<'t, str>, Cow<'t, str>)>;

/// The texts of a form, in each way that an app may read them.
///
/// `;` was once as good as `&` (HTML 4.01, B.2.2), and older parsers still take it so.
pub(crate) fn read(text: &[u8]) -> Vec<Form<'static>> {
    // Bytes that are not escaped are Latin-1 to Starlette.
    let text = latin1(text);
    let parsed = |text: &str| -> Form<'static> {
        let pairs = form_urlencoded::parse(text.as_bytes()).take(MOST_FIELDS + 1);
        pairs.map(|(name, value)| (name.into_owned().into(), value.into_owned().into())).collect()
    };
    let mut readings = vec![parsed(&text)];
    if text.contains(';') {
        readings.push(parsed(&text.replace(';', "&")));
    }
    readings
}

/// What is wrong with a form; empty where nothing is.
pub(crate) fn judge(reading: &ReadDocument, media: &Media, form: &Form<'_>) -> Vec<InputFault> {
    let body = || Step::Name(BODY.into());
    if form.len() > MOST_FIELDS {
        let message = format!("Form should have at most {MOST_FIELDS} fields");
        return vec![InputFault { kind: "too_long".into(), loc: vec![body()], message: message.into() }];
    }
    let mut faults = Vec::new();
    for field in &media.fields {
        if faults.len() >= MOST_FAULTS {
            return faults;
        }
        faults.extend(judge_field(reading, field, form, &[body(), Step::Name(field.name.clone().into())]));
    }
    let is_known = |name: &str| media.fields.iter().any(|field| field.name == name);
    if reading.names == Names::Closed && !media.fields.is_empty() && form.iter().any(|(name, _)| !is_known(name)) {
        faults.push(InputFault::extra(vec![body()]));
    }
    faults
}

fn judge_field(reading: &ReadDocument, field: &Field, form: &Form<'_>, loc: &[Step]) -> Vec<InputFault> {
    let texts = form.iter().filter(|(name, _)| *name == field.name).map(|(_, value)| value.clone().into_owned());
    let texts: Vec<String> = texts.collect();
    // Of several the app takes the last.
    let missing = || field.is_required.then(|| InputFault::missing(loc.to_vec())).into_iter().collect();
    let Some(last) = texts.last() else { return missing() };
    let Some(schema) = field.schema.filter(|_| field.kind == FieldKind::Text) else { return Vec::new() };
    let readings = match field.shape {
        Shape::Array => lists(reading.types, &texts),
        _ if last.is_empty() && !field.is_required => return Vec::new(),
        Shape::Scalar => scalars(reading.types, last),
        Shape::Mixed | Shape::Object => {
            lists(reading.types, &texts).into_iter().chain(scalars(reading.types, last)).collect()
        }
    };
    let faults = refused(&reading.document, schema, &readings, loc);
    // One that has to be there and is empty is told as one that is not.
    if field.shape == Shape::Scalar && last.is_empty() && !faults.is_empty() { missing() } else { faults }
}
