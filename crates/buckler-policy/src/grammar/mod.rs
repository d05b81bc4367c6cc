//! How values are written: one type for each kind of value, used by the declarations of the keys.

mod field;
mod limit;
mod list;
mod name;
mod or_monitor;
mod or_off;
mod pair;
mod policies;
mod quantity;
mod scalar;
mod secret;
mod silence;
mod written;

pub(crate) use field::{FIELD_NAME, METHOD, field_name, field_value};
pub(crate) use limit::{LimitText, RouteRules, STORE_DOWN};
pub(crate) use list::List;
pub(crate) use name::{APP_TARGET, CIDR, HOST, LISTEN, MEDIA, ORIGIN, PATH, TEXT};
pub(crate) use or_monitor::OrMonitor;
pub(crate) use or_off::OrOff;
pub(crate) use pair::CertificateAndKey;
pub(crate) use policies::{csp, permissions, referrer, strict_transport};
pub(crate) use quantity::{DurationBetween, Rate, Size};
pub(crate) use scalar::{Boolean, Integer, OneOf};
pub(crate) use secret::SecretRef;
pub(crate) use silence::SilencedFinding;
pub(crate) use written::{Complaint, Written};

use serde_json::Value;

use crate::diagnostic::Faults;
use crate::node::Node;

/// Reads one kind of value.
pub(crate) trait Grammar: Sync {
    type Value;

    /// The value, or `None` with at least one mistake noted.
    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<Self::Value>;

    /// What is said about it in reference and schema.
    fn shape(&self) -> Shape;
}

/// A kind of value as reference and schema tell it.
pub(crate) struct Shape {
    /// In words, such as `a duration from 1s to 1h`.
    pub(crate) words: String,
    /// JSON Schema of the value in the file.
    pub(crate) schema: Value,
    /// Whether values are never shown.
    pub(crate) secret: bool,
}

impl Shape {
    pub(crate) fn new(words: impl Into<String>, schema: Value) -> Self {
        Self { words: words.into(), schema, secret: false }
    }
}
