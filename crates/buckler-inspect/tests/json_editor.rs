//! What an edited JSON text is: the same bytes without the members that the rules name.
// R41
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test")]

use buckler_inspect::json::{Edit, EditLimits, Edited, JsonEditor, JsonFault, Rules, Strings, Texts};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Removes `x` everywhere, `y` at an even depth, and `z` from items of an odd place.
#[derive(Clone, Copy)]
struct Table;

#[derive(Clone, Copy)]
struct At {
    depth: usize,
    is_odd: bool,
}

impl Table {
    fn goes(at: At, name: &str) -> bool {
        match name {
            "x" => true,
            "y" => at.depth.is_multiple_of(2),
            "z" => at.is_odd,
            _ => false,
        }
    }
}

impl Rules for Table {
    type At = At;

    fn root(&self) -> At {
        At { depth: 0, is_odd: false }
    }

    fn member(&mut self, at: At, name: &str) -> Edit<At> {
        if Self::goes(at, name) { Edit::Remove } else { Edit::Keep(At { depth: at.depth + 1, is_odd: false }) }
    }

    fn item(&self, at: At, index: usize) -> At {
        At { depth: at.depth + 1, is_odd: index % 2 == 1 }
    }
}

/// The same on a value.
fn removed(at: At, value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| !Table::goes(at, name));
            let below = At { depth: at.depth + 1, is_odd: false };
            Value::Object(kept.map(|(name, value)| (name.clone(), removed(below, value))).collect())
        }
        Value::Array(items) => items.iter().enumerate().map(|(at_, item)| removed(Table.item(at, at_), item)).collect(),
        other => other.clone(),
    }
}

fn edit_with<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
    texts: Texts,
    strings: Strings,
    limits: EditLimits,
) -> Result<(Vec<u8>, Edited), JsonFault> {
    let mut editor = JsonEditor::new(Table, limits, texts, strings);
    let mut out = Vec::new();
    for chunk in chunks {
        editor.push(chunk, &mut out)?;
    }
    Ok((out, editor.finish()?.0))
}

fn edit(text: &str) -> Result<String, JsonFault> {
    let whole = edit_with([text.as_bytes()], Texts::One, Strings::AsWritten, EditLimits::default());
    for length in [1, 2, 3, 5] {
        let cut = edit_with(text.as_bytes().chunks(length), Texts::One, Strings::AsWritten, EditLimits::default());
        assert_eq!(cut, whole, "{text} in pieces of {length}");
    }
    whole.map(|(out, _)| String::from_utf8(out).unwrap())
}

fn trim(text: &str) -> String {
    let whole = edit_with([text.as_bytes()], Texts::One, Strings::Trimmed, EditLimits::default()).unwrap();
    for length in [1, 2, 3, 5] {
        let cut = edit_with(text.as_bytes().chunks(length), Texts::One, Strings::Trimmed, EditLimits::default());
        assert_eq!(cut.as_ref(), Ok(&whole), "{text} in pieces of {length}");
    }
    String::from_utf8(whole.0).unwrap()
}

#[test]
fn a_member_goes_with_one_comma_and_all_else_stays_as_it_was_written() {
    let long = " ".repeat(1_024);
    let cases = [
        // Only, first, last, between, several.
        (r#"{"x":1}"#, r"{}"),
        (r#"{"x":1,"a":2}"#, r#"{"a":2}"#),
        (r#"{"a":2,"x":1}"#, r#"{"a":2}"#),
        (r#"{"a":2,"x":1,"b":3}"#, r#"{"a":2,"b":3}"#),
        (r#"{"x":1,"x":[1,{"a":"}"}],"a":2,"x":"\"","x":1,"b":3,"x":{}}"#, r#"{"a":2,"b":3}"#),
        (r#" { "x" : 1 , "a" : 2 , "x" : 3 } "#, r#" {   "a" : 2  } "#),
        // Every disguise of a name, and none of a value.
        (r#"{"\u0078":1,"\u0058":2,"a":"x","b":["x"]}"#, r#"{"\u0058":2,"a":"x","b":["x"]}"#),
        (r#"{"X":1,"xx":2,"":3,"x ":4}"#, r#"{"X":1,"xx":2,"":3,"x ":4}"#),
        // Digits, escapes and order.
        (
            r#"{"x":0,"n":123456789012345678901234567890.10e+5,"s":"\u00e9\/é","m":-0}"#,
            r#"{"n":123456789012345678901234567890.10e+5,"s":"\u00e9\/é","m":-0}"#,
        ),
        (r#"{"n":NaN,"x":-Infinity,"m":Infinity}"#, r#"{"n":NaN,"m":Infinity}"#),
        // Places of objects and of items.
        (r#"{"a":{"y":1,"b":{"y":1}},"y":2}"#, r#"{"a":{"y":1,"b":{}}}"#),
        (r#"[{"z":1},{"z":1},{"z":1}]"#, r#"[{"z":1},{},{"z":1}]"#),
        // Nothing to do.
        ("1", "1"),
        (r#""x""#, r#""x""#),
        ("[]", "[]"),
        (" [ ] ", " [ ] "),
        ("{\n}", "{\n}"),
    ];
    for (text, edited) in cases {
        assert_eq!(edit(text).as_deref(), Ok(edited), "{text}");
    }
    // White space is kept up to a bound, and what is beyond it takes no memory.
    assert_eq!(edit(&format!(r#"{{"a":1,{long}"b":1}}"#)), Ok(format!(r#"{{"a":1,{long}"b":1}}"#)));
    assert_eq!(edit(&format!(r#"{{"a":1,{long}   "b":1}}"#)), Ok(format!(r#"{{"a":1,{long}"b":1}}"#)));
    assert_eq!(edit(&format!(r#"{{"x":1,{long}   "b":1}}"#)), Ok(format!(r#"{{{long}"b":1}}"#)));
}

#[test]
fn what_is_no_json_is_a_fault() {
    let faults = [
        ("", JsonFault::Empty { offset: 0 }),
        (" ", JsonFault::Empty { offset: 1 }),
        ("{", JsonFault::Truncated { offset: 1 }),
        (r#"{"a":"b"#, JsonFault::Truncated { offset: 7 }),
        (r#"{"x":1"#, JsonFault::Truncated { offset: 6 }),
        (r#"{"a":1,}"#, JsonFault::Syntax { offset: 7 }),
        (r"{a:1}", JsonFault::Syntax { offset: 1 }),
        (r#"{"a" 1}"#, JsonFault::Syntax { offset: 5 }),
        (r#"{"a":}"#, JsonFault::Syntax { offset: 5 }),
        (r#"{"a":x"x":1}"#, JsonFault::Syntax { offset: 6 }),
        (r"{'a':1}", JsonFault::Syntax { offset: 1 }),
        (r#"{/**/"x":1}"#, JsonFault::Syntax { offset: 1 }),
        ("[1}", JsonFault::Syntax { offset: 2 }),
        ("[,1]", JsonFault::Syntax { offset: 1 }),
        ("1 2", JsonFault::TrailingData { offset: 2 }),
        ("\u{feff}{}", JsonFault::Syntax { offset: 0 }),
        ("{\0\"\0x\0", JsonFault::Syntax { offset: 1 }),
        (r#"{"\ud800":1}"#, JsonFault::LoneSurrogate { offset: 2 }),
        (r#"{"\x":1}"#, JsonFault::InvalidEscape { offset: 3 }),
    ];
    for (text, fault) in faults {
        assert_eq!(edit(text), Err(fault), "{text}");
    }
    let few = EditLimits { depth: 2, name: 3 };
    let by = |text: &str| edit_with([text.as_bytes()], Texts::One, Strings::AsWritten, few).map(drop);
    assert_eq!(by(r"[[1]]"), Ok(()));
    assert_eq!(by(r"[[[1]]]"), Err(JsonFault::TooDeep { offset: 2 }));
    assert_eq!(by(r#"{"x":[[1]]}"#), Err(JsonFault::TooDeep { offset: 6 }), "what goes is no way to deeper nesting");
    assert_eq!(by(r#"{"abc":"abcd"}"#), Ok(()));
    assert_eq!(by(r#"{"abcd":1}"#), Err(JsonFault::StringTooLong { offset: 5 }));
}

#[test]
fn texts_may_follow_each_other_where_that_is_said() {
    for (text, edited) in
        [("", ""), ("{\"x\":1}\n{\"x\":1,\"a\":1}\n", "{}\n{\"a\":1}\n"), ("1 2[{\"x\":1}]\"a\"", "1 2[{}]\"a\"")]
    {
        let (out, _) =
            edit_with([text.as_bytes()], Texts::Sequence, Strings::AsWritten, EditLimits::default()).unwrap();
        assert_eq!(out, edited.as_bytes(), "{text}");
    }
}

#[test]
fn strings_are_trimmed_as_python_does_it_however_they_are_written() {
    let cases = [
        (r#""  a b  ""#, r#""a b""#),
        (r#"[" ", "", "\n\t\r\f \u0020\u00a0\u2003"]"#, r#"["", "", ""]"#),
        (r#"{" a ": " \u0020a\u0020\n b\n "}"#, r#"{" a ": "a\u0020\n b"}"#),
        ("\"\u{a0}\u{3000}é\u{2028}\"", "\"é\""),
        (r#""\u001ca\u001f\u0085""#, r#""a""#),
        (r#""\u200ba\b""#, r#""\u200ba\b""#),
        (r#""\\ ""#, r#""\\""#),
        (r#""\" ""#, r#""\"""#),
        (r#"" \ud83d\ude00 ""#, r#""\ud83d\ude00""#),
        (r#"{"x": " a ", "n":  1 }"#, r#"{ "n":  1 }"#),
    ];
    for (text, trimmed) in cases {
        assert_eq!(trim(text), trimmed, "{text}");
    }
    let count =
        |text: &str| edit_with([text.as_bytes()], Texts::One, Strings::Trimmed, EditLimits::default()).unwrap().1;
    assert_eq!(count(r#"[" a", "a\n", "a", " ", ""]"#), Edited { removed: 0, trimmed: 3 });
    assert!(count(r#"["a b", 1]"#).is_untouched());
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[xy \\\\\"\u{e9}\n]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec(("[xyzab\\\\\"]{0,2}", inner), 0..6)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

fn trimmed(value: &Value) -> Value {
    match value {
        Value::String(text) => text.trim().into(),
        Value::Array(items) => items.iter().map(trimmed).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), trimmed(value))).collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn editing_a_text_is_editing_its_value(value in value(), is_pretty in any::<bool>(), cut in 1_usize..9) {
        let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let limits = EditLimits::default();
        let whole = edit_with([text.as_bytes()], Texts::One, Strings::AsWritten, limits).unwrap();
        let pieces = edit_with(text.as_bytes().chunks(cut), Texts::One, Strings::AsWritten, limits).unwrap();
        prop_assert_eq!(&whole, &pieces);
        let (out, edited) = whole;
        prop_assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), removed(Table.root(), &value));
        prop_assert_eq!(edited.is_untouched(), out == text.as_bytes());
        let pieces = edit_with(text.as_bytes().chunks(cut), Texts::One, Strings::Trimmed, limits).unwrap();
        let expected = removed(Table.root(), &trimmed(&value));
        prop_assert_eq!(serde_json::from_slice::<Value>(&pieces.0).unwrap(), expected);
    }

    #[test]
    fn what_bytes_do_does_not_depend_on_how_they_are_cut(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"", " ", "\\", "\"x\"", "\"a\":", "\\u0078", "1", "\"x\":1", "é", "\u{a0}",
        ]), 0..16),
        cut in 1_usize..6,
        strings in prop_oneof![Just(Strings::AsWritten), Just(Strings::Trimmed)],
    ) {
        let text = pieces.concat();
        let limits = EditLimits { depth: 4, name: 4 };
        let whole = edit_with([text.as_bytes()], Texts::Sequence, strings, limits);
        prop_assert_eq!(edit_with(text.as_bytes().chunks(cut), Texts::Sequence, strings, limits), whole);
    }
}
