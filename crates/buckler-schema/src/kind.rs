//! What can be wrong with a value, in the words of Pydantic where it has them.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::keyword::PATTERN;
use crate::place::shown;

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    Contract,
    Missing,
    Extra,
    Null,
    Flag,
    FlagText,
    Integer,
    IntegerText,
    Fraction,
    Float,
    FloatText,
    Text,
    List,
    Object,
    Map,
    Minimum,
    ExclusiveMinimum,
    Maximum,
    ExclusiveMaximum,
    Step,
    TooShort,
    TooLong,
    Pattern,
    Enumeration,
    Constant,
    TooFewItems,
    TooManyItems,
    TooFewMembers,
    TooManyMembers,
    Repetition,
    DateTime,
    Date,
    Time,
    Duration,
    Uuid,
    Email,
    Ipv4,
    Ipv6,
    Url,
    Format,
}

/// Values of an `enum` that are told.
const TOLD: usize = 10;

impl Broken {
    pub(crate) fn of_format(name: &str) -> Self {
        match name {
            "date-time" => Self::DateTime,
            "date" => Self::Date,
            "time" => Self::Time,
            "duration" => Self::Duration,
            "email" | "name-email" => Self::Email,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "uri" | "multi-host-uri" => Self::Url,
            name if name.starts_with("uuid") => Self::Uuid,
            _ => Self::Format,
        }
    }

    /// As in Pydantic's list of errors; `contract_violation` for what it has no name for.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Contract | Self::Repetition | Self::Format => "contract_violation",
            Self::Missing => "missing",
            Self::Extra => "extra_forbidden",
            Self::Null => "none_required",
            Self::Flag => "bool_type",
            Self::FlagText => "bool_parsing",
            Self::Integer => "int_type",
            Self::IntegerText => "int_parsing",
            Self::Fraction => "int_from_float",
            Self::Float => "float_type",
            Self::FloatText => "float_parsing",
            Self::Text => "string_type",
            Self::List => "list_type",
            Self::Object => "model_attributes_type",
            Self::Map => "dict_type",
            Self::Minimum => "greater_than_equal",
            Self::ExclusiveMinimum => "greater_than",
            Self::Maximum => "less_than_equal",
            Self::ExclusiveMaximum => "less_than",
            Self::Step => "multiple_of",
            Self::TooShort => "string_too_short",
            Self::TooLong => "string_too_long",
            Self::Pattern => "string_pattern_mismatch",
            Self::Enumeration => "enum",
            Self::Constant => "literal_error",
            Self::TooFewItems | Self::TooFewMembers => "too_short",
            Self::TooManyItems | Self::TooManyMembers => "too_long",
            Self::DateTime => "datetime_parsing",
            Self::Date => "date_parsing",
            Self::Time => "time_parsing",
            Self::Duration => "time_delta_parsing",
            Self::Uuid => "uuid_parsing",
            Self::Email => "value_error",
            Self::Ipv4 => "ip_v4_address",
            Self::Ipv6 => "ip_v6_address",
            Self::Url => "url_parsing",
        }
    }

    /// For people, with what the schema says and nothing of the value. Bounded.
    pub(crate) fn message(self, schema: &Map<String, Value>) -> Cow<'static, str> {
        let limit = |name: &str| schema.get(name).map(|value| shown(&value.to_string())).unwrap_or_default();
        let counted = |name: &str, what: &str| {
            let limit = limit(name);
            let plural = if limit == "1" { "" } else { "s" };
            format!("{limit} {what}{plural}")
        };
        let told = match self {
            Self::Contract | Self::Format => "Input is not what the contract says",
            Self::Repetition => "List should have no item twice",
            Self::Missing => "Field required",
            Self::Extra => "Extra inputs are not permitted",
            Self::Null => "Input should be None",
            Self::Flag => "Input should be a valid boolean",
            Self::FlagText => "Input should be a valid boolean, unable to interpret input",
            Self::Integer => "Input should be a valid integer",
            Self::IntegerText => "Input should be a valid integer, unable to parse string as an integer",
            Self::Fraction => "Input should be a valid integer, got a number with a fractional part",
            Self::Float => "Input should be a valid number",
            Self::FloatText => "Input should be a valid number, unable to parse string as a number",
            Self::Text => "Input should be a valid string",
            Self::List => "Input should be a valid list",
            Self::Object => "Input should be a valid dictionary or object to extract fields from",
            Self::Map => "Input should be a valid dictionary",
            Self::DateTime => "Input should be a valid datetime",
            Self::Date => "Input should be a valid date or datetime",
            Self::Time => "Input should be in a valid time format",
            Self::Duration => "Input should be a valid timedelta",
            Self::Uuid => "Input should be a valid UUID",
            Self::Email => "value is not a valid email address",
            Self::Ipv4 => "Input is not a valid IPv4 address",
            Self::Ipv6 => "Input is not a valid IPv6 address",
            Self::Url => "Input should be a valid URL",
            Self::Minimum => {
                return format!("Input should be greater than or equal to {}", limit("minimum")).into();
            }
            Self::ExclusiveMinimum => {
                return format!("Input should be greater than {}", limit("exclusiveMinimum")).into();
            }
            Self::Maximum => return format!("Input should be less than or equal to {}", limit("maximum")).into(),
            Self::ExclusiveMaximum => {
                return format!("Input should be less than {}", limit("exclusiveMaximum")).into();
            }
            Self::Step => return format!("Input should be a multiple of {}", limit("multipleOf")).into(),
            Self::TooShort => {
                return format!("String should have at least {}", counted("minLength", "character")).into();
            }
            Self::TooLong => return format!("String should have at most {}", counted("maxLength", "character")).into(),
            Self::Pattern => {
                let pattern = schema.get(PATTERN).and_then(Value::as_str).map(shown).unwrap_or_default();
                return format!("String should match pattern '{pattern}'").into();
            }
            Self::TooFewItems => {
                return format!("List should have at least {} after validation", counted("minItems", "item")).into();
            }
            Self::TooManyItems => {
                return format!("List should have at most {} after validation", counted("maxItems", "item")).into();
            }
            Self::TooFewMembers => {
                let told = counted("minProperties", "item");
                return format!("Dictionary should have at least {told} after validation").into();
            }
            Self::TooManyMembers => {
                let told = counted("maxProperties", "item");
                return format!("Dictionary should have at most {told} after validation").into();
            }
            Self::Enumeration => {
                return expected(schema.get("enum").and_then(Value::as_array).map(Vec::as_slice)).into();
            }
            Self::Constant => return expected(schema.get("const").map(std::slice::from_ref)).into(),
        };
        Cow::Borrowed(told)
    }
}

/// `Input should be 'a', 'b' or 'c'`.
fn expected(values: Option<&[Value]>) -> String {
    let values = values.unwrap_or_default();
    let told = |value: &Value| match value {
        Value::String(text) => format!("'{}'", shown(text)),
        other => shown(&other.to_string()),
    };
    let mut listed: Vec<String> = values.iter().take(TOLD).map(told).collect();
    if values.len() > TOLD {
        listed.push("another of its values".to_owned());
    }
    match listed.pop() {
        Some(last) if listed.is_empty() => format!("Input should be {last}"),
        Some(last) => format!("Input should be {} or {last}", listed.join(", ")),
        None => "Input is not what the contract says".to_owned(),
    }
}
