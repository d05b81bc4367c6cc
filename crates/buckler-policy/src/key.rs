//! A key of the policy, declared once: everything else is generated from these declarations.

use crate::diagnostic::Faults;
use crate::grammar::{Grammar, Shape};
use crate::node::Node;

/// What is said about a key, in the reference, in the schema and in messages.
pub(crate) struct About {
    /// Full name, such as `server.timeouts.header`.
    pub(crate) path: &'static str,
    /// What it is for.
    pub(crate) doc: &'static str,
    /// What holds where it is not set.
    pub(crate) preset: Preset,
    /// The reason for that, one sentence.
    pub(crate) why: &'static str,
    /// A value as it may be written, in TOML.
    pub(crate) example: &'static str,
    /// What other tools call it; only for suggestions.
    pub(crate) aliases: &'static [&'static str],
}

/// What holds where a key is not set. Values are TOML.
pub(crate) enum Preset {
    /// The same everywhere.
    Always(&'static str),
    /// One value in production and staging, one in development.
    ByEnvironment { deployed: &'static str, development: &'static str },
    /// Nothing; the text says what that means.
    Unset(&'static str),
    /// The top-level `mode`.
    Mode,
}

/// A key and the grammar of its value.
pub(crate) struct Key<G> {
    pub(crate) about: About,
    pub(crate) grammar: G,
}

/// A key whatever its grammar, for tables of keys.
pub(crate) trait Declared: Sync {
    fn about(&self) -> &About;
    fn shape(&self) -> Shape;
    /// Applies the grammar for its mistakes only.
    fn check(&self, node: &Node, faults: &mut Faults);
}

impl<G: Grammar> Declared for Key<G> {
    fn about(&self) -> &About {
        &self.about
    }

    fn shape(&self) -> Shape {
        self.grammar.shape()
    }

    fn check(&self, node: &Node, faults: &mut Faults) {
        drop(self.grammar.parse(node, faults));
    }
}

impl About {
    /// The last part of the name.
    pub(crate) fn name(&self) -> &'static str {
        split(self.path).1
    }

    /// The section, empty for the top level.
    pub(crate) fn section(&self) -> &'static str {
        split(self.path).0
    }

    /// The environment variable that sets it.
    pub(crate) fn variable(&self) -> String {
        variable(self.path)
    }
}

/// Section and last part of a path.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

/// Section and name as one path.
pub(crate) fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// The environment variable of a path.
pub(crate) fn variable(path: &str) -> String {
    format!("BUCKLER_{}", path.replace('.', "__").to_ascii_uppercase())
}

/// Writes a line of a generated page.
pub(crate) fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}
