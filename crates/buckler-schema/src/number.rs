//! Numbers as Pydantic reads them: also from texts and flags.

use std::cmp::Ordering;

use serde_json::Number as JsonNumber;

use crate::given::Given;

/// A number, exactly where that is possible.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    whole: Option<i128>,
    float: f64,
    /// Whether `float` or `whole` is the number itself, and not the nearest one.
    is_exact: bool,
    /// Whether it is taken for an integer.
    pub(crate) is_integer: bool,
}

/// Floats below this are apart by one at most.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Characters of a decimal fraction that a float tells from its neighbours.
const EXACT_TEXT: usize = 15;

impl Number {
    fn of_whole(whole: i128) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "only compared with what is no whole number")]
        let float = whole as f64;
        Self { whole: Some(whole), float, is_exact: true, is_integer: true }
    }

    fn of_float(float: f64) -> Self {
        let is_integer = float.fract() == 0.0;
        let is_exact = float.abs() < EXACT;
        // A whole number of this size fits.
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and below the bound")]
        let whole = (is_integer && is_exact).then_some(float as i128);
        Self { whole, float, is_exact, is_integer }
    }

    /// A number of JSON.
    pub(crate) fn of_json(number: &JsonNumber) -> Option<Self> {
        let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        whole.map(Self::of_whole).or_else(|| number.as_f64().map(Self::of_float))
    }

    /// What Pydantic makes a number of: also flags and texts.
    pub(crate) fn coerced(given: Given<'_>) -> Option<Self> {
        match given {
            Given::Flag(flag) => Some(Self::of_whole(i128::from(flag))),
            Given::Text(text) => Self::of_text(text),
            Given::Number(number) => Self::of_json(number),
            Given::Null | Given::List | Given::Object => None,
        }
    }

    /// `1`, ` +1_000 `, `1.00`; and what is no integer: `1e3`, `inf`, `nan`.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let text = trimmed(text);
        let is_outside = text.starts_with('_') || text.ends_with('_') || text.contains("__");
        if is_outside || !text.is_ascii() {
            return None;
        }
        let bare: String = text.chars().filter(|character| *character != '_').collect();
        let unsigned = bare.strip_prefix(['-', '+']).unwrap_or(&bare);
        let (before, after) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_literal = !before.is_empty()
            && is_digits(before)
            && after.bytes().all(|byte| byte == b'0')
            && (!after.is_empty() || !unsigned.ends_with('.'));
        let whole = bare.split('.').next().unwrap_or_default();
        if is_literal && let Ok(whole) = whole.parse::<i128>() {
            return Some(Self::of_whole(whole));
        }
        let float = bare.parse::<f64>().ok()?;
        let is_exact = !is_literal && bare.len() <= EXACT_TEXT && !bare.contains(['e', 'E']);
        Some(Self { whole: None, float, is_exact, is_integer: is_literal })
    }

    /// Which is larger; `None` if that cannot be said.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self.whole, other.whole) {
            (Some(one), Some(other)) => Some(one.cmp(&other)),
            _ => match self.float.partial_cmp(&other.float)? {
                // Rounded to the same number, they may still differ.
                Ordering::Equal if !(self.is_exact && other.is_exact) => None,
                order => Some(order),
            },
        }
    }

    /// Zero or one.
    pub(crate) fn is_flag(&self) -> bool {
        matches!(self.whole, Some(0 | 1))
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self.whole, other.whole) {
            (Some(one), Some(other)) => one == other,
            _ => self.float.partial_cmp(&other.float) == Some(Ordering::Equal),
        }
    }

    /// Whether it is a multiple, as far as floats can tell: Pydantic lets a billionth of the number pass.
    pub(crate) fn is_multiple(&self, of: &Self) -> bool {
        let rest = (self.float % of.float).abs();
        let slack = self.float.abs() / 5e8;
        // What is no number at all is never refused here.
        !(rest > slack && (rest - of.float).abs() > slack)
    }

    /// The same of integers, which are told exactly.
    pub(crate) fn is_whole_multiple(&self, of: &Self) -> bool {
        match (self.whole, of.whole) {
            (Some(whole), Some(of)) if of != 0 => whole % of == 0,
            _ => !self.is_exact || self.is_multiple(of),
        }
    }
}

/// Without the white space that Python or Rust takes away.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::Judged as _;
    use serde_json::{Value, json};

    #[test]
    fn texts_are_numbers_as_pydantic_reads_them() {
        // R40
        let cases: &[(&str, Option<bool>)] = &[
            ("x", None),
            ("", None),
            (" ", None),
            ("--1", None),
            ("+ 1", None),
            ("_1", None),
            ("1_", None),
            ("1__0", None),
            ("0x1", None),
            ("1d", None),
            ("١", None),
            ("1.", Some(false)),
            (".5", Some(false)),
            ("1e3", Some(false)),
            ("inf", Some(false)),
            ("-Infinity", Some(false)),
            ("nan", Some(false)),
            ("1.5", Some(false)),
            ("1", Some(true)),
            ("\u{a0}1 ", Some(true)),
            ("+1", Some(true)),
            ("-0", Some(true)),
            ("00", Some(true)),
            ("1_000", Some(true)),
            ("1.00", Some(true)),
            ("123456789012345678901234567890123456789012345678901234567890", Some(true)),
        ];
        for (text, expected) in cases {
            assert_eq!(Number::of_text(text).map(|number| number.is_integer), *expected, "{text}");
        }
    }

    #[test]
    fn numbers_compare_exactly_or_not_at_all() {
        // R40
        let of = |value: &Value| Number::coerced(value.given()).unwrap();
        let cases = [
            (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64), Some(Ordering::Greater)),
            (json!("9007199254740993"), json!(9_007_199_254_740_992_u64), Some(Ordering::Greater)),
            (json!(1.0), json!(1), Some(Ordering::Equal)),
            (json!("0.5"), json!(0.5), Some(Ordering::Equal)),
            (json!("1e-400"), json!(0), None),
            (json!("0.1000000000000000000001"), json!(0.1), None),
            (json!("nan"), json!(1), None),
            (json!("inf"), json!(1), Some(Ordering::Greater)),
            (json!(true), json!(0), Some(Ordering::Greater)),
        ];
        for (one, other, expected) in cases {
            assert_eq!(of(&one).compare(&of(&other)), expected, "{one} {other}");
        }
    }

    #[test]
    fn multiples_have_the_slack_of_floats() {
        // R40
        let of = |value: &Value| Number::coerced(value.given()).unwrap();
        let cases = [
            (json!(0.3), json!(0.1), true),
            (json!("0.7"), json!(0.1), true),
            (json!(0.35), json!(0.1), false),
            (json!(7), json!(2), false),
            (json!(8), json!(2), true),
            (json!("nan"), json!(2), true),
        ];
        for (number, step, expected) in cases {
            assert_eq!(of(&number).is_multiple(&of(&step)), expected, "{number} {step}");
        }
        assert!(!of(&json!(10_000_000_001_u64)).is_whole_multiple(&of(&json!(3))));
    }
}
