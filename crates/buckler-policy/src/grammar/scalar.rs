//! Booleans, integers and words out of a fixed list.

use serde_json::json;

use super::{Grammar, Shape};
use crate::diagnostic::{Code, Faults};
use crate::node::{Node, NodeValue};
use crate::suggest::{nearest_word, quoted};

/// `true` or `false`.
pub(crate) struct Boolean;

impl Grammar for Boolean {
    type Value = bool;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<bool> {
        match &node.value {
            NodeValue::Boolean(value) => Some(*value),
            NodeValue::Untyped(text) if text == "true" => Some(true),
            NodeValue::Untyped(text) if text == "false" => Some(false),
            NodeValue::Untyped(text) => {
                faults
                    .refuse(Code::WrongType, &node.place, format!("{} is neither true nor false", quoted(text)))
                    .help("write true or false");
                None
            }
            NodeValue::String(text) if text == "true" || text == "false" => {
                node.wrong_type("a boolean", faults).help(format!("write {text} without quotes"));
                None
            }
            _ => {
                node.wrong_type("a boolean", faults);
                None
            }
        }
    }

    fn shape(&self) -> Shape {
        Shape::new("`true` or `false`", json!({ "type": "boolean" }))
    }
}

/// An integer within bounds, both included.
pub(crate) struct Integer<T> {
    pub(crate) least: T,
    pub(crate) most: T,
    /// What is counted, plural.
    pub(crate) unit: &'static str,
}

impl<T> Grammar for Integer<T>
where
    T: TryFrom<i64> + TryInto<i64> + PartialOrd + Copy + Sync + std::fmt::Display,
{
    type Value = T;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<T> {
        let written = match &node.value {
            NodeValue::Integer(value) => *value,
            NodeValue::Untyped(text) => match text.parse::<i64>() {
                Ok(value) => Some(value),
                Err(error) if is_overflow(&error) => None,
                Err(_) => {
                    faults
                        .refuse(Code::WrongType, &node.place, format!("{} is not an integer", quoted(text)))
                        .help(format!("write a number from {} to {}", self.least, self.most));
                    return None;
                }
            },
            NodeValue::String(text) if text.parse::<i64>().is_ok() => {
                node.wrong_type("an integer", faults).help(format!("write {text} without quotes"));
                return None;
            }
            _ => {
                node.wrong_type("an integer", faults);
                return None;
            }
        };
        let value = written.and_then(|value| T::try_from(value).ok());
        let value = value.filter(|value| *value >= self.least && *value <= self.most);
        if value.is_none() {
            let shown = node.place.excerpt();
            faults
                .refuse(Code::OutOfRange, &node.place, format!("{shown} is out of range"))
                .label(format!("from {} to {} {}", self.least, self.most, self.unit));
        }
        value
    }

    fn shape(&self) -> Shape {
        let least: Option<i64> = self.least.try_into().ok();
        let most: Option<i64> = self.most.try_into().ok();
        Shape::new(
            format!("an integer from {} to {} {}", self.least, self.most, self.unit),
            json!({ "type": "integer", "minimum": least, "maximum": most }),
        )
    }
}

fn is_overflow(error: &std::num::ParseIntError) -> bool {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    matches!(error.kind(), PosOverflow | NegOverflow)
}

/// One word of a list, each standing for a value.
pub(crate) struct OneOf<T: 'static> {
    /// The words, and what is said of those that are known but not to be had.
    pub(crate) words: &'static [(&'static str, T)],
}

impl<T: Copy + Sync> Grammar for OneOf<T> {
    type Value = T;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<T> {
        let Some(text) = node.text() else {
            node.wrong_type("a string", faults).help(format!("write {}", self.listed("or")));
            return None;
        };
        if let Some((_, value)) = self.words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let near = nearest_word(text, self.words.iter().map(|(word, _)| *word));
        let fault =
            faults.refuse(Code::Invalid, &node.place, format!("{} is not one of the known values", quoted(text)));
        fault.label(format!("expected {}", self.listed("or")));
        if let Some(near) = near {
            fault.help(format!("did you mean \"{near}\"?"));
        }
        None
    }

    fn shape(&self) -> Shape {
        let words: Vec<&str> = self.words.iter().map(|(word, _)| *word).collect();
        let listed: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
        Shape::new(listed.join(", "), json!({ "enum": words }))
    }
}

impl<T> OneOf<T> {
    fn listed(&self, last: &str) -> String {
        let words: Vec<String> = self.words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        match words.split_last() {
            Some((end, rest)) if !rest.is_empty() => format!("{} {last} {end}", rest.join(", ")),
            Some((end, _)) => end.clone(),
            None => String::new(),
        }
    }
}
