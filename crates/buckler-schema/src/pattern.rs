//! Patterns of a document: linear wherever they can be, bounded where they cannot, and measured before they are compiled.
//!
//! They are read as Pydantic reads them, with the same engine and the same syntax, so what FastAPI accepts passes.

use std::collections::HashMap;
use std::sync::Arc;

use regex_syntax::hir::{Hir, HirKind};

use crate::limits::Limits;

/// Bytes of a pattern's text.
const TEXT: usize = 8_192;

/// Bytes of a compiled pattern: Pydantic's own limit, which the estimate keeps far away.
const COMPILED: usize = 10 << 20;

/// Groups within groups.
const NESTED: u32 = 100;

/// Steps of the backtracking engine on one text. What needs more does not match.
const STEPS: usize = 20_000;

/// A pattern that can be run.
#[derive(Debug)]
pub(crate) enum Pattern {
    Linear(regex::Regex),
    /// With look-around or references to groups.
    Backtracking(Box<fancy_regex::Regex>),
}

impl Pattern {
    /// Whether it occurs in a text. Undecided within the bound is no.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Linear(regex) => regex.is_match(text),
            Self::Backtracking(regex) => regex.is_match(text).unwrap_or(false),
        }
    }
}

pub(crate) type Compiled = HashMap<String, Arc<Pattern>>;

/// All patterns of a document, each compiled once.
#[derive(Debug)]
pub(crate) struct Patterns {
    known: HashMap<String, Result<Arc<Pattern>, &'static str>>,
    /// States that may still be spent.
    states: u64,
    each: u64,
    backtracking: usize,
}

impl Patterns {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { known: HashMap::new(), states: limits.patterns, each: limits.pattern, backtracking: limits.backtracking }
    }

    /// A pattern that can be held to, or why it cannot.
    pub(crate) fn admit(&mut self, text: &str) -> Result<&Pattern, &'static str> {
        if !self.known.contains_key(text) {
            let compiled = self.compile(text).map(Arc::new);
            self.known.insert(text.to_owned(), compiled);
        }
        match self.known.get(text) {
            Some(Ok(pattern)) => Ok(pattern),
            Some(Err(why)) => Err(*why),
            None => Err("the pattern is unknown"),
        }
    }

    pub(crate) fn compiled(self) -> Compiled {
        self.known.into_iter().filter_map(|(text, pattern)| Some((text, pattern.ok()?))).collect()
    }

    fn compile(&mut self, text: &str) -> Result<Pattern, &'static str> {
        if text.len() > TEXT {
            return Err("the pattern is too long");
        }
        let parsed = regex_syntax::ParserBuilder::new().nest_limit(NESTED).build().parse(text);
        match parsed {
            Ok(hir) => {
                let states = states(&hir);
                if states > self.each {
                    return Err("the pattern unfolds to too many states");
                }
                self.states =
                    self.states.checked_sub(states).ok_or("the document's patterns are too large together")?;
                let built = regex::RegexBuilder::new(text).size_limit(COMPILED).nest_limit(NESTED).build();
                built.map(Pattern::Linear).map_err(|_| "the pattern unfolds to too many states")
            }
            Err(regex_syntax::Error::Parse(error)) if is_beyond_linear(error.kind()) => self.backtracking(text),
            Err(_) => Err("the pattern is no valid expression"),
        }
    }

    fn backtracking(&mut self, text: &str) -> Result<Pattern, &'static str> {
        self.backtracking = self.backtracking.checked_sub(1).ok_or("too many patterns need backtracking")?;
        // Its parts are compiled one by one, unmeasured: only small repetitions are let through.
        if counts(text) > BACKTRACKING_COUNTS {
            return Err("the pattern needs backtracking and repeats too much");
        }
        let built = fancy_regex::RegexBuilder::new(text)
            .backtrack_limit(STEPS)
            .delegate_size_limit(COMPILED_PART)
            .delegate_dfa_size_limit(COMPILED_PART)
            .build();
        built.map(|regex| Pattern::Backtracking(Box::new(regex))).map_err(|_| "the pattern is no valid expression")
    }
}

/// Bytes of each part that the backtracking engine hands to the linear one.
const COMPILED_PART: usize = 1 << 20;

/// The product of the counted repetitions of a pattern for the backtracking engine.
const BACKTRACKING_COUNTS: u64 = 10_000;

/// The product of all numbers behind opening braces and commas: more than what the repetitions unfold to.
fn counts(text: &str) -> u64 {
    let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
    let largest = parts.map(|(inner, _)| {
        let numbers = inner.split(',').filter_map(|number| number.trim().parse::<u64>().ok());
        numbers.max().unwrap_or(1).max(1)
    });
    largest.fold(1, u64::saturating_mul)
}

fn is_beyond_linear(kind: &regex_syntax::ast::ErrorKind) -> bool {
    use regex_syntax::ast::ErrorKind::{UnsupportedBackreference, UnsupportedLookAround};
    matches!(kind, UnsupportedBackreference | UnsupportedLookAround)
}

/// About how many states an expression unfolds to.
fn states(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => u64::try_from(literal.0.len()).unwrap_or(u64::MAX),
        // A range of characters needs up to four bytes of each end.
        HirKind::Class(class) => match class {
            regex_syntax::hir::Class::Unicode(class) => 4 * u64::try_from(class.ranges().len()).unwrap_or(u64::MAX),
            regex_syntax::hir::Class::Bytes(class) => u64::try_from(class.ranges().len()).unwrap_or(u64::MAX),
        },
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or_else(|| repetition.min.saturating_add(1)).max(1);
            // Whatever is empty can still be repeated.
            states(&repetition.sub).max(1).saturating_mul(u64::from(times)).saturating_add(1)
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(states).fold(1, u64::saturating_add),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_measured_before_they_are_compiled() {
        // R40: catastrophic ones first.
        let nested = format!("{}a{}", "(".repeat(5_000), ")".repeat(5_000));
        let cases = [
            ("(((a{1000}){1000}){1000}){1000}", Err("the pattern unfolds to too many states")),
            (r"\w{100000}", Err("the pattern unfolds to too many states")),
            (r"(?=(a{1000}){1000})b", Err("the pattern needs backtracking and repeats too much")),
            (nested.as_str(), Err("the pattern is too long")),
            ("(", Err("the pattern is no valid expression")),
            ("(?=", Err("the pattern is no valid expression")),
            ("^(a+)+$", Ok(())),
            (r"^(?!.*admin)\w+$", Ok(())),
            (r"^[\w.-]{1,64}$", Ok(())),
        ];
        for (text, expected) in cases {
            let mut patterns = Patterns::new(&Limits::default());
            assert_eq!(patterns.admit(text).map(|_| ()), expected, "{text:.40}");
        }
    }

    #[test]
    fn many_patterns_are_bounded_together() {
        let mut patterns = Patterns::new(&Limits { patterns: 1_000, backtracking: 2, ..Limits::default() });
        let mut refused = 0;
        for at in 0..200 {
            refused += usize::from(patterns.admit(&format!("[a-z]{{{at}}}x")).is_err());
            refused += usize::from(patterns.admit(&format!("(?=a){at}")).is_err());
        }
        assert!((300..398).contains(&refused), "{refused}");
    }

    #[test]
    fn a_catastrophic_text_ends_undecided_and_refused() {
        let mut patterns = Patterns::new(&Limits::default());
        let pattern = patterns.admit(r"^(?=(a+)+$)(a|aa)+\1$").unwrap();
        assert!(!pattern.matches(&format!("{}b", "a".repeat(5_000))));
        let linear = patterns.admit("^(a+)+$").unwrap();
        assert!(linear.matches(&"a".repeat(100_000)) && !linear.matches(&format!("{}b", "a".repeat(100_000))));
    }

    #[test]
    fn digits_and_words_are_those_of_pydantic() {
        let mut patterns = Patterns::new(&Limits::default());
        for (pattern, text) in [(r"^\d+$", "١٢"), (r"^\w+$", "größe"), ("b", "abc")] {
            assert!(patterns.admit(pattern).unwrap().matches(text), "{pattern}");
        }
    }
}
