//! What a log may see of a line that somebody else wrote: what an app prints, a traceback most of all.
//!
//! A line has no structure to rely on, so this finds what has the shape of a secret: the user information of a URL,
//! the value behind a telling name, tokens and card numbers. What an app prints of a secret without either shape or
//! name passes: the app's own log is the place to mend that.

use std::borrow::Cow;

use super::{MASK, looks_secret};

/// Names, or ends of names, whose value is not for a log; lower case.
const TELLING: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "authorization",
    "cookie",
    "credentials",
];

/// Header fields whose value runs to the end of the line, spaces and all.
const WHOLE_LINE: &[&str] = &["authorization", "cookie"];

/// The line without what looks like a secret.
///
/// ```
/// use buckler_engine::redact::text;
/// assert_eq!(text("connecting to postgres://shop:hunter2@db/shop"), "connecting to postgres://***@db/shop");
/// assert_eq!(text("login(name='ada', password='hunter2')"), "login(name='ada', password='***')");
/// assert_eq!(text("all is well"), "all is well");
/// ```
pub fn text(line: &str) -> Cow<'_, str> {
    match without_user_information(line) {
        Cow::Borrowed(line) => without_telling_words(line),
        Cow::Owned(line) => Cow::Owned(without_telling_words(&line).into_owned()),
    }
}

/// Masks what stands between `://` and the last `@` of the authority (RFC 3986 §3.2.1).
fn without_user_information(line: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '\'' | '"' | '?' | '#' | ')'));
        let (authority, behind) = after.split_at_checked(end.unwrap_or(after.len())).unwrap_or((after, ""));
        out.push_str(before);
        out.push_str("://");
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                out.push_str(MASK);
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = behind;
    }
    out.push_str(rest);
    if out == line { Cow::Borrowed(line) } else { Cow::Owned(out) }
}

/// Masks words that look like a secret, and those behind a telling name.
fn without_telling_words(line: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut telling: Option<&str> = None;
    let mut rest = line;
    while !rest.is_empty() {
        let start = rest.find(is_word).unwrap_or(rest.len());
        let (between, word_on) = rest.split_at_checked(start).unwrap_or((rest, ""));
        let end = word_on.find(|c| !is_word(c)).unwrap_or(word_on.len());
        let (word, behind) = word_on.split_at_checked(end).unwrap_or((word_on, ""));
        out.push_str(between);
        let name = telling.take().filter(|_| is_assignment(between) && !word.is_empty());
        if name.is_some() || looks_secret(word.as_bytes()) {
            out.push_str(MASK);
        } else {
            out.push_str(word);
        }
        // A value, too: where the one before is empty, this is no value but the next name.
        telling = ends_in(word, TELLING).then_some(word);
        if name.is_some_and(|name| ends_in(name, WHOLE_LINE)) {
            break;
        }
        rest = behind;
    }
    if out == line { Cow::Borrowed(line) } else { Cow::Owned(out) }
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '%' | '~' | '$' | '!' | '^')
}

/// `=`, `:` and the quotes, spaces and brackets around them.
fn is_assignment(between: &str) -> bool {
    between.contains(['=', ':'])
        && !between.contains("//")
        && between.chars().all(|c| matches!(c, '=' | ':' | '\'' | '"' | ' ' | '(' | 'b'))
}

fn ends_in(word: &str, names: &[&str]) -> bool {
    names.iter().any(|name| {
        word.len()
            .checked_sub(name.len())
            .and_then(|at| word.as_bytes().get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(name.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // R61
    #[test]
    fn secrets_in_what_an_app_prints_are_masked() {
        for line in [
            "RuntimeError: no connection to postgres://shop:CANARY@db.internal/shop",
            "redis://:CANARY@cache:6379/0 is down",
            "postgres://CANARY:@db/x",
            "KeyError in login(password='CANARY')",
            "{\"access_token\": \"CANARY\"}",
            "SECRET_KEY_TOKEN=CANARY",
            "DB_PASSWORD: CANARY",
            "login(password='', token='CANARY')",
            "headers: Authorization: Bearer CANARY and more CANARY",
            "Cookie: a=1; session=CANARY",
            "using eyJhbGciOiJCANARYIsInR5cCI.eyJzdWIi.x",
            "key sk_live_CANARYabcdefgh was refused",
        ] {
            let masked = text(line);
            assert!(!masked.contains("CANARY"), "{line} → {masked}");
        }
    }

    #[test]
    fn what_helps_is_left() {
        for line in [
            "Traceback (most recent call last):",
            "  File \"/srv/shop/main.py\", line 42, in read_user",
            "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such table: users",
            "the password is wrong",
            "token expired",
            "see https://example.com/a:b@c for more",
            "ünïcode: ok — 12:30:01",
            "",
        ] {
            assert_eq!(text(line), line);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic_or_grow_without_bound(line: String) {
            assert!(text(&line).len() <= line.len() * 3 + 8);
        }
    }
}
