//! The text of a policy, line by line. Names come from the app, so nothing of them may end a comment or a string.

use buckler_gateway::workers::printable;
use serde::Serialize;

/// Characters of a comment: the app's own names may be long.
const WIDEST: usize = 300;

/// Lines of TOML.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.0.push('\n');
    }

    /// A line for the reader.
    pub(super) fn comment(&mut self, text: &str) {
        let shown: String = printable(text).chars().map(|c| if c == '\t' { ' ' } else { c }).take(WIDEST).collect();
        self.line(&format!("# {shown}"));
    }

    /// A line that the reader may want to be in force.
    pub(super) fn proposal(&mut self, line: &str) {
        self.line(&format!("#{}", printable(line)));
    }

    /// Opens a section; its name is ours.
    pub(super) fn section(&mut self, name: &str) {
        self.line(&format!("\n[{name}]"));
    }

    /// Opens one more of a list of sections; its name is ours.
    pub(super) fn tables(&mut self, name: &str) {
        self.line(&format!("\n[[{name}]]"));
    }

    /// A key that is in force.
    pub(super) fn key(&mut self, name: &str, given: &impl Serialize) {
        self.line(&format!("{name} = {}", value(given)));
    }

    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }
}

/// A value as TOML writes it, in one line.
pub(super) fn value(given: &impl Serialize) -> String {
    // A text, a list of texts or a boolean always has a form in TOML.
    toml::Value::try_from(given).map(|value| value.to_string()).unwrap_or_default()
}
