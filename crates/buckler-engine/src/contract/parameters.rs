//! Path, query, header and cookie against their schemas.
//!
//! Parameters are text. A text passes if it is taken as a text, or as the number or flag that it spells: what `FastAPI`
//! makes of it depends on the model, and the schema says which of them it can be.

use buckler_http::head::{Field, Head};
use buckler_schema::{Contract, Instance, Location, Names, Operation, Parameter, SchemaId, Shape, Style, Types};
use serde_json::Value;

use super::ReadDocument;
use super::asked::{Asked, latin1};
use super::faults::{InputFault, MOST_FAULTS, Step, fault, place};

/// Values of one parameter that are looked at: a target and a head have bounds of their own, this one keeps the work for
/// each of them small.
const MOST_VALUES: usize = 1_000;

/// What was sent for a parameter.
enum Sent {
    Nothing,
    /// One of these is what the app reads.
    One(Vec<Value>),
    /// Cannot be read in one way only.
    Unread,
}

/// What is wrong with the parameters; empty where nothing is.
pub(crate) fn judge(
    reading: &ReadDocument,
    operation: &Operation,
    values: &[(&str, &str)],
    asked: &Asked,
    head: &Head<'_>,
) -> Vec<InputFault> {
    let mut faults = Vec::new();
    for parameter in &operation.parameters {
        if faults.len() >= MOST_FAULTS {
            return faults;
        }
        let Some(schema) = parameter.schema else { continue };
        let loc = [Step::Name(place(parameter.location).into()), Step::Name(parameter.name.clone().into())];
        match sent(reading.types, parameter, values, asked, head) {
            Sent::Nothing if parameter.is_required => faults.push(InputFault::missing(loc.to_vec())),
            Sent::Nothing | Sent::Unread => {}
            Sent::One(readings) => faults.extend(refused(&reading.document, schema, &readings, &loc)),
        }
    }
    if reading.names == Names::Closed {
        let names = asked.query.iter().map(|(name, _)| name.as_str());
        let unknown = names.filter(|name| !operation.parameters.iter().any(|parameter| takes(parameter, name)));
        let loc = || vec![Step::Name(place(Location::Query).into())];
        faults.extend(unknown.take(1).map(|_| InputFault::extra(loc())));
    }
    faults
}

/// Whether a name of the query belongs to a parameter.
fn takes(parameter: &Parameter, name: &str) -> bool {
    if parameter.location != Location::Query {
        return false;
    }
    match parameter.style {
        Style::DeepObject => member(parameter, name).is_some() || name == parameter.name,
        // Members of an object stand by themselves, and which they are is not known.
        Style::Form if parameter.shape != Shape::Scalar && parameter.shape != Shape::Array => true,
        _ => name == parameter.name,
    }
}

fn sent(types: Types, parameter: &Parameter, values: &[(&str, &str)], asked: &Asked, head: &Head<'_>) -> Sent {
    let name = parameter.name.as_str();
    let texts: Vec<String> = match parameter.location {
        Location::Path => values.iter().filter(|(known, _)| *known == name).map(|(_, text)| (*text).into()).collect(),
        Location::Query if parameter.style == Style::DeepObject => return deep_object(types, parameter, asked),
        Location::Query => asked.query(name).take(MOST_VALUES).map(str::to_owned).collect(),
        Location::Cookie => asked.cookie(name).map(str::to_owned).into_iter().collect(),
        // What only the edge may say is not what the app will see.
        Location::Header if buckler_http::forwarding::is_spoofable(name.as_bytes()) => return Sent::Unread,
        Location::Header => head.named(name).take(MOST_VALUES).map(|value| latin1(value).into_owned()).collect(),
    };
    let Some(last) = texts.last() else { return Sent::Nothing };
    if parameter.is_json {
        // Text that is no JSON is judged as the text that it is.
        let read = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
        return Sent::One(vec![read(last)]);
    }
    let items = || match (parameter.location, parameter.style, parameter.explode) {
        (Location::Query, Style::Form, false) | (_, Style::Simple, _) => split(&texts, ','),
        (_, Style::SpaceDelimited, false) => split(&texts, ' '),
        (_, Style::PipeDelimited, false) => split(&texts, '|'),
        _ => texts.clone(),
    };
    match (parameter.shape, parameter.location) {
        (_, _) if matches!(parameter.style, Style::Label | Style::Matrix) => Sent::Unread,
        (Shape::Object, _) => Sent::Unread,
        // Of a query the app takes the last, of a head the first; whichever fits is taken for what was meant.
        (Shape::Scalar, Location::Header) => Sent::One(texts.iter().flat_map(|text| scalars(types, text)).collect()),
        (Shape::Scalar, _) => Sent::One(scalars(types, last)),
        (Shape::Array, _) => Sent::One(lists(types, &items())),
        (Shape::Mixed, _) => {
            let mut readings = lists(types, &items());
            readings.extend(texts.iter().flat_map(|text| scalars(types, text)));
            Sent::One(readings)
        }
    }
}

fn split(texts: &[String], at: char) -> Vec<String> {
    texts.iter().flat_map(|text| text.split(at)).take(MOST_VALUES).map(str::to_owned).collect()
}

/// All that a text may be read as, the text itself first.
pub(super) fn scalars(types: Types, text: &str) -> Vec<Value> {
    let mut readings = vec![Value::String(text.to_owned())];
    // What is spelled as JSON spells `true`, `17` or `1.5` is that where nothing is coerced. Where it is, the text is
    // coerced as Pydantic coerces it: to it `true` is no integer, though the flag is one.
    if types == Types::Strict {
        let spelled = serde_json::from_str(text.trim()).ok();
        readings.extend(spelled.filter(|value: &Value| value.is_number() || value.is_boolean()));
    }
    readings
}

/// A list of texts, and the same where every item that spells something is it.
pub(super) fn lists(types: Types, texts: &[String]) -> Vec<Value> {
    let plain: Vec<Value> = texts.iter().map(|text| Value::String(text.clone())).collect();
    let spelled: Vec<Value> = texts.iter().filter_map(|text| scalars(types, text).pop()).collect();
    if spelled == plain { vec![Value::Array(plain)] } else { vec![Value::Array(plain), Value::Array(spelled)] }
}

/// `name[key]=value`
fn deep_object(types: Types, parameter: &Parameter, asked: &Asked) -> Sent {
    let pairs = asked.query.iter().filter_map(|(name, value)| Some((member(parameter, name)?, value)));
    let pairs: Vec<_> = pairs.take(MOST_VALUES).collect();
    if pairs.is_empty() {
        return Sent::Nothing;
    }
    let plain = pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::String((*value).clone())));
    let spelled = pairs.iter().filter_map(|(name, value)| Some(((*name).to_owned(), scalars(types, value).pop()?)));
    Sent::One(vec![Value::Object(plain.collect()), Value::Object(spelled.collect())])
}

fn member<'n>(parameter: &Parameter, name: &'n str) -> Option<&'n str> {
    name.strip_prefix(parameter.name.as_str())?.strip_prefix('[')?.strip_suffix(']')
}

/// What is wrong with the first reading, where none is taken.
pub(super) fn refused(document: &Contract, schema: SchemaId, readings: &[Value], loc: &[Step]) -> Vec<InputFault> {
    let Some(first) = readings.first() else { return Vec::new() };
    if readings.iter().any(|reading| document.is_valid(schema, &Instance::from(reading))) {
        return Vec::new();
    }
    let found = document.violations(schema, &Instance::from(first), MOST_FAULTS);
    if found.is_empty() {
        return vec![InputFault { kind: "value_error".into(), loc: loc.to_vec(), message: "Value error".into() }];
    }
    found.iter().map(|found| fault(loc, found)).collect()
}

/// Fields that have slots of their own, and all others.
trait Named<'a> {
    fn named<'h>(&'h self, name: &'h str) -> Box<dyn Iterator<Item = &'a [u8]> + 'h>;
}

impl<'a> Named<'a> for Head<'a> {
    fn named<'h>(&'h self, name: &'h str) -> Box<dyn Iterator<Item = &'a [u8]> + 'h> {
        match Field::of(name.as_bytes()) {
            Some(field) => Box::new(self.values(field)),
            None => Box::new(self.others(name.as_bytes())),
        }
    }
}
