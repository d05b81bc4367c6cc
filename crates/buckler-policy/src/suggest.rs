//! "Did you mean …?"

use strsim::{damerau_levenshtein, normalized_damerau_levenshtein};

/// Names longer than this are not compared: nothing that is declared is nearly as long, and the comparison costs
/// the product of both lengths.
const LONGEST_COMPARED: usize = 64;

/// One wrong letter in three is still a misspelling; more is another word (the rule that `rustc` follows).
const LETTERS_PER_MISTAKE: usize = 3;

/// The candidate that a misspelt word was probably meant to be.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if word.chars().count() > LONGEST_COMPARED {
        return None;
    }
    let folded = word.to_lowercase().replace('-', "_");
    let allowed = folded.chars().count().max(LETTERS_PER_MISTAKE) / LETTERS_PER_MISTAKE;
    candidates
        .into_iter()
        .filter(|candidate| !candidate.is_empty())
        .map(|candidate| {
            let other = candidate.to_lowercase().replace('-', "_");
            let likeness = normalized_damerau_levenshtein(&folded, &other);
            (damerau_levenshtein(&folded, &other), likeness, candidate)
        })
        .filter(|(distance, _, _)| *distance <= allowed)
        .max_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)))
        .map(|(_, _, candidate)| candidate)
}

/// As [`nearest`], and an abbreviation is taken for the word that it begins.
pub(crate) fn nearest_word<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str> + Clone) -> Option<&'c str> {
    const SHORTEST_ABBREVIATION: usize = 2;
    let near = nearest(word, candidates.clone());
    let begins =
        |candidate: &&str| word.chars().count() >= SHORTEST_ABBREVIATION && candidate.starts_with(&word.to_lowercase());
    near.or_else(|| candidates.into_iter().find(begins))
}

/// Text of the policy in a message: in backquotes, control characters escaped, long text cut.
pub(crate) fn quoted(text: &str) -> String {
    const MOST_SHOWN: usize = 80;
    let mut shown: String = text.chars().take(MOST_SHOWN).flat_map(escaped).collect();
    if text.chars().nth(MOST_SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

fn escaped(c: char) -> impl Iterator<Item = char> {
    let escape = c.is_control();
    let plain = (!escape).then_some(c);
    let escaped = escape.then(|| c.escape_default());
    plain.into_iter().chain(escaped.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["hosts", "listen", "http_redirect", "trusted_proxies"];
        for (word, expected) in [
            ("host", Some("hosts")),
            ("Hosts", Some("hosts")),
            ("lisetn", Some("listen")),
            ("http-redirect", Some("http_redirect")),
            ("trusted_proxy", Some("trusted_proxies")),
            ("quite_something_else", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(nearest(&"h".repeat(1 << 20), known), None);
    }

    #[test]
    fn quoted_text_cannot_move_the_cursor_nor_flood() {
        assert_eq!(quoted("a\u{1b}[2J\n"), "`a\\u{1b}[2J\\n`");
        assert!(quoted(&"x".repeat(1000)).len() < 100);
    }
}
