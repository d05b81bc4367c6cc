//! The policy of a case.

use buckler_policy::{Host, Loaded, Override, Sources, Style};

/// Reads a case's policy, for the gateway; `mode` replaces the mode over all.
///
/// # Errors
/// What the policy's author would be told.
pub fn load_policy(text: &str, mode: Option<&str>) -> Result<Loaded, String> {
    let overrides = mode
        .map(|mode| Override { key: "mode".to_owned(), value: mode.to_owned(), origin: "the test".to_owned() })
        .into_iter()
        .collect();
    let sources = Sources::new(Host::Gateway).file("buckler.toml", text).overrides(overrides);
    sources.load().map_err(|errors| errors.render(Style::Plain))
}
