//! The policy file: text and environment in, a value that cannot be invalid out.
//!
//! ```
//! use buckler_policy::{Host, Sources, Style};
//!
//! let text = "environment = \"development\"\n[server]\nhost = [\"api.example.com\"]\n";
//! let errors = Sources::new(Host::Gateway).file("buckler.toml", text).load().unwrap_err();
//! let shown = errors.render(Style::Plain);
//! assert!(shown.contains("buckler.toml:3:1"), "{shown}");
//! assert!(shown.contains("did you mean `hosts`?"), "{shown}");
//! ```
//!
//! The way of a policy through the crate:
//!
//! 1. `sources` takes the texts: file, `BUCKLER_*` variables, command line flags. Nothing here opens a file
//!    or asks the process for its environment.
//! 2. `mask` makes a copy of each text that may be shown: values that are or may be secrets are stars from here on.
//! 3. `document` and `environment` turn the texts into values by key, each with its place. Unknown names end here,
//!    with a suggestion by `unknown`.
//! 4. `sections` declares every key once: its grammar, its default, the reason for that, its words. Each section
//!    reads its keys through `reader`, which applies the grammar, notes mistakes and remembers where the value came
//!    from, and then checks the keys against each other.
//! 5. Either every mistake at once as [`PolicyErrors`], or a [`Loaded`] policy with its [`Provenance`] and warnings.
//!
//! From the same declarations come [`reference::markdown`] and [`schema::json`].

pub mod coverage;
mod diagnostic;
mod document;
mod document_url;
mod environment;
mod grammar;
mod key;
mod mask;
mod node;
mod place;
mod provenance;
mod reader;
pub mod reference;
mod render;
pub mod schema;
pub mod secret;
mod sections;
pub mod settings;
mod sources;
mod suggest;
mod unknown;

pub use diagnostic::{Code, Diagnostic, PolicyErrors, Severity, Style, Warning};
pub use place::Place;
pub use provenance::{Origin, Provenance, Setting};
pub use settings::Policy;
pub use sources::{Host, Loaded, Override, Sources};
