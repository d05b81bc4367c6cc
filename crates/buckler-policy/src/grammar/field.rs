//! Names and values of header fields, and methods (RFC 9110 §5, §9).

use buckler_http::token::{is_field_value, is_token};

use super::written::{Complaint, Written};

/// Longest value of a field that the policy sets. Servers and clients take 8 KiB for a line; half of that
/// leaves room for the name and for other fields.
const LONGEST_VALUE: usize = 4_096;

/// Methods that a browser never sends from a script (Fetch §2.2.1, "forbidden method").
const FORBIDDEN_METHODS: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];

/// A field by name, lower case.
pub(crate) const FIELD_NAME: Written<String> = Written {
    what: "the name of a header field",
    words: "the name of a header field such as `\"Authorization\"`; case does not matter",
    read: field_name,
};

/// A method that a script may send.
pub(crate) const METHOD: Written<String> =
    Written { what: "a method", words: "a method such as `\"GET\"`, upper case", read: method };

/// A field value with a reader of its own; empty text is no field at all.
pub(crate) const fn field_value(
    what: &'static str,
    words: &'static str,
    read: fn(&str) -> Result<Option<String>, Complaint>,
) -> Written<Option<String>> {
    Written { what, words, read }
}

/// A field by name, lower case.
pub(crate) fn field_name(text: &str) -> Result<String, Complaint> {
    if text == "*" {
        return Err(Complaint::new("`*` is not a name")
            .help("list the names; browsers take `*` for one as soon as credentials are sent"));
    }
    if !is_token(text.as_bytes()) {
        let reason = "letters, digits and !#$%&'*+-.^_`|~ are allowed (RFC 9110 §5.6.2)";
        let trimmed = text.trim().trim_end_matches(':');
        let complaint = Complaint::new(reason);
        return Err(if is_token(trimmed.as_bytes()) {
            complaint.help(format!("did you mean \"{trimmed}\"?"))
        } else {
            complaint
        });
    }
    Ok(text.to_ascii_lowercase())
}

fn method(text: &str) -> Result<String, Complaint> {
    if text == "*" {
        return Err(Complaint::new("`*` is not a method")
            .help("list the methods; browsers take `*` for a name as soon as credentials are sent"));
    }
    if !is_token(text.as_bytes()) {
        return Err(Complaint::new("a method is letters without spaces (RFC 9110 §9.1)"));
    }
    let upper = text.to_ascii_uppercase();
    if text != upper {
        return Err(Complaint::new("methods are case-sensitive and written in upper case (RFC 9110 §9.1)")
            .help(format!("did you mean \"{upper}\"?")));
    }
    if FORBIDDEN_METHODS.contains(&text) {
        return Err(Complaint::new("no browser sends it from a script"));
    }
    Ok(upper)
}

/// Checks that hold for every field value: no line break, no control character, ASCII, bounded.
pub(super) fn value(text: &str) -> Result<Option<String>, Complaint> {
    if text.is_empty() {
        return Ok(None);
    }
    if !is_field_value(text.as_bytes()) {
        return Err(Complaint::new("it holds a line break or another control character")
            .help("write it on one line; a line break would begin another header field"));
    }
    if !text.is_ascii() {
        return Err(Complaint::new("it holds characters beyond ASCII"));
    }
    if text.trim() != text {
        return Err(Complaint::new("it begins or ends with white space")
            .help(format!("write \"{}\"; \"\" sends no field", text.trim())));
    }
    if text.len() > LONGEST_VALUE {
        return Err(Complaint::new(format!("it is longer than {LONGEST_VALUE} bytes")));
    }
    Ok(Some(text.to_owned()))
}
