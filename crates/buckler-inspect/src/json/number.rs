//! Numbers: their grammar (RFC 8259 §6), their length, and whether a double can hold them.
//!
//! No digits are kept. A decimal becomes infinite when it reaches [`OVERFLOW`], so it is enough to know where
//! its point stands and how its digits compare with those of that one value.

use std::cmp::Ordering;

use super::JsonFault;

/// How long a number may be, in bytes. The longest exact positional decimal of a double, that of the smallest
/// negative one, takes 1,077; and Python's `int()` raises only above 4,300 digits.
pub const NUMBER_BYTES: usize = 1_100;

/// 2^1024 − 2^970, the smallest value that rounds to infinity (IEEE 754 §4.3.1: half a unit in the last place
/// above the largest double, and ties go to even).
const OVERFLOW: &[u8] = b"179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880177904174497792";

/// Digits of [`OVERFLOW`] before its decimal point.
const OVERFLOW_POINT: i64 = 309;

/// A number that may span chunks.
#[derive(Debug)]
pub(super) struct NumberScan {
    part: Part,
    /// Offset of its first byte.
    start: u64,
    bytes: usize,
    /// Where the decimal point stands relative to the first digit that is not zero: the value is
    /// 0.d₁d₂d₃… × 10^point, before the exponent counts.
    point: i64,
    /// Digits from the first that is not zero.
    significant: usize,
    /// How these digits compare with those of [`OVERFLOW`].
    compared: Ordering,
    exponent: i64,
    exponent_negative: bool,
}

/// What was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Minus,
    /// An integer part `0`, which no digit may follow.
    Zero,
    Integer,
    Point,
    Fraction,
    /// The letter `e`.
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl NumberScan {
    /// A number that starts at `start`; its first byte is yet to be scanned.
    pub(super) const fn new(start: u64) -> Self {
        Self {
            part: Part::Minus,
            start,
            bytes: 0,
            point: 0,
            significant: 0,
            compared: Ordering::Equal,
            exponent: 0,
            exponent_negative: false,
        }
    }

    /// Scans on through `bytes`, which begin at `offset`. `None` means that the number may go on in the next
    /// chunk; otherwise the rest begins with the byte that ended the number.
    pub(super) fn scan<'a>(&mut self, bytes: &'a [u8], offset: u64) -> Result<Option<&'a [u8]>, JsonFault> {
        let mut rest = bytes;
        while let Some((&byte, tail)) = rest.split_first() {
            let at = offset + (bytes.len() - rest.len()) as u64;
            // What fits is judged first, then that more follows: so the first fault is the first in the bytes.
            let run = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let fits = run.min(NUMBER_BYTES.saturating_sub(self.bytes));
            if let Some((digits, after)) = rest.split_at_checked(fits)
                && run > 0
            {
                if fits > 0 {
                    self.digits(digits, at)?;
                }
                self.lengthen(run)?;
                rest = after;
                continue;
            }
            self.part = match (byte, self.part) {
                (b'-', Part::Minus) if self.bytes == 0 => Part::Minus,
                (b'.', Part::Zero | Part::Integer) => Part::Point,
                (b'e' | b'E', Part::Zero | Part::Integer | Part::Fraction) => Part::Exponent,
                (b'+' | b'-', Part::Exponent) => {
                    self.exponent_negative = byte == b'-';
                    Part::ExponentSign
                }
                _ if !self.is_whole() => return Err(JsonFault::Syntax { offset: at }),
                _ => {
                    self.judge()?;
                    return Ok(Some(rest));
                }
            };
            self.lengthen(1)?;
            rest = tail;
        }
        Ok(None)
    }

    /// The body ends here, at `offset`.
    pub(super) fn finish(&self, offset: u64) -> Result<(), JsonFault> {
        if self.is_whole() { self.judge() } else { Err(JsonFault::Truncated { offset }) }
    }

    const fn is_whole(&self) -> bool {
        matches!(self.part, Part::Zero | Part::Integer | Part::Fraction | Part::ExponentDigits)
    }

    fn lengthen(&mut self, more: usize) -> Result<(), JsonFault> {
        self.bytes += more;
        if self.bytes > NUMBER_BYTES { Err(JsonFault::NumberTooLong { offset: self.start }) } else { Ok(()) }
    }

    /// Takes in one or more digits, the first of which is at `at`.
    fn digits(&mut self, digits: &[u8], at: u64) -> Result<(), JsonFault> {
        self.part = match self.part {
            Part::Zero => return Err(JsonFault::Syntax { offset: at }),
            Part::Minus if digits.first() == Some(&b'0') => {
                if digits.len() > 1 {
                    return Err(JsonFault::Syntax { offset: at + 1 });
                }
                Part::Zero
            }
            Part::Minus | Part::Integer => {
                self.point += i64::try_from(digits.len()).unwrap_or(i64::MAX);
                self.significant_digits(digits);
                Part::Integer
            }
            Part::Point | Part::Fraction => {
                let mut digits = digits;
                while let (0, Some((b'0', after))) = (self.significant, digits.split_first()) {
                    self.point -= 1;
                    digits = after;
                }
                self.significant_digits(digits);
                Part::Fraction
            }
            Part::Exponent | Part::ExponentSign | Part::ExponentDigits => {
                for digit in digits {
                    self.exponent = self.exponent.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
                }
                Part::ExponentDigits
            }
        };
        Ok(())
    }

    fn significant_digits(&mut self, digits: &[u8]) {
        if self.compared == Ordering::Equal {
            let ours = digits.iter();
            let theirs = OVERFLOW.iter().skip(self.significant);
            self.compared = ours
                .zip(theirs)
                .map(|(our, their)| our.cmp(their))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal);
        }
        self.significant += digits.len();
    }

    fn judge(&self) -> Result<(), JsonFault> {
        let exponent = if self.exponent_negative { -self.exponent } else { self.exponent };
        // Digits that agree but end before those of OVERFLOW, whose last is not zero, stay below it.
        let reaches = match self.compared {
            Ordering::Less => false,
            Ordering::Equal => self.significant >= OVERFLOW.len(),
            Ordering::Greater => true,
        };
        let overflows = match self.point.saturating_add(exponent).cmp(&OVERFLOW_POINT) {
            Ordering::Less => false,
            Ordering::Equal => reaches,
            Ordering::Greater => true,
        };
        if self.significant > 0 && overflows {
            return Err(JsonFault::NumberOutOfRange { offset: self.start });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(text: &str) -> Result<(), JsonFault> {
        let mut number = NumberScan::new(0);
        match number.scan(text.as_bytes(), 0)? {
            Some(rest) => panic!("{text} ended before {rest:?}"),
            None => number.finish(text.len() as u64),
        }
    }

    #[test]
    fn the_first_value_that_overflows_is_exactly_the_one_named() {
        let overflow = std::str::from_utf8(OVERFLOW).unwrap();
        let (most, last) = overflow.split_at(308);
        assert_eq!(last, "2");
        let below = format!("{most}1");
        let out = Err(JsonFault::NumberOutOfRange { offset: 0 });
        let cases = [
            (overflow.to_owned(), out),
            (below.clone(), Ok(())),
            (format!("{below}.{}", "9".repeat(700)), Ok(())),
            (format!("{overflow}.0"), out),
            (format!("-{overflow}"), out),
            (format!("0.{overflow}e309"), out),
            (format!("0.000{overflow}e312"), out),
            (format!("0.000{below}e312"), Ok(())),
            (format!("{most}e1"), Ok(())),
            ("1.7976931348623157e308".to_owned(), Ok(())),
            ("1.7976931348623159e308".to_owned(), out),
            ("1e309".to_owned(), out),
            ("1e308".to_owned(), Ok(())),
            ("1e99999999999999999999999999".to_owned(), out),
            ("1e-99999999999999999999999999".to_owned(), Ok(())),
            ("0e99999999999999999999999999".to_owned(), Ok(())),
            ("0.0e999".to_owned(), Ok(())),
            ("-0".to_owned(), Ok(())),
        ];
        for (text, expected) in cases {
            assert_eq!(judge(&text), expected, "{text}");
            assert_eq!(text.parse::<f64>().unwrap().is_infinite(), expected.is_err(), "the library on {text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_out_of_range_when_the_standard_library_makes_it_infinite(
            text in "-?(0|[1-9][0-9]{0,20}|1797693134862315[0-9]{280,295})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        ) {
            prop_assert_eq!(judge(&text).is_err(), text.parse::<f64>().unwrap().is_infinite());
        }

        #[test]
        fn near_the_edge_too(
            digits in "1797693134862315[78][0-9]{0,12}", zeros in 0_usize..30, shift in -2_i64..3,
        ) {
            let exponent = 309 + i64::try_from(zeros).unwrap() + shift;
            let text = format!("0.{}{digits}e{exponent}", "0".repeat(zeros));
            prop_assert_eq!(judge(&text).is_err(), text.parse::<f64>().unwrap().is_infinite());
        }
    }
}
