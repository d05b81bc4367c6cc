//! `OpenAPI` in; routes, operations and validators out.
//!
//! [`Contract::compile`] reads a document of `OpenAPI` 3.1 (or 3.0, which it converts) once. What comes out is
//! immutable: a router over the path templates, the operations with their parameters, bodies and answers, and
//! one validator that holds every schema.
//!
//! Four promises:
//!
//! - **Nothing is fetched.** A `$ref` leads to a place of the same document, or the document is refused.
//! - **Work is bounded.** Size, depth, number of schemas and references, the cost of patterns and what a
//!   reference unfolds to have limits ([`Limits`]); what is beyond them is a [`Fault`] that names its place.
//! - **The app decides how it is read.** Behind us a framework reads the same values, and Pydantic coerces. A
//!   [`Reading`] says whether that is taken, and whether members may be there that no schema names.
//! - **Nothing is silently off.** What the document says and we cannot hold a client to is listed
//!   ([`Unenforced`]). Where a rule has to be read more widely, it is: never is more refused than the document says.
//!
//! ```
//! use buckler_schema::{Contract, Limits, Reading};
//!
//! let document = br#"{"openapi": "3.1.0", "info": {"title": "tea", "version": "1"}, "paths": {
//!     "/pots/{pot}": {"get": {"parameters": [
//!         {"name": "pot", "in": "path", "required": true, "schema": {"type": "integer"}}
//!     ], "responses": {}}}
//! }}"#;
//! let contract = Contract::compile(document, Reading::OF_THE_APP, &Limits::default())?;
//! let found = contract.find("/pots/7").ok_or("no route")?;
//! assert_eq!(found.route.operations.len(), 1);
//! assert_eq!(found.values, [("pot", "7")]);
//! assert!(contract.find("/cups/7").is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body;
mod changes;
mod contract;
mod convert;
mod cost;
mod document;
mod explain;
mod fault;
mod format;
mod given;
mod instance;
mod keyword;
mod kind;
mod lax;
mod limits;
mod loose;
mod made;
mod names;
mod node;
mod number;
mod operation;
mod outline;
mod parameter;
mod parts;
mod pattern;
mod place;
mod reading;
mod report;
mod router;
mod scalar;
mod template;
mod templates;
mod validator;
mod verdict;

pub use body::{Body, Field, FieldKind, Media, MediaKind};
pub use changes::{Changes, Named};
pub use contract::Contract;
pub use explain::Violation;
pub use fault::{Fault, Refused, Unenforced};
pub use instance::{Instance, VALUE_BYTES};
pub use limits::Limits;
pub use operation::{First, Operation, Requirement, Response};
pub use outline::{Member, Outline, OutlineAt};
pub use parameter::{Location, Parameter, Shape, Style};
pub use place::shown;
pub use reading::{Names, Reading, Types};
pub use report::Report;
pub use router::{Ambiguity, Found, Route};
pub use template::{Piece, Template};
pub use templates::Templates;
pub use validator::SchemaId;
