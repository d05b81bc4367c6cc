//! JSON that is written piece by piece.
//!
//! What is written for each request, a problem document and a line of the log, has a shape that is known and texts that
//! hardly ever need an escape; going through a serializer, the line cost as much as the judgement. Where a text does need
//! one, `serde_json` writes it.
//!
//! ```
//! use buckler_engine::json::Object;
//! let mut out = Vec::new();
//! let mut object = Object::begin(&mut out);
//! object.text("code", "rate_limited");
//! object.number("status", 429);
//! object.end();
//! assert_eq!(out, br#"{"code":"rate_limited","status":429}"#);
//! ```

use std::fmt::{self, Display, Write as _};

use serde::Serialize;

/// An object that is being written. It is whole once it has ended.
#[derive(Debug)]
#[must_use = "without its end it is not JSON"]
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    separator: u8,
}

impl<'o> Object<'o> {
    /// Begins one behind what is there.
    pub fn begin(out: &'o mut Vec<u8>) -> Self {
        Self { out, separator: b'{' }
    }

    /// Writes a name, in letters that need no escapes. One value has to be written to what is given back.
    pub fn member(&mut self, name: &'static str) -> &mut Vec<u8> {
        debug_assert!(!needs_escapes(name), "{name:?}");
        self.out.reserve(name.len() + 4);
        self.out.push(std::mem::replace(&mut self.separator, b','));
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Writes a name that somebody else has given; otherwise as [`Self::member`].
    pub fn foreign_member(&mut self, name: &str) -> &mut Vec<u8> {
        self.out.push(std::mem::replace(&mut self.separator, b','));
        quote(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// A member that is a text.
    pub fn text(&mut self, name: &'static str, value: &str) {
        quote(self.member(name), value);
    }

    /// A member that is the text which a value prints.
    pub fn shown(&mut self, name: &'static str, value: impl Display) {
        let out = self.member(name);
        out.push(b'"');
        // Writing to memory does not fail, and what is printed does not by itself.
        let _always = write!(Escaped(out), "{value}");
        out.push(b'"');
    }

    /// A member that is a whole number.
    pub fn number(&mut self, name: &'static str, value: u64) {
        let out = self.member(name);
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A member that is a list.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Vec<u8>, T),
    ) {
        let out = self.member(name);
        out.push(b'[');
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write(out, item);
        }
        out.push(b']');
    }

    /// Ends the object.
    pub fn end(self) {
        if self.separator == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }
}

/// Writes a text, in its quotes.
pub fn quote(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    escape(out, text);
    out.push(b'"');
}

/// Writes any other value.
pub fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    // Text, numbers and lists of them always serialise, and memory takes all of it.
    serde_json::to_writer(out, value).ok();
}

fn needs_escapes(text: &str) -> bool {
    let escapes = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    // Looks at all of it, so that it can look at many bytes at once.
    text.bytes().fold(false, |any, byte| any | escapes(byte))
}

/// What stands between the quotes.
fn escape(out: &mut Vec<u8>, text: &str) {
    if !needs_escapes(text) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let begin = out.len();
    write(out, text);
    out.pop();
    // The opening quote; what moves is as short as a text with an escape is rare.
    if begin < out.len() {
        out.remove(begin);
    }
}

/// Takes what a value prints.
struct Escaped<'o>(&'o mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_empty_object_is_one() {
        let mut out = b"x".to_vec();
        Object::begin(&mut out).end();
        assert_eq!(out, b"x{}");
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_what_was_meant(
            name in any::<String>(),
            text in "(?s)[\u{0}-\u{10FFFF}]{0,40}|[\"\\\\a\u{1}]{0,8}",
            number in any::<u64>(),
            items in prop::collection::vec(any::<String>(), 0..4),
        ) {
            let mut out = Vec::new();
            let mut object = Object::begin(&mut out);
            object.text("t", &text);
            object.shown("s", format_args!("{text}{number}{text}"));
            object.number("n", number);
            object.list("l", &items, |out, item| quote(out, item));
            Object::begin(object.member("o")).end();
            quote(object.foreign_member(&format!("x{name}")), "");
            object.end();
            let read: Value = serde_json::from_slice(&out).unwrap();
            let shown = format!("{text}{number}{text}");
            let mut meant = json!({"t": text, "s": shown, "n": number, "l": items, "o": {}});
            meant[format!("x{name}")] = "".into();
            prop_assert_eq!(read, meant);
            let mut quoted = Vec::new();
            quote(&mut quoted, &text);
            prop_assert_eq!(quoted, serde_json::to_vec(&text).unwrap());
        }
    }
}
