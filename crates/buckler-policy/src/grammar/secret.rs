//! References to secrets. No message here repeats any part of the value.

use serde_json::json;

use super::{Grammar, Shape};
use crate::diagnostic::{Code, Diagnostic, Faults};
use crate::mask::looks_like_file;
use crate::node::Node;
use crate::secret::{Secret, SecretReference};

/// `env:NAME`, `file:PATH`, `cmd:PROGRAM …`, or the secret itself.
pub(crate) struct SecretRef;

const FORMS: &str = "write \"env:NAME\", \"file:/run/secrets/name\" or \"cmd:program argument\"";

impl Grammar for SecretRef {
    type Value = SecretReference;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<SecretReference> {
        let Some(text) = node.text() else {
            node.wrong_type("a reference to a secret", faults).help(FORMS);
            return None;
        };
        let refuse = |message: &str, help: &str, faults: &mut Faults| {
            let fault: &mut Diagnostic = faults.refuse(Code::Invalid, &node.place, message);
            fault.help(help);
            None
        };
        if let Some(name) = text.strip_prefix("env:") {
            if is_variable(name) {
                return Some(SecretReference::Env(name.to_owned()));
            }
            return refuse("`env:` needs the name of an environment variable", "write \"env:NAME\"", faults);
        }
        if let Some(path) = text.strip_prefix("file:") {
            if path.is_empty() || path.contains('\0') {
                return refuse("`file:` needs a path", "write \"file:/run/secrets/name\"", faults);
            }
            return Some(SecretReference::File(path.to_owned()));
        }
        if let Some(line) = text.strip_prefix("cmd:") {
            return match words(line) {
                Some(words) if !words.is_empty() => Some(SecretReference::Command(words)),
                Some(_) => refuse("`cmd:` needs a program", "write \"cmd:program argument\"", faults),
                None => refuse(
                    "the command has a quote that is not closed",
                    "the program is started without a shell; quotes only keep words together",
                    faults,
                ),
            };
        }
        if looks_like_file(text) {
            let help = format!("put `file:` in front: \"file:{text}\"");
            return refuse("a file is named without `file:`", &help, faults);
        }
        if text.trim().is_empty() {
            return refuse("the reference is empty", FORMS, faults);
        }
        Some(SecretReference::Literal(Secret::new(text.to_owned())))
    }

    fn shape(&self) -> Shape {
        Shape {
            words: "a reference to a secret: `\"env:NAME\"`, `\"file:PATH\"` or `\"cmd:PROGRAM ARGUMENT …\"`"
                .to_owned(),
            schema: json!({ "type": "string", "minLength": 1 }),
            secret: true,
        }
    }
}

/// Name of an environment variable (POSIX.1-2017 §8.1, lower case admitted).
fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Words of a command, apart at white space; quotes keep words together. There is no escape, no variable and no
/// other meaning that a shell would find in it. `None` if a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            (_, '\0') => return None,
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_words_and_never_a_shell() {
        for (line, expected) in [
            ("vault kv get", Some(vec!["vault", "kv", "get"])),
            ("a 'b c' \"d'e\"", Some(vec!["a", "b c", "d'e"])),
            ("a $(rm) `x` ; b", Some(vec!["a", "$(rm)", "`x`", ";", "b"])),
            ("a ''", Some(vec!["a", ""])),
            ("  ", Some(vec![])),
            ("a 'b", None),
            ("a\0b", None),
        ] {
            let expected: Option<Vec<String>> = expected.map(|words| words.into_iter().map(str::to_owned).collect());
            assert_eq!(words(line), expected, "{line}");
        }
    }
}
