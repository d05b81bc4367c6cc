//! The policy of a case.

use std::path::Path;

use buckler_policy::settings::{ContractSource, Document};
use buckler_policy::{Host, Loaded, Override, Sources, Style};

/// Where the paths begin that policies of cases name.
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests");

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
    let mut loaded = sources.load().map_err(|errors| errors.render(Style::Plain))?;
    if let Some(ContractSource::File(file)) = &loaded.policy.contract.source {
        let path = Path::new(FILES).join(file);
        let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        loaded.policy.contract.document = Some(Document::new(bytes));
    }
    Ok(loaded)
}
