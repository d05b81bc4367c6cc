//! What can be switched off.

use serde_json::json;

use super::{Grammar, Shape};
use crate::diagnostic::Faults;
use crate::node::Node;

/// The word that switches it off. A zero would be read as "at once" by some and as "never" by others.
const OFF: &str = "off";

/// A value of another grammar, or `"off"`.
pub(crate) struct OrOff<G>(pub(crate) G);

impl<G: Grammar> Grammar for OrOff<G> {
    type Value = Option<G::Value>;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<Self::Value> {
        if node.text() == Some(OFF) {
            return Some(None);
        }
        self.0.parse(node, faults).map(Some)
    }

    fn shape(&self) -> Shape {
        let inner = self.0.shape();
        Shape {
            words: format!("{}, or `\"{OFF}\"`", inner.words),
            schema: json!({ "anyOf": [inner.schema, { "const": OFF }] }),
            secret: inner.secret,
        }
    }
}
