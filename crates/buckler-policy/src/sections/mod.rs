//! The keys of the policy, one file a section. Parser, suggestions, environment variables, reference and schema
//! come from this table alone.

pub(crate) mod app;
pub(crate) mod clients;
pub(crate) mod content;
pub(crate) mod contract;
pub(crate) mod cors;
pub(crate) mod csp;
pub(crate) mod errors;
pub(crate) mod general;
pub(crate) mod headers;
pub(crate) mod later;
pub(crate) mod limits;
pub(crate) mod log;
pub(crate) mod route;
pub(crate) mod server;
pub(crate) mod store;
pub(crate) mod timeouts;
pub(crate) mod tls;

use crate::grammar::OneOf;
use crate::key::{About, Declared, Key, Preset};
use crate::settings::Mode;

/// A section: its name, what it is for, its keys in the order of the reference.
pub(crate) struct Section {
    pub(crate) path: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) keys: &'static [&'static dyn Declared],
}

/// Every section, in the order of the reference. A section stands after the one that holds it.
pub(crate) static SECTIONS: [&Section; 17] = [
    &general::SECTION,
    &app::SECTION,
    &server::SECTION,
    &tls::SECTION,
    &timeouts::SECTION,
    &server::LIMITS,
    &server::PATHS,
    &headers::SECTION,
    &csp::SECTION,
    &cors::SECTION,
    &content::SECTION,
    &content::JSON,
    &contract::SECTION,
    &limits::SECTION,
    &store::SECTION,
    &errors::SECTION,
    &log::SECTION,
];

/// Every key.
pub(crate) fn keys() -> impl Iterator<Item = &'static dyn Declared> {
    SECTIONS.iter().flat_map(|section| section.keys.iter().copied())
}

/// The key of that name.
pub(crate) fn key(path: &str) -> Option<&'static dyn Declared> {
    keys().find(|key| key.about().path == path)
}

/// The section of that name.
pub(crate) fn section(path: &str) -> Option<&'static Section> {
    SECTIONS.iter().copied().find(|section| section.path == path)
}

/// The words of every `mode`.
pub(crate) const MODE: OneOf<Mode> = OneOf { words: &[("enforce", Mode::Enforce), ("monitor", Mode::Monitor)] };

/// Why a section follows the mode over all.
pub(crate) const FOLLOWS_MODE: &str =
    "one switch at the top turns everything to monitoring, and each section can differ from it";

/// Declares a section's mode.
const fn section_mode(path: &'static str, doc: &'static str) -> Key<OneOf<Mode>> {
    Key {
        about: About { path, doc, preset: Preset::Mode, why: FOLLOWS_MODE, example: "\"monitor\"", aliases: &[] },
        grammar: MODE,
    }
}

#[cfg(test)]
mod declarations_tests;
