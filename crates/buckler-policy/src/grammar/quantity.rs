//! Quantities with their unit: durations, sizes, rates.
//!
//! A bare number is refused where a unit could be guessed wrongly: `timeout = 30` has meant seconds in one tool and
//! milliseconds in the next. Sizes are the exception, since bytes have one reading.

use std::time::Duration;

use serde_json::json;

use super::{Grammar, Shape};
use crate::diagnostic::{Code, Faults};
use crate::node::{Node, NodeValue};
use crate::suggest::quoted;

/// Units of time in milliseconds, largest first.
const TIME_UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Units of size in bytes (IEC 80000-13 for powers of 1024, SI for powers of 1000).
const SIZE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

const DURATION_HELP: &str = "write a number and a unit, such as \"500ms\", \"10s\", \"10m\" or \"2h\"";
const SIZE_HELP: &str =
    "write a number and a unit, such as \"64KiB\" (1024 each) or \"10MB\" (1000 each), or bytes as an integer";
const RATE_HELP: &str = "write a size per second, such as \"1KiB/s\"";

/// A duration within bounds, both included.
pub(crate) struct DurationBetween {
    pub(crate) least: Duration,
    pub(crate) most: Duration,
}

impl Grammar for DurationBetween {
    type Value = Duration;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<Duration> {
        if let NodeValue::Integer(Some(number)) = &node.value {
            node.wrong_type("a duration", faults)
                .help(format!("write \"{number}s\" for seconds or \"{number}ms\" for milliseconds"));
            return None;
        }
        let Some(text) = node.text() else {
            node.wrong_type("a duration", faults).help(DURATION_HELP);
            return None;
        };
        let Some(milliseconds) = quantity(text, &TIME_UNITS) else {
            refuse_quantity(node, text, "a duration", &TIME_UNITS, DURATION_HELP, faults);
            return None;
        };
        let value = Duration::from_millis(milliseconds);
        if value < self.least || value > self.most {
            faults.refuse(Code::OutOfRange, &node.place, format!("{} is out of range", quoted(text))).label(format!(
                "from {} to {}",
                show_duration(self.least),
                show_duration(self.most)
            ));
            return None;
        }
        Some(value)
    }

    fn shape(&self) -> Shape {
        let (least, most) = (show_duration(self.least), show_duration(self.most));
        Shape::new(
            format!("a duration from `\"{least}\"` to `\"{most}\"`"),
            json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" }),
        )
    }
}

/// A number of bytes within bounds, both included.
pub(crate) struct Size {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl Grammar for Size {
    type Value = u64;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<u64> {
        let bytes = match &node.value {
            NodeValue::Integer(Some(number)) => u64::try_from(*number).ok(),
            NodeValue::Integer(None) => None,
            NodeValue::Untyped(text) if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() => {
                text.parse().ok()
            }
            _ => {
                let Some(text) = node.text() else {
                    node.wrong_type("a size", faults).help(SIZE_HELP);
                    return None;
                };
                let Some(bytes) = quantity(text, &SIZE_UNITS) else {
                    refuse_quantity(node, text, "a size", &SIZE_UNITS, SIZE_HELP, faults);
                    return None;
                };
                Some(bytes)
            }
        };
        let bytes = bytes.filter(|bytes| (self.least..=self.most).contains(bytes));
        if bytes.is_none() {
            faults
                .refuse(Code::OutOfRange, &node.place, format!("{} is out of range", quoted(node.place.excerpt())))
                .label(format!("from {} to {}", show_size(self.least), show_size(self.most)));
        }
        bytes
    }

    fn shape(&self) -> Shape {
        let (least, most) = (show_size(self.least), show_size(self.most));
        Shape::new(
            format!("a size from `\"{least}\"` to `\"{most}\"`, or bytes as an integer"),
            json!({ "anyOf": [
                { "type": "integer", "minimum": self.least, "maximum": self.most },
                { "type": "string", "pattern": "^[0-9]+(B|KB|KiB|MB|MiB|GB|GiB|TB|TiB)$" },
            ] }),
        )
    }
}

/// Bytes per second within bounds, both included.
pub(crate) struct Rate {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl Grammar for Rate {
    type Value = u64;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<u64> {
        let Some(text) = node.text() else {
            node.wrong_type("a rate", faults).help(RATE_HELP);
            return None;
        };
        let rate = text.strip_suffix("/s").and_then(|size| quantity(size, &SIZE_UNITS));
        let Some(rate) = rate else {
            faults.refuse(Code::Invalid, &node.place, format!("{} is not a rate", quoted(text))).help(RATE_HELP);
            return None;
        };
        if !(self.least..=self.most).contains(&rate) {
            faults.refuse(Code::OutOfRange, &node.place, format!("{} is out of range", quoted(text))).label(format!(
                "from {}/s to {}/s",
                show_size(self.least),
                show_size(self.most)
            ));
            return None;
        }
        Some(rate)
    }

    fn shape(&self) -> Shape {
        let (least, most) = (show_size(self.least), show_size(self.most));
        Shape::new(
            format!("a rate from `\"{least}/s\"` to `\"{most}/s\"`"),
            json!({ "type": "string", "pattern": "^[0-9]+(B|KB|KiB|MB|MiB|GB|GiB|TB|TiB)/s$" }),
        )
    }
}

/// Digits and one of the units, nothing between, no overflow.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Says what is wrong with a quantity, with the mend where one is obvious.
fn refuse_quantity(node: &Node, text: &str, what: &str, units: &[(&str, u64)], help: &str, faults: &mut Faults) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let unit = unit.trim();
    let same_letters = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let fault = faults.refuse(Code::Invalid, &node.place, format!("{} is not {what}", quoted(text)));
    if quantity(&format!("0{unit}"), units).is_some() && !number.is_empty() && !text.contains(' ') {
        fault.label("too large to be counted");
        return;
    }
    match same_letters {
        Some((name, _)) if !number.is_empty() => fault.help(format!("did you mean \"{number}{name}\"?")),
        _ => fault.help(help),
    };
}

fn show_duration(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    show(milliseconds, &TIME_UNITS)
}

fn show_size(bytes: u64) -> String {
    show(bytes, &SIZE_UNITS)
}

/// With the largest unit that leaves no remainder.
fn show(value: u64, units: &[(&str, u64)]) -> String {
    units
        .iter()
        .find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor))
        .map_or_else(|| format!("{value}"), |(name, factor)| format!("{}{name}", value / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_one_spelling() {
        for (text, expected) in [
            ("10s", Some(10_000)),
            ("500ms", Some(500)),
            ("2h", Some(7_200_000)),
            ("0s", Some(0)),
            ("10", None),
            ("10 s", None),
            ("s", None),
            ("", None),
            ("-1s", None),
            ("+1s", None),
            ("1.5s", None),
            ("1h30m", None),
            ("10S", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
            ("１s", None),
        ] {
            assert_eq!(quantity(text, &TIME_UNITS), expected, "{text}");
        }
        for (text, expected) in [
            ("10MiB", Some(10 << 20)),
            ("64KiB", Some(64 << 10)),
            ("10MB", Some(10_000_000)),
            ("7B", Some(7)),
            ("10M", None),
            ("10mib", None),
            ("1e3B", None),
        ] {
            assert_eq!(quantity(text, &SIZE_UNITS), expected, "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for value in [1, 10, 1_000, 1_024, 65_536, 10_000_000, 10 << 20, 1 << 40, 1_025] {
            assert_eq!(quantity(&show_size(value), &SIZE_UNITS), Some(value));
        }
        for value in [1, 999, 1_000, 90_000, 3_600_000, 86_400_000] {
            let shown = show_duration(Duration::from_millis(value));
            assert_eq!(quantity(&shown, &TIME_UNITS), Some(value));
        }
    }
}
