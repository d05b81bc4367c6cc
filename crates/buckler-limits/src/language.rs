//! `"100/hour burst 20 per ip+route"`: how a limit is written.
//!
//! ```text
//! limit     = count "/" period [ "burst" count ] [ "per" dimension *( "+" dimension ) ]
//! period    = "second" / "minute" / "hour"            a rate
//!           / count ( "ms" / "s" / "m" / "h" / "d" )  a rate over that time: 5/30s
//!           / "day" / "month"                         a quota: a window of the calendar, in UTC
//! dimension = "ip" / "route" / "header:" name / "user" / "account" / "key"
//! ```
//!
//! Without `per`, all requests count together.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use smallvec::SmallVec;

use crate::quota::{MOST_COUNT, Quota, Window};
use crate::rate::Rate;
use crate::state::Allowance;

/// What requests are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// The client's address: of IPv4 as a whole, of IPv6 its network.
    Ip,
    /// The route, by its template and never by its concrete path.
    Route,
    /// What a header field says; its name in lower case.
    Header(String),
    /// Who is signed in, or whoever a token speaks for.
    User,
    /// The account that somebody tries to sign in to.
    Account,
    /// The API key.
    Key,
}

impl Dimension {
    /// Whether it is known only of who has signed in, or tries to.
    pub const fn needs_identity(&self) -> bool {
        match self {
            Self::User | Self::Account | Self::Key => true,
            Self::Ip | Self::Route | Self::Header(_) => false,
        }
    }
}

/// A limit as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limit {
    /// What it allows.
    pub allowance: Allowance,
    /// To each of whom; nobody in particular where it is empty. Sorted, each once.
    pub per: SmallVec<[Dimension; 2]>,
}

/// What is wrong with the text of a limit, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct LimitError {
    /// Where in the text, in bytes.
    pub span: Range<usize>,
    /// What is wrong.
    pub reason: String,
    /// How to mend it.
    pub help: String,
}

/// What is said where nothing better is known.
pub const EXAMPLES: &str = "write for example \"5/minute per ip\", \"100/hour burst 20 per ip+route\", \"5/30s\" or \"1000/day per header:x-api-key\"";

/// Longest text of a limit, as it is written and in its usual spelling.
const LONGEST: usize = 200;

struct Reader<'t> {
    text: &'t str,
    words: Vec<(Range<usize>, &'t str)>,
    at: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let start = text.as_ptr() as usize;
        let words = text.split_ascii_whitespace().map(|word| {
            let from = word.as_ptr() as usize - start;
            (from..from + word.len(), word)
        });
        Self { text, words: words.collect(), at: 0 }
    }

    fn next(&mut self) -> Option<(Range<usize>, &'t str)> {
        let word = self.words.get(self.at).cloned();
        self.at += 1;
        word
    }

    fn end(&self) -> Range<usize> {
        self.text.len()..self.text.len()
    }

    fn after(&mut self, what: &str, example: &str) -> Result<(Range<usize>, &'t str), LimitError> {
        let end = self.end();
        self.next().ok_or_else(|| error(end, format!("`{what}` of what?"), format!("write for example \"{example}\"")))
    }
}

fn error(span: Range<usize>, reason: impl Into<String>, help: impl Into<String>) -> LimitError {
    LimitError { span, reason: reason.into(), help: help.into() }
}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let too_long = || error(0..text.len(), format!("longer than {LONGEST} bytes"), EXAMPLES);
        if text.len() > LONGEST {
            return Err(too_long());
        }
        let mut reader = Reader::new(text);
        let Some((span, word)) = reader.next() else {
            return Err(error(0..text.len(), "there is nothing written", EXAMPLES));
        };
        let (count, period) = amount(span.clone(), word)?;
        let (mut burst, mut per) = (None, None);
        while let Some((here, word)) = reader.next() {
            match word {
                "burst" if burst.is_none() => {
                    let (at, word) = reader.after("burst", "100/hour burst 20")?;
                    burst = Some((at.clone(), whole(at, word)?));
                }
                "per" if per.is_none() => {
                    let (at, word) = reader.after("per", "5/minute per ip")?;
                    per = Some(dimensions(at, word)?);
                }
                "burst" | "per" => return Err(error(here, format!("`{word}` stands twice"), "keep one of them")),
                _ => {
                    return Err(error(
                        here,
                        format!("`{}` is not known here", shown(word)),
                        format!("after the count come `burst` and `per`; {EXAMPLES}"),
                    ));
                }
            }
        }
        let allowance = match (period, burst) {
            (Period::Window(window), None) => {
                let quota = Quota::new(count, window).ok_or_else(|| beyond(span.clone()))?;
                Allowance::Quota(quota)
            }
            (Period::Window(window), Some((at, _))) => {
                return Err(error(
                    at,
                    format!("a quota has no burst: all of a {} may be used at once", window.as_str()),
                    "leave `burst` away, or write a rate such as \"100/24h burst 20\"",
                ));
            }
            (Period::Time(period), burst) => {
                let at = burst.as_ref().map_or_else(|| span.clone(), |(at, _)| at.clone());
                let burst = burst.map_or(count, |(_, burst)| burst);
                Allowance::Rate(Rate::new(count, period, burst).map_err(|why| error(at, why.to_string(), EXAMPLES))?)
            }
        };
        let limit = Self { allowance, per: per.unwrap_or_default() };
        // Short words are written out when it is shown, and what is shown has to be read again.
        if limit.to_string().len() > LONGEST { Err(too_long()) } else { Ok(limit) }
    }
}

enum Period {
    Time(Duration),
    Window(Window),
}

fn amount(span: Range<usize>, word: &str) -> Result<(u64, Period), LimitError> {
    let Some((count, period)) = word.split_once('/') else {
        return Err(error(span, "a limit begins with a count, a slash and a period", EXAMPLES));
    };
    let slash = span.start + count.len();
    let count = whole(span.start..slash, count)?;
    let at = slash + 1..span.end;
    let unit = |nanos_of_one: Duration| Ok((count, Period::Time(nanos_of_one)));
    match period {
        "" => Err(error(at, "the period is missing", EXAMPLES)),
        "s" | "sec" | "second" => unit(Duration::from_secs(1)),
        "m" | "min" | "minute" => unit(Duration::from_mins(1)),
        "h" | "hour" => unit(Duration::from_hours(1)),
        "d" | "day" => Ok((count, Period::Window(Window::Day))),
        "month" => Ok((count, Period::Window(Window::Month))),
        _ => duration(at.clone(), period).and_then(|time| {
            if time.is_zero() { Err(error(at, "the period is no time at all", EXAMPLES)) } else { unit(time) }
        }),
    }
}

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

fn duration(span: Range<usize>, text: &str) -> Result<Duration, LimitError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let milliseconds = number.parse::<u64>().ok().zip(factor).and_then(|(n, factor)| n.checked_mul(factor));
    milliseconds.map(Duration::from_millis).ok_or_else(|| {
        let help = match text {
            "week" | "weeks" | "w" => "write \"/7d\": a rate over seven days".to_owned(),
            "year" | "years" | "y" => "write \"/month\" or \"/365d\"".to_owned(),
            "seconds" | "minutes" | "hours" | "days" | "months" => {
                format!("write \"/{}\"", text.strip_suffix('s').unwrap_or(text))
            }
            _ => format!("second, minute, hour, day, month, or a time such as 30s, 5m, 12h; {EXAMPLES}"),
        };
        error(span, format!("`{}` is not a period", shown(text)), help)
    })
}

fn whole(span: Range<usize>, text: &str) -> Result<u64, LimitError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(error(span, format!("`{}` is not a whole number", shown(text)), EXAMPLES));
    }
    match text.parse::<u64>() {
        Ok(0) => {
            Err(error(span, "a limit of 0 lets nothing pass", "leave the route out of the app, or allow at least 1"))
        }
        Ok(number) if number <= MOST_COUNT => Ok(number),
        _ => Err(beyond(span)),
    }
}

fn beyond(span: Range<usize>) -> LimitError {
    error(span, format!("more than {MOST_COUNT} is no limit"), EXAMPLES)
}

/// Words of other tools for what is meant.
const OTHERS: [(&str, &str); 14] = [
    ("addr", "ip"),
    ("address", "ip"),
    ("client", "ip"),
    ("remote_addr", "ip"),
    ("host", "ip"),
    ("endpoint", "route"),
    ("path", "route"),
    ("url", "route"),
    ("apikey", "key"),
    ("api_key", "key"),
    ("api-key", "key"),
    ("token", "user"),
    ("login", "account"),
    ("email", "account"),
];

const KNOWN: &str = "ip, route, header:NAME, user, account, key";

fn dimensions(span: Range<usize>, text: &str) -> Result<SmallVec<[Dimension; 2]>, LimitError> {
    let mut found: SmallVec<[Dimension; 2]> = SmallVec::new();
    let mut from = span.start;
    for part in text.split('+') {
        let at = from..from + part.len();
        from = at.end + 1;
        let dimension = dimension(at.clone(), part)?;
        if found.contains(&dimension) {
            return Err(error(at, format!("`{part}` stands twice"), "keep one of them"));
        }
        found.push(dimension);
    }
    found.sort();
    Ok(found)
}

fn dimension(span: Range<usize>, part: &str) -> Result<Dimension, LimitError> {
    match part {
        "ip" => Ok(Dimension::Ip),
        "route" => Ok(Dimension::Route),
        "user" => Ok(Dimension::User),
        "account" => Ok(Dimension::Account),
        "key" => Ok(Dimension::Key),
        "" => Err(error(span, "a name is missing", format!("known are {KNOWN}"))),
        _ => match part.strip_prefix("header:") {
            Some(name) if is_field_name(name) => Ok(Dimension::Header(name.to_ascii_lowercase())),
            Some(_) => {
                Err(error(span, "the header has no name that HTTP knows", "write for example \"header:x-api-key\""))
            }
            None => {
                let help = match OTHERS.iter().find(|(other, _)| part.eq_ignore_ascii_case(other)) {
                    Some((_, ours)) => format!("did you mean `{ours}`? known are {KNOWN}"),
                    None => format!("known are {KNOWN}"),
                };
                Err(error(span, format!("nothing is counted per `{}`", shown(part)), help))
            }
        },
    }
}

/// A token of RFC 9110 §5.6.2.
fn is_field_name(name: &str) -> bool {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(is_token)
}

/// Text of a policy as it may be shown in a message.
fn shown(text: &str) -> String {
    const MOST: usize = 40;
    let short: String = text.chars().take(MOST).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip => f.write_str("ip"),
            Self::Route => f.write_str("route"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::User => f.write_str("user"),
            Self::Account => f.write_str("account"),
            Self::Key => f.write_str("key"),
        }
    }
}

/// As it is written, so that it reads back as the same.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.allowance {
            Allowance::Quota(quota) => write!(f, "{}/{}", quota.count(), quota.window().as_str())?,
            Allowance::Rate(rate) => {
                write!(f, "{}/{}", rate.count(), Time(rate.period()))?;
                if rate.burst() != rate.count() {
                    write!(f, " burst {}", rate.burst())?;
                }
            }
        }
        for (at, dimension) in self.per.iter().enumerate() {
            write!(f, "{}{dimension}", if at == 0 { " per " } else { "+" })?;
        }
        Ok(())
    }
}

struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        match milliseconds {
            1_000 => f.write_str("second"),
            60_000 => f.write_str("minute"),
            3_600_000 => f.write_str("hour"),
            _ => {
                let whole = UNITS.iter().rev().find(|(_, factor)| milliseconds.is_multiple_of(u128::from(*factor)));
                let (name, factor) = whole.copied().unwrap_or(("ms", 1));
                write!(f, "{}{name}", milliseconds / u128::from(factor))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for (text, shown) in [
            ("5/minute per ip", "5/minute per ip"),
            ("5/m", "5/minute"),
            ("100/hour burst 20 per route", "100/hour burst 20 per route"),
            ("100/hour per ip burst 20", "100/hour burst 20 per ip"),
            ("5/30s", "5/30s"),
            ("5/90s", "5/90s"),
            ("7/120s", "7/2m"),
            ("1000/day per header:X-Api-Key", "1000/day per header:x-api-key"),
            ("1/24h", "1/1d"),
            ("9/month per route+ip", "9/month per ip+route"),
            ("3/250ms burst 3", "3/250ms"),
            ("  5/minute   per   ip ", "5/minute per ip"),
            ("1/hour per account+user+key", "1/hour per user+account+key"),
        ] {
            let limit: Limit = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(limit.to_string(), shown, "{text}");
            assert_eq!(shown.parse::<Limit>().unwrap(), limit, "{text}");
        }
    }

    // R12: every mistake says where it is and how to mend it
    #[test]
    fn mistakes_have_a_place() {
        for (text, place, reason) in [
            ("", "", "nothing written"),
            ("5", "5", "a count, a slash and a period"),
            ("/minute", "", "not a whole number"),
            ("five/minute", "five", "not a whole number"),
            ("-5/minute", "-5", "not a whole number"),
            ("0/minute", "0", "lets nothing pass"),
            ("5/", "", "period is missing"),
            ("5/minutes", "minutes", "not a period"),
            ("5/week", "week", "not a period"),
            ("5/0s", "0s", "no time"),
            ("5/99999999999999999999s", "99999999999999999999s", "not a period"),
            ("99999999999999999999/s", "99999999999999999999", "no limit"),
            ("1000000/0ms", "0ms", "no time"),
            ("900000000000/ms", "ms", "not a period"),
            ("900000000000/1ms", "900000000000/1ms", "nanosecond"),
            ("5/minute burst", "", "of what"),
            ("5/minute burst x", "x", "not a whole number"),
            ("5/minute burst 0", "0", "lets nothing pass"),
            ("5/minute burst 2 burst 3", "burst", "twice"),
            ("5/day burst 3", "3", "no burst"),
            ("5/minute per", "", "of what"),
            ("5/minute per client", "client", "nothing is counted per"),
            ("5/minute per ip+", "", "name is missing"),
            ("5/minute per ip+ip", "ip", "twice"),
            ("5/minute per header:", "header:", "no name"),
            ("5/minute per header:a b", "b", "not known here"),
            ("5/minute per ip per route", "per", "twice"),
            ("1/365d burst 1000000", "1000000", "ten years"),
            ("５/minute", "５", "not a whole number"),
        ] {
            let error = text.parse::<Limit>().expect_err(text);
            assert_eq!(text.get(error.span.clone()), Some(place), "{text}: {error}");
            assert!(error.reason.contains(reason), "{text}: {error}");
            assert!(!error.help.is_empty(), "{text}");
        }
    }

    // R12, hostile: what is read has a spelling that is read, too
    #[test]
    fn a_text_is_bounded_in_both_spellings() {
        for text in ["5/d per header:", "5/day per header:", "5/d  per header:"] {
            for length in text.len() + 1..=LONGEST + 2 {
                let text = format!("{text}{}", "x".repeat(length - text.len()));
                match text.parse::<Limit>() {
                    Ok(limit) => {
                        assert!(limit.to_string().len() <= LONGEST, "{text}");
                        assert_eq!(limit.to_string().parse(), Ok(limit), "{text}");
                    }
                    Err(error) => {
                        assert!(length + 2 > LONGEST && error.reason.contains("200 bytes"), "{text}: {error}");
                    }
                }
            }
        }
    }
}
