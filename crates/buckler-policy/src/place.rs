//! Where in the sources something stands.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One source of settings, as it may be shown: values that are or may be secrets are masked already.
pub(crate) struct Text {
    pub(crate) kind: TextKind,
    /// What is shown; same length in bytes as what was given, so that spans fit both.
    pub(crate) shown: String,
}

/// What kind of source a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TextKind {
    /// The policy file, by the name it was given under.
    File(String),
    /// `NAME=value` of the environment.
    Variable(String),
    /// `--flag value` of the command line.
    Flag(String),
    /// A default of this crate.
    BuiltIn,
}

/// A span of a source, shared cheaply.
#[derive(Clone)]
pub struct Place {
    text: Arc<Text>,
    span: Range<usize>,
}

impl Place {
    /// The span is moved to character boundaries inside the text, so that nothing later can fail on it.
    pub(crate) fn new(text: Arc<Text>, span: Range<usize>) -> Self {
        let start = text.shown.floor_char_boundary(span.start);
        let end = text.shown.ceil_char_boundary(span.end).max(start);
        Self { text, span: start..end }
    }

    /// Another span of the same text.
    pub(crate) fn at(&self, span: Range<usize>) -> Self {
        Self::new(Arc::clone(&self.text), span)
    }

    pub(crate) fn kind(&self) -> &TextKind {
        &self.text.kind
    }

    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The file, where the place is in one.
    pub fn file(&self) -> Option<&str> {
        match &self.text.kind {
            TextKind::File(name) => Some(name),
            TextKind::Variable(_) | TextKind::Flag(_) | TextKind::BuiltIn => None,
        }
    }

    /// The environment variable, where the place is in one.
    pub fn variable(&self) -> Option<&str> {
        match &self.text.kind {
            TextKind::Variable(name) => Some(name),
            TextKind::File(_) | TextKind::Flag(_) | TextKind::BuiltIn => None,
        }
    }

    /// The command line flag, where the place is in one.
    pub fn flag(&self) -> Option<&str> {
        match &self.text.kind {
            TextKind::Flag(name) => Some(name),
            TextKind::File(_) | TextKind::Variable(_) | TextKind::BuiltIn => None,
        }
    }

    /// Line, counted from 1.
    pub fn line(&self) -> usize {
        self.before().matches('\n').count() + 1
    }

    /// Column in characters, counted from 1.
    pub fn column(&self) -> usize {
        let line = self.before().rsplit('\n').next().unwrap_or_default();
        line.chars().count() + 1
    }

    /// The whole line that the place begins in, secrets masked.
    pub fn source_line(&self) -> &str {
        let lines = self.lines();
        let text = self.text.shown.get(lines).unwrap_or_default();
        text.lines().next().unwrap_or_default().trim_end_matches('\r')
    }

    /// What stands at the place, secrets masked.
    pub fn excerpt(&self) -> &str {
        self.text.shown.get(self.span()).unwrap_or_default()
    }

    /// Byte range of the lines that the span touches, without the last line break.
    pub(crate) fn lines(&self) -> Range<usize> {
        let shown = self.text.shown.as_str();
        let start = self.before().rfind('\n').map_or(0, |at| at + 1);
        let rest = shown.get(self.span.end..).unwrap_or_default();
        let end = self.span.end + rest.find('\n').unwrap_or(rest.len());
        start..end
    }

    /// Text of [`Place::lines`].
    pub(crate) fn lines_text(&self) -> &str {
        self.text.shown.get(self.lines()).unwrap_or_default()
    }

    fn before(&self) -> &str {
        self.text.shown.get(..self.span.start).unwrap_or_default()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text.kind {
            TextKind::File(name) => write!(f, "{name}:{}:{}", self.line(), self.column()),
            TextKind::Variable(name) => write!(f, "environment variable {name}"),
            TextKind::Flag(name) => write!(f, "command line flag {name}"),
            TextKind::BuiltIn => f.write_str("built-in default"),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(shown: &str, span: Range<usize>) -> Place {
        let kind = TextKind::File("f".to_owned());
        let text = Text { kind, shown: shown.to_owned() };
        Place::new(Arc::new(text), span)
    }

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        for (shown, span, line, column, source) in [
            ("", 0..0, 1, 1, ""),
            ("", 3..9, 1, 1, ""),
            ("é = 1", 3..4, 1, 3, "é = 1"),
            ("a\nbc\n", 3..4, 2, 2, "bc"),
            ("a\r\nbc\r\n", 3..5, 2, 1, "bc"),
            ("a\n", 2..2, 2, 1, ""),
            ("é", 1..1, 1, 1, "é"),
        ] {
            let place = place(shown, span);
            assert_eq!((place.line(), place.column()), (line, column), "{shown:?}");
            assert_eq!(place.source_line(), source, "{shown:?}");
        }
    }
}
