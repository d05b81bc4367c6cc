//! A certificate and its key, as one table.

use serde_json::json;

use super::{Grammar, SecretRef, Shape};
use crate::diagnostic::{Code, Faults};
use crate::node::{Node, NodeValue};
use crate::settings::KeyPair;
use crate::suggest::{nearest, quoted};

/// `{ certificate = …, key = … }`
pub(crate) struct CertificateAndKey;

const NAMES: [&str; 2] = ["certificate", "key"];

const FORM: &str = "write { certificate = \"file:/etc/buckler/other.pem\", key = \"file:/etc/buckler/other-key.pem\" }";

impl Grammar for CertificateAndKey {
    type Value = KeyPair;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<KeyPair> {
        let NodeValue::Table(entries) = &node.value else {
            node.wrong_type("a table with `certificate` and `key`", faults).help(FORM);
            return None;
        };
        let mut complete = true;
        for entry in entries.iter().filter(|entry| !NAMES.contains(&entry.name.as_str())) {
            let fault = faults.refuse(Code::UnknownKey, &entry.place, format!("unknown key {}", quoted(&entry.name)));
            match nearest(&entry.name, NAMES) {
                Some(near) => fault.help(format!("did you mean `{near}`?")),
                None => fault.help("known here: certificate, key"),
            };
            complete = false;
        }
        let mut reference = |name: &str| {
            if let Some(entry) = entries.iter().find(|entry| entry.name == name) {
                return SecretRef.parse(&entry.value, faults);
            }
            faults.refuse(Code::Missing, &node.place, format!("`{name}` is missing")).help(FORM);
            None
        };
        let (certificate, key) = (reference("certificate"), reference("key"));
        complete.then_some(KeyPair { certificate: certificate?, key: key? })
    }

    fn shape(&self) -> Shape {
        let reference = SecretRef.shape().schema;
        Shape {
            words: "a table with `certificate` and `key`, each a reference as above".to_owned(),
            schema: json!({
                "type": "object",
                "properties": { "certificate": reference, "key": reference },
                "required": NAMES,
                "additionalProperties": false,
            }),
            secret: true,
        }
    }
}
