//! Everything that is one piece of text with a reader of its own.

use serde_json::json;

use super::{Grammar, Shape};
use crate::diagnostic::{Code, Faults};
use crate::mask::mask_urls;
use crate::node::Node;
use crate::suggest::quoted;

/// Text and the function that reads it.
pub(crate) struct Written<T: 'static> {
    /// What it is, with its article: "a host name".
    pub(crate) what: &'static str,
    /// For the reference, with an example.
    pub(crate) words: &'static str,
    /// Reads the text or says what is wrong with it.
    pub(crate) read: fn(&str) -> Result<T, Complaint>,
}

/// What is wrong with a text.
pub(crate) struct Complaint {
    pub(crate) reason: String,
    pub(crate) help: Option<String>,
}

impl Complaint {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), help: None }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl<T: Sync> Grammar for Written<T> {
    type Value = T;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<T> {
        let Some(text) = node.text() else {
            let written = node.place.excerpt();
            let fault = node.wrong_type("a string", faults);
            fault.help = match (self.read)(written) {
                Ok(_) => Some(format!("write \"{written}\"")),
                Err(complaint) => complaint.help,
            };
            return None;
        };
        match (self.read)(text) {
            Ok(value) => Some(value),
            Err(complaint) => {
                let fault = faults.refuse(
                    Code::Invalid,
                    &node.place,
                    format!("{} is not {}", quoted(&mask_urls(text)), self.what),
                );
                fault.label(complaint.reason);
                fault.help = complaint.help;
                None
            }
        }
    }

    fn shape(&self) -> Shape {
        Shape::new(self.words, json!({ "type": "string" }))
    }
}
