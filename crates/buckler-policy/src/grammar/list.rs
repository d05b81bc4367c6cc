//! Lists.

use serde_json::json;

use super::{Grammar, Shape};
use crate::diagnostic::{Code, Faults};
use crate::node::Node;

/// Most items of one list. Nobody writes more by hand, and some lists are walked for each request.
const MOST_ITEMS: usize = 1_000;

/// Items of one grammar, each mistake reported.
pub(crate) struct List<G> {
    pub(crate) item: G,
    /// What an empty list would mean, where that is a mistake.
    pub(crate) not_empty: Option<&'static str>,
}

impl<G: Grammar> Grammar for List<G> {
    type Value = Vec<G::Value>;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<Self::Value> {
        let items = node.items("a list", faults)?;
        if items.len() > MOST_ITEMS {
            faults
                .refuse(Code::OutOfRange, &node.place, format!("{} items are too many", items.len()))
                .label(format!("at most {MOST_ITEMS}"));
            return None;
        }
        if let (Some(meaning), true) = (self.not_empty, items.is_empty()) {
            faults.refuse(Code::Invalid, &node.place, format!("the list is empty: {meaning}"));
            return None;
        }
        let parsed: Vec<_> = items.iter().map(|item| self.item.parse(item, faults)).collect();
        parsed.into_iter().collect()
    }

    fn shape(&self) -> Shape {
        let item = self.item.shape();
        Shape {
            words: format!("a list; each item {}", item.words),
            schema: json!({ "type": "array", "items": item.schema, "maxItems": MOST_ITEMS }),
            secret: item.secret,
        }
    }
}
