//! Names of members that leave in no answer.

use std::collections::BTreeSet;

use regex::bytes::{Regex, RegexBuilder};

/// Words up to which every way to join them counts; longer names are joined in one way throughout.
const MIXED_WORDS: usize = 4;

/// What stands between the words of a name: as attributes of Python, as header fields, and as names of JavaScript, whose
/// capitals make no difference.
const JOINTS: [&str; 3] = ["_", "-", ""];

/// Bytes of memory that the search may be compiled to; a hundred names take a part of it.
const SEARCH_BYTES: usize = 4 << 20;

/// The names, in every spelling.
#[derive(Debug)]
pub(crate) struct NeverReturn {
    /// In lower case.
    spellings: BTreeSet<Vec<u8>>,
    longest: usize,
    /// Finds what may be one of them in the text of an answer. Without it, every text may.
    search: Option<Regex>,
}

impl NeverReturn {
    pub(crate) fn new(names: &[String]) -> Self {
        let spellings: BTreeSet<Vec<u8>> =
            names.iter().flat_map(|name| spellings(name)).map(String::into_bytes).collect();
        let longest = spellings.iter().map(Vec::len).max().unwrap_or_default();
        let search = search(&spellings);
        Self { spellings, longest, search }
    }

    /// Whether a member of this name stays here.
    pub(crate) fn holds(&self, name: &str) -> bool {
        name.len() <= self.longest && self.spellings.contains(&name.as_bytes().to_ascii_lowercase())
    }

    /// Whether the text of an answer may name one of them; `false` is certain.
    pub(crate) fn may_stand_in(&self, text: &[u8]) -> bool {
        // UTF-16 and UTF-32 are read by some clients, and hide every name.
        let is_wide = matches!(text, [0xFE | 0xFF | 0, ..] | [_, 0, ..]);
        is_wide || self.search.as_ref().is_none_or(|search| search.is_match(text))
    }
}

/// A name in the ways to write it, in lower case.
fn spellings(name: &str) -> Vec<String> {
    let words = words(name);
    if words.len() > MIXED_WORDS {
        return JOINTS.iter().map(|joint| words.join(joint)).collect();
    }
    let mut all = vec![String::new()];
    for (at, word) in words.iter().enumerate() {
        let joints: &[&str] = if at == 0 { &[""] } else { &JOINTS };
        all = all.iter().flat_map(|begun| joints.iter().map(move |joint| format!("{begun}{joint}{word}"))).collect();
    }
    all
}

/// The words of a name: between `_` and `-`, and where a capital follows a small letter.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = '_';
    for character in name.chars() {
        let begins = matches!(before, '_' | '-') || (before.is_lowercase() && character.is_uppercase());
        before = character;
        if matches!(character, '_' | '-') {
            continue;
        }
        let character = character.to_ascii_lowercase();
        match words.last_mut() {
            Some(word) if !begins => word.push(character),
            _ => words.push(character.into()),
        }
    }
    words
}

/// A name as it is written, or any escape that could be a part of one: of a character of ASCII that needs none.
fn search(spellings: &BTreeSet<Vec<u8>>) -> Option<Regex> {
    let plain = spellings.iter().map(|spelling| std::str::from_utf8(spelling).map(regex::escape));
    let plain = plain.collect::<Result<Vec<_>, _>>().ok()?;
    let escape = if spellings.iter().all(|spelling| spelling.is_ascii()) { "u00[2-7]" } else { "u" };
    RegexBuilder::new(&format!(r"(?i:{})|\\{escape}", plain.join("|")))
        .unicode(plain.iter().any(|spelling| !spelling.is_ascii()))
        .size_limit(SEARCH_BYTES)
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> NeverReturn {
        NeverReturn::new(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    // R41
    #[test]
    fn a_name_is_known_in_each_spelling_and_nothing_else_is() {
        for written in ["hashed_password", "hashed-password", "hashedPassword", "_hashedPassword_"] {
            let never = names(&[written]);
            for name in ["hashed_password", "hashed-password", "hashedPassword", "HASHED_PASSWORD", "hashedpassword"] {
                assert!(never.holds(name), "{written}: {name}");
                assert!(never.may_stand_in(format!("{{\"{name}\":1}}").as_bytes()), "{written}: {name}");
            }
            for name in ["password", "hashed", "hashed_passwords", "hashed__password", "_hashed_password", ""] {
                assert!(!never.holds(name), "{written}: {name}");
            }
        }
        let five = names(&["a_b_c_d_e"]);
        assert!(five.holds("aBCDE") && five.holds("a-b-c-d-e") && !five.holds("a_b-c_d_e"));
        let foreign = names(&["geheimnis_straße"]);
        assert!(foreign.holds("geheimnisStraße") && foreign.may_stand_in("{\"geheimnisStraße\"".as_bytes()));
        assert!(foreign.may_stand_in(br#"{"geheimnisStra\u00dfe""#));
    }

    #[test]
    fn what_may_hide_a_name_is_looked_at() {
        let never = names(&["hashed_password"]);
        for (text, may) in [
            (r#"{"hashed\u005fpassword":1}"#, true),
            (r#"{"\u0068ashed_password":1}"#, true),
            (r#"{"a":"\u00e9\n\u2028\ud83d\ude00"}"#, false),
            (r#"{"a":"a password that is hashed"}"#, false),
            ("", false),
        ] {
            assert_eq!(never.may_stand_in(text.as_bytes()), may, "{text}");
        }
        for wide in [&b"{\0\"\0h\0"[..], b"\0{\0\"", b"\xff\xfe{\0", b"\xfe\xff\0{"] {
            assert!(never.may_stand_in(wide));
        }
    }
}
