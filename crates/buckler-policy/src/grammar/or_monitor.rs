//! What can be on, off, or only recorded.

use serde_json::json;

use super::{Boolean, Grammar, Shape};
use crate::diagnostic::Faults;
use crate::node::Node;
use crate::settings::Stricter;

/// The word that records.
const MONITOR: &str = "monitor";

/// `true`, `false`, or `"monitor"`.
pub(crate) struct OrMonitor;

impl Grammar for OrMonitor {
    type Value = Stricter;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<Stricter> {
        if node.text() == Some(MONITOR) {
            return Some(Stricter::Monitor);
        }
        Boolean.parse(node, faults).map(|on| if on { Stricter::Enforce } else { Stricter::Off })
    }

    fn shape(&self) -> Shape {
        let inner = Boolean.shape();
        Shape::new(
            format!("{}, or `\"{MONITOR}\"`", inner.words),
            json!({ "anyOf": [inner.schema, { "const": MONITOR }] }),
        )
    }
}
