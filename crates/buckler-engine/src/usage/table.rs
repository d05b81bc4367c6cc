//! A bounded table of what is asked for and not listed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Rows of a table. An app with more operations that nobody has listed has none that is worth the name; and of those who
/// try names, the first thousand tell all.
pub(super) const MOST_ROWS: usize = 1_000;

/// Methods that are told apart (RFC 9110 §9, RFC 5789); others are a client's own words.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Stands for any other method.
const OTHER: &str = "other";

/// What was asked for, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// Method and template, or the shape of a path, as `GET /items/{}`.
    pub what: String,
    /// Requests.
    pub requests: u64,
}

/// What is not listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unlisted {
    /// By the shape of the path: segments that look like values are `{}`. The most asked for first; at most 1,000.
    pub shapes: Vec<Requested>,
    /// Requests of shapes beyond these.
    pub further: u64,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    counts: BTreeMap<(&'static str, String), u64>,
    further: u64,
}

impl Table {
    pub(super) fn count(&self, method: &str, shape: impl FnOnce() -> String) {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER);
        let key = (method, shape());
        // Nothing in there can be half done when a holder panics.
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = rows.counts.len() >= MOST_ROWS;
        match rows.counts.get_mut(&key) {
            Some(count) => *count = count.saturating_add(1),
            None if is_full => rows.further = rows.further.saturating_add(1),
            None => drop(rows.counts.insert(key, 1)),
        }
    }

    pub(super) fn read(&self) -> Unlisted {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let requested = |((method, shape), requests): (&(&str, String), &u64)| Requested {
            what: format!("{method} {shape}"),
            requests: *requests,
        };
        let mut shapes: Vec<Requested> = rows.counts.iter().map(requested).collect();
        shapes.sort_by_key(|asked| std::cmp::Reverse(asked.requests));
        Unlisted { shapes, further: rows.further }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R07
    #[test]
    fn whoever_tries_names_meets_a_bound() {
        let table = Table::default();
        for at in 0..MOST_ROWS + 7 {
            table.count("GET", || format!("/{at}"));
        }
        table.count("GET", || "/0".to_owned());
        table.count("BREW\u{1b}", || "/0".to_owned());
        let read = table.read();
        assert_eq!((read.shapes.len(), read.further), (MOST_ROWS, 8));
        assert_eq!(read.shapes[0], Requested { what: "GET /0".to_owned(), requests: 2 });
        let table = Table::default();
        table.count("BREW\u{1b}", || "/0".to_owned());
        assert_eq!(table.read().shapes[0].what, "other /0");
    }
}
