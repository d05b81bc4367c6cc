//! What a schema says of a value that holds no others, as one rule.
//!
//! The lax reading stands in place of the library's own keywords, so it works in every composition. The strict one
//! only tells what is wrong with a value that the library has refused.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::format::{self, Takes};
use crate::given::{Given, Judged};
use crate::keyword::PATTERN;
use crate::kind::Broken;
use crate::number::{Number, trimmed};
use crate::pattern::{Compiled, Pattern};
use crate::reading::Types;

/// Keywords that are read here.
pub(crate) const KEYWORDS: &[&str] = &[
    "type",
    "const",
    "enum",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "format",
    PATTERN,
];

/// Types of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

/// What is said of a value.
#[derive(Debug)]
pub(crate) struct Scalar {
    reading: Types,
    /// Empty if anything goes.
    types: Vec<Type>,
    values: Option<Values>,
    bounds: Vec<(Bound, Number)>,
    step: Option<Number>,
    shortest: Option<u64>,
    longest: Option<u64>,
    pattern: Option<Arc<Pattern>>,
    check: Option<(format::Check, Broken)>,
    takes: Takes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Minimum,
    ExclusiveMinimum,
    Maximum,
    ExclusiveMaximum,
}

/// `enum` or `const`.
#[derive(Debug)]
struct Values {
    texts: HashSet<String>,
    /// The same, as an app that does not tell capitals apart reads them.
    folded: HashSet<String>,
    others: Vec<Value>,
    broken: Broken,
}

impl Type {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "string" => Self::String,
            "array" => Self::Array,
            "object" => Self::Object,
            _ => return None,
        })
    }

    /// What a value is, as it stands.
    fn is(self, given: Given<'_>) -> bool {
        match (self, given) {
            (Self::Null, Given::Null)
            | (Self::Boolean, Given::Flag(_))
            | (Self::Number, Given::Number(_))
            | (Self::String, Given::Text(_))
            | (Self::Array, Given::List)
            | (Self::Object, Given::Object) => true,
            (Self::Integer, Given::Number(number)) => Number::of_json(number).is_some_and(|number| number.is_integer),
            _ => false,
        }
    }
}

/// Whether any of the members is read here.
pub(crate) fn is_scalar(members: &Map<String, Value>) -> bool {
    KEYWORDS.iter().any(|name| members.contains_key(*name))
}

impl Scalar {
    /// Reads the members of a converted schema.
    pub(crate) fn read(members: &Map<String, Value>, reading: Types, patterns: &Compiled) -> Self {
        let number = |name: &str| members.get(name).and_then(Value::as_number).and_then(Number::of_json);
        let bounds = [
            ("minimum", Bound::Minimum),
            ("exclusiveMinimum", Bound::ExclusiveMinimum),
            ("maximum", Bound::Maximum),
            ("exclusiveMaximum", Bound::ExclusiveMaximum),
        ];
        let format = members.get("format").and_then(Value::as_str);
        Self {
            reading,
            types: types(members).filter_map(Type::of).collect(),
            values: Values::read(members),
            bounds: bounds.iter().filter_map(|(name, bound)| Some((*bound, number(name)?))).collect(),
            step: number("multipleOf"),
            shortest: members.get("minLength").and_then(Value::as_u64),
            longest: members.get("maxLength").and_then(Value::as_u64),
            pattern: members.get(PATTERN).and_then(Value::as_str).and_then(|text| patterns.get(text)).cloned(),
            check: format.and_then(|name| Some((format::check(name)?, Broken::of_format(name)))),
            takes: format.map_or(Takes::Text, format::takes),
        }
    }

    /// What is wrong with a value.
    pub(crate) fn judge(&self, value: &impl Judged) -> Result<(), Broken> {
        let given = value.given();
        let mut first = None;
        if self.types.is_empty() {
            self.untyped(given)?;
        } else {
            let mut is_taken = false;
            for wanted in &self.types {
                match self.of_type(*wanted, given) {
                    Ok(()) => is_taken = true,
                    // What is told is about the type that the value has, or else about the first.
                    Err(broken) if first.is_none() || wanted.is(given) => first = Some(broken),
                    Err(_) => {}
                }
                if is_taken {
                    break;
                }
            }
            if !is_taken {
                return Err(first.unwrap_or(Broken::Contract));
            }
        }
        match &self.values {
            Some(values) if !values.take(value, self.reading) => Err(values.broken),
            _ => Ok(()),
        }
    }

    fn untyped(&self, given: Given<'_>) -> Result<(), Broken> {
        match given {
            Given::Text(text) => self.text(text),
            Given::Number(number) => Number::of_json(number).map_or(Ok(()), |number| self.number(number, false)),
            _ => Ok(()),
        }
    }

    fn of_type(&self, wanted: Type, given: Given<'_>) -> Result<(), Broken> {
        let is_lax = self.reading == Types::Lax;
        match (wanted, given) {
            (Type::Null, _) => fits(matches!(given, Given::Null), Broken::Null),
            (Type::Array, _) => fits(matches!(given, Given::List), Broken::List),
            (Type::Object, _) => fits(matches!(given, Given::Object), Broken::Object),
            (Type::Boolean, Given::Flag(_)) => Ok(()),
            (Type::Boolean, Given::Text(text)) if is_lax => fits(is_flag(text), Broken::FlagText),
            (Type::Boolean, Given::Number(number)) if is_lax => {
                fits(Number::of_json(number).is_some_and(|number| number.is_flag()), Broken::FlagText)
            }
            (Type::Boolean, _) => Err(Broken::Flag),
            (Type::Integer | Type::Number, _) => self.numeric(wanted == Type::Integer, given),
            (Type::String, Given::Text(text)) => self.text(text),
            (Type::String, given) => {
                let is_taken = match self.takes {
                    Takes::Anything => true,
                    Takes::Number => matches!(given, Given::Number(_) | Given::Flag(_)),
                    Takes::Integer => Number::coerced(given).is_some_and(|number| number.is_integer),
                    Takes::Text | Takes::Bytes | Takes::Encoded => false,
                };
                let is_taken = is_lax && is_taken;
                fits(is_taken, Broken::Text)
            }
        }
    }

    fn numeric(&self, is_integer: bool, given: Given<'_>) -> Result<(), Broken> {
        let number = match (self.reading, given) {
            (Types::Lax, given) => Number::coerced(given),
            (Types::Strict, Given::Number(number)) => Number::of_json(number),
            (Types::Strict, _) => None,
        };
        let is_text = self.reading == Types::Lax && matches!(given, Given::Text(_));
        match (number, is_integer) {
            (Some(number), false) => self.number(number, false),
            (Some(number), true) if number.is_integer => self.number(number, true),
            (Some(_), true) if !is_text => Err(Broken::Fraction),
            (_, true) => Err(if is_text { Broken::IntegerText } else { Broken::Integer }),
            (None, false) => Err(if is_text { Broken::FloatText } else { Broken::Float }),
        }
    }

    fn number(&self, number: Number, is_integer: bool) -> Result<(), Broken> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        for (bound, limit) in &self.bounds {
            // What cannot be compared is not refused.
            let Some(order) = number.compare(limit) else { continue };
            match (bound, order) {
                (Bound::Minimum, Less) => return Err(Broken::Minimum),
                (Bound::ExclusiveMinimum, Less | Equal) => return Err(Broken::ExclusiveMinimum),
                (Bound::Maximum, Greater) => return Err(Broken::Maximum),
                (Bound::ExclusiveMaximum, Greater | Equal) => return Err(Broken::ExclusiveMaximum),
                _ => {}
            }
        }
        let is_multiple = self
            .step
            .as_ref()
            .is_none_or(|step| if is_integer { number.is_whole_multiple(step) } else { number.is_multiple(step) });
        fits(is_multiple, Broken::Step)
    }

    fn text(&self, text: &str) -> Result<(), Broken> {
        let is_lax = self.reading == Types::Lax;
        // An app may take the white space away before it counts, and counts bytes where it wants bytes.
        let counted = if is_lax { trimmed(text) } else { text };
        if let Some(shortest) = self.shortest {
            let length = if is_lax && self.takes == Takes::Bytes { text.len() } else { text.chars().count() };
            fits(u64::try_from(length).is_ok_and(|length| length >= shortest), Broken::TooShort)?;
        }
        if let Some(longest) = self.longest
            && !(is_lax && self.takes == Takes::Encoded)
        {
            let most = usize::try_from(longest).unwrap_or(usize::MAX);
            fits(counted.len() <= most || counted.chars().count() <= most, Broken::TooLong)?;
        }
        if let Some((check, broken)) = self.check {
            fits(check(text), broken)?;
        }
        if let Some(pattern) = &self.pattern {
            let is_matched = pattern.matches(text)
                || (is_lax
                    && (pattern.matches(counted)
                        || pattern.matches(&counted.to_lowercase())
                        || pattern.matches(&counted.to_uppercase())));
            fits(is_matched, Broken::Pattern)?;
        }
        Ok(())
    }
}

impl Values {
    fn read(members: &Map<String, Value>) -> Option<Self> {
        let (values, broken) = match (members.get("const"), members.get("enum")) {
            (Some(value), _) => (std::slice::from_ref(value), Broken::Constant),
            (None, Some(Value::Array(values))) => (values.as_slice(), Broken::Enumeration),
            _ => return None,
        };
        let texts: HashSet<String> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let folded = texts.iter().map(|text| folded(text)).collect();
        let others = values.iter().filter(|value| !value.is_string()).cloned().collect();
        Some(Self { texts, folded, others, broken })
    }

    fn take(&self, value: &impl Judged, reading: Types) -> bool {
        let given = value.given();
        if let Given::Text(text) = given
            && (self.texts.contains(text) || (reading == Types::Lax && self.folded.contains(&folded(text))))
        {
            return true;
        }
        self.others.iter().any(|known| match reading {
            Types::Strict => value.is(known),
            Types::Lax => value.is(known) || is_coerced(known, given),
        })
    }
}

fn folded(text: &str) -> String {
    trimmed(text).to_lowercase()
}

/// Equal as Python is, where flags are numbers; or a text that is read as one.
fn is_coerced(known: &Value, given: Given<'_>) -> bool {
    let flag = match (known, given) {
        (Value::Bool(_), Given::Text(text)) => is_flag(text),
        _ => false,
    };
    let numeric = known.is_boolean() || known.is_number();
    let (one, other) = (Number::coerced(known.given()), Number::coerced(given));
    flag || (numeric && one.zip(other).is_some_and(|(one, other)| one.is_same(&other)))
}

/// Texts that Pydantic takes for a flag.
fn is_flag(text: &str) -> bool {
    const FLAGS: &[&str] = &["0", "1", "on", "off", "yes", "no", "true", "false", "t", "f", "y", "n"];
    FLAGS.iter().any(|flag| flag.eq_ignore_ascii_case(text))
}

fn fits(is_fine: bool, broken: Broken) -> Result<(), Broken> {
    if is_fine { Ok(()) } else { Err(broken) }
}

/// The names of the types that a schema lets a value have.
pub(crate) fn types(members: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let given: Vec<&str> = match members.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    given.into_iter()
}
