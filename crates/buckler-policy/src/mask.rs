//! Masks what may be a secret before any of the text can be shown.
//!
//! A mistake is shown with the line it stands in, and that line may hold a key or a password, most of all
//! when the mistake is that a secret was written where a reference belongs. So a masked copy is made once, by
//! looking at the characters alone, which works on a file that does not parse, too; and what the parser finds to be
//! the value of such a key is masked whatever its form.

use std::borrow::Cow;
use std::ops::Range;

use crate::suggest::nearest;

/// Words in the name of a key that make its value a secret until shown otherwise.
const SECRET_WORDS: [&str; 10] =
    ["key", "secret", "pass", "pwd", "token", "credential", "certificate", "dsn", "pepper", "salt"];

/// Longest name that is compared with the words letter by letter.
const LONGEST_MISSPELT: usize = 24;

/// What may be shown in place of a secret: how it is referred to, never what it is.
const REFERENCES: [&str; 3] = ["env:", "file:", "cmd:"];

/// The reference whose arguments are masked.
const COMMAND: &str = "cmd:";

/// Endings of file names. A value that ends so is a forgotten `file:` and no secret.
const FILE_ENDINGS: [&str; 5] = [".pem", ".crt", ".cer", ".key", ".der"];

/// Longest name of a file that is believed to be one.
const LONGEST_FILE_NAME: usize = 200;

/// Bytes of a value that are looked at to see whether it is a reference; more than the longest file name.
const LOOK_AHEAD: usize = 256;

/// What begins a value that may go on over further lines, and what ends it.
const OPENINGS: [(&str, &str); 4] = [("\"\"\"", "\"\"\""), ("'''", "'''"), ("[", "]"), ("{", "}")];

/// Whether the value of a key with this last name is masked; `public` are the names declared as not secret.
pub(crate) fn is_secret_name(name: &str, public: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    let misspelt = || (3..=LONGEST_MISSPELT).contains(&name.len()) && nearest(&name, SECRET_WORDS).is_some();
    !public.contains(&name.as_str()) && (SECRET_WORDS.iter().any(|word| name.contains(word)) || misspelt())
}

/// Whether text names a secret instead of being one.
pub(crate) fn is_reference(value: &str) -> bool {
    REFERENCES.iter().any(|scheme| value.starts_with(scheme)) || looks_like_file(value)
}

/// A value of the environment or of a flag as it may be shown.
pub(crate) fn mask_value(value: &str) -> String {
    let end = match program_end(value) {
        Some(end) if value.starts_with(COMMAND) => end,
        _ if is_reference(value) => value.len(),
        _ => 0,
    };
    let (before, secret) = value.split_at_checked(end).unwrap_or(("", value));
    format!("{before}{}", stars(secret))
}

/// Where the arguments of a command begin: they may hold a secret themselves.
fn program_end(value: &str) -> Option<usize> {
    value.find(char::is_whitespace)
}

/// Whether text is the name of a certificate or key file.
pub(crate) fn looks_like_file(value: &str) -> bool {
    value.len() <= LONGEST_FILE_NAME
        && !value.contains(char::is_whitespace)
        && FILE_ENDINGS.iter().any(|ending| value.ends_with(ending))
}

/// Each byte of `value` but line breaks becomes `*`.
pub(crate) fn stars(value: &str) -> String {
    value.bytes().map(|byte| if byte == b'\n' || byte == b'\r' { char::from(byte) } else { '*' }).collect()
}

/// Masks parts of a text that is masked by lines already: what the parser found to be secret values, however
/// they are laid out.
pub(crate) fn mask_spans(shown: &mut String, spans: &[Range<usize>]) {
    for span in spans {
        if let Some(value) = shown.get(span.clone()) {
            let masked = stars(value);
            shown.replace_range(span.clone(), &masked);
        }
    }
}

/// The file as it may be shown: same length in bytes, same lines.
pub(crate) fn mask_file(text: &str, public: &[&str]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut open: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        match open {
            Some(quotes) => {
                shown.push_str(&stars(line));
                if line.contains(quotes) {
                    open = None;
                }
            }
            None => match secret_value_of(line, public) {
                Some((before, value)) => {
                    shown.push_str(before);
                    shown.push_str(&stars(value));
                    open = OPENINGS
                        .into_iter()
                        .find(|(opening, closing)| {
                            let (opened, closed) = (value.matches(opening).count(), value.matches(closing).count());
                            if opening == closing { opened % 2 == 1 } else { opened > closed }
                        })
                        .map(|(_, closing)| closing);
                }
                None => shown.push_str(&mask_urls(line)),
            },
        }
    }
    shown
}

/// What ends an address in a line of a policy, or in a list of them.
const ENDS_OF_URL: [char; 9] = ['"', '\'', ' ', '\t', ',', ']', '}', '\r', '\n'];

/// Masks what an address carries beside where it leads: user and password, and the query. Same length in bytes.
pub(crate) fn mask_urls(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return mask_userinfo(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let (url, behind) = after.split_at(after.find(ENDS_OF_URL).unwrap_or(after.len()));
        let (place, query) = url.split_at(url.find('?').map_or(url.len(), |at| at + 1));
        let authority = place.split('/').next().unwrap_or_default();
        let (userinfo, place) = place.split_at(authority.rfind('@').unwrap_or_default());
        shown.extend([before, "://", &stars(userinfo), place, &stars(query)]);
        rest = behind;
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Masks what stands before an `@` in a word of a line without addresses: of one whose scheme was forgotten, that is the
/// password.
fn mask_userinfo(line: &str) -> Cow<'_, str> {
    let Some((before, place)) = line.rsplit_once('@') else { return Cow::Borrowed(line) };
    let word = before.rfind(ENDS_OF_URL).map_or(0, |at| at + 1);
    let (before, userinfo) = before.split_at_checked(word).unwrap_or((before, ""));
    Cow::Owned(format!("{before}{}@{place}", stars(userinfo)))
}

/// Splits a line before the first value that has to be masked.
fn secret_value_of<'l>(line: &'l str, public: &[&str]) -> Option<(&'l str, &'l str)> {
    line.match_indices('=').find_map(|(at, _)| {
        let (name, _) = line.split_at_checked(at)?;
        let (_, value) = line.split_at_checked(at + 1)?;
        let blanks = value.len() - value.trim_start_matches([' ', '\t']).len();
        let (before, value) = line.split_at_checked(at + 1 + blanks)?;
        let name = name
            .trim_end_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'')
            .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .next()?;
        if !is_secret_name(name, public) {
            return None;
        }
        // A bounded look ahead: the cost of a line must not grow with the square of its length.
        let (ahead, _) = value.split_at_checked(value.floor_char_boundary(LOOK_AHEAD))?;
        let bare = ahead.trim().trim_matches(['"', '\'', '[']);
        let first = bare.split(['"', '\'']).next().unwrap_or_default();
        if !is_reference(first) {
            return Some((before, value));
        }
        let program = program_end(ahead).filter(|_| first.starts_with(COMMAND))?;
        line.split_at_checked(at + 1 + blanks + program)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_masked_even_in_text_that_does_not_parse() {
        for (given, shown) in [
            ("key = \"hunter2\"", "key = *********"),
            ("key = hunter2", "key = *******"),
            ("tls.key=\"hunter2", "tls.key=********"),
            ("\"key\" = 'x'", "\"key\" = ***"),
            ("tls = { mode = \"files\", key = \"hunter2\" }", "tls = { mode = \"files\", key = ***********"),
            ("passwrod = \"a\"\npassword = \"b\"\nx = 1", "passwrod = ***\npassword = ***\nx = 1"),
            ("key = \"\"\"\nBEGIN\n\"\"\"\nx = 1", "key = ***\n*****\n***\nx = 1"),
            ("key = '''\nnever closed", "key = ***\n************"),
            ("key = [\n\"a\",\n\"b\"\n]\nx = 1", "key = *\n****\n***\n*\nx = 1"),
            ("key = { a = 1 }", "key = *********"),
            ("api_token = \"é\"", "api_token = ****"),
        ] {
            let masked = mask_file(given, &["keys"]);
            assert_eq!(masked, shown);
            assert_eq!(masked.len(), given.len());
        }
    }

    // R61
    #[test]
    fn what_an_address_carries_is_masked() {
        for (given, shown) in [
            ("s = \"https://a.example/o.json\"", "s = \"https://a.example/o.json\""),
            ("s = \"https://me:pw@a.example/o\" # x?y", "s = \"https://*****@a.example/o\" # x?y"),
            ("s = 'https://a.example/o?t=é&u=1'", "s = 'https://a.example/o?********'"),
            ("[\"http://a@b@c/@d\", \"b://x?y\"]", "[\"http://***@c/@d\", \"b://x?*\"]"),
            ("a@b://c", "a@b://c"),
            ("://", "://"),
        ] {
            assert_eq!(mask_urls(given), shown);
            assert_eq!(mask_file(given, &[]), shown);
            assert_eq!(shown.len(), given.len());
        }
    }

    #[test]
    fn references_and_what_is_declared_public_stay_readable() {
        assert_eq!(mask_file("key = \"cmd:vault kv get\"", &[]), "key = \"cmd:vault********");
        assert_eq!((mask_value("cmd:vault kv"), mask_value("env:A")), ("cmd:vault***".into(), "env:A".into()));
        assert_eq!((mask_value("cmd:vault"), mask_value("a b")), ("cmd:vault".into(), "***".into()));
        for text in [
            "key = \"env:TLS_KEY\"\n",
            "key = 'file:/run/secrets/tls.key'",
            "certificate = \"/etc/ssl/site.pem\" # a path",
            "json = { depth = 3, keys = 5 }",
            "listen = [\"0.0.0.0:8443\"]",
        ] {
            assert_eq!(mask_file(text, &["keys"]), text);
        }
    }
}
