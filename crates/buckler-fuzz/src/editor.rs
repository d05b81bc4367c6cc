//! The JSON editor under arbitrary bytes and cuts.

use buckler_inspect::json::{
    Edit, EditLimits, Edited, JsonEditor, JsonFault, JsonLimits, JsonScanner, Rules, Strings, Texts,
};
use serde_json::{Map, Value};

/// Removes the members whose names have as many bytes as this, at every depth.
#[derive(Debug, Clone, Copy)]
struct Length(usize);

impl Rules for Length {
    type At = ();

    fn root(&self) {}

    fn member(&mut self, (): (), name: &str) -> Edit<()> {
        if name.len() == self.0 { Edit::Remove } else { Edit::Keep(()) }
    }

    fn item(&self, (): (), _: usize) {}
}

/// Edits what follows the first byte, which chooses what is removed and trimmed.
///
/// # Panics
///
/// When what is written depends on how the text is cut, when a text that the scanner takes is not edited as its value
/// is, or when one that nothing was to be done about is not written as it came.
pub fn json_editor(data: &[u8]) {
    let Some((&choice, text)) = data.split_first() else { return };
    let rules = Length(usize::from(choice % 8));
    let strings = if choice < 128 { Strings::AsWritten } else { Strings::Trimmed };
    for texts in [Texts::One, Texts::Sequence] {
        let whole = edit(rules, texts, strings, [text]);
        for length in [1, 2, 3, 7, 8, 64] {
            assert_eq!(edit(rules, texts, strings, text.chunks(length)), whole, "in pieces of {length}");
        }
        let mut scanner = JsonScanner::new(JsonLimits::default());
        if scanner.push(text).is_err() || scanner.finish().is_err() {
            continue;
        }
        assert!(whole.is_ok(), "the scanner takes it, the editor does not");
        let Ok((out, edited)) = whole else { continue };
        assert!(edited.is_untouched() || out != text, "what is told was changed");
        let (Ok(before), Ok(after)) = (serde_json::from_slice(text), serde_json::from_slice::<Value>(&out)) else {
            continue;
        };
        assert_eq!(after, removed(rules, strings, before), "edited as the value is");
    }
}

fn edit<'a>(
    rules: Length,
    texts: Texts,
    strings: Strings,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Vec<u8>, Edited), JsonFault> {
    let mut editor = JsonEditor::new(rules, EditLimits::default(), texts, strings);
    let mut out = Vec::new();
    for chunk in chunks {
        editor.push(chunk, &mut out)?;
    }
    Ok((out, editor.finish()?.0))
}

fn removed(rules: Length, strings: Strings, value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(name, _)| name.len() != rules.0);
            Value::Object(kept.map(|(name, value)| (name, removed(rules, strings, value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(|item| removed(rules, strings, item)).collect(),
        Value::String(text) if strings == Strings::Trimmed => {
            text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{1C}'..='\u{1F}')).into()
        }
        other => other,
    }
}
