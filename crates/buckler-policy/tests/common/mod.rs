//! What the tests share.
#![allow(dead_code, reason = "each test file uses a part")]

use buckler_policy::{Host, Loaded, Override, PolicyErrors, Sources, Style};

/// Hosts and certificate, so that nothing else is missing.
pub(crate) const COMPLETE: &str = "\
[server]
hosts = [\"api.example.com\"]
[server.tls]
certificate = \"file:/etc/buckler/fullchain.pem\"
key = \"file:/etc/buckler/privkey.pem\"
";

pub(crate) fn load(text: &str) -> Result<Loaded, PolicyErrors> {
    Sources::new(Host::Gateway).file("buckler.toml", text).load()
}

pub(crate) fn development(text: &str) -> Result<Loaded, PolicyErrors> {
    load(&format!("environment = \"development\"\n{text}"))
}

pub(crate) fn with_variables(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, PolicyErrors> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Sources::new(Host::Gateway).file("buckler.toml", text).environment(variables).load()
}

pub(crate) fn with_flag(key: &str, value: &str, origin: &str) -> Result<Loaded, PolicyErrors> {
    let flag = Override { key: key.to_owned(), value: value.to_owned(), origin: origin.to_owned() };
    let sources = Sources::new(Host::Gateway).file("buckler.toml", "environment = \"development\"");
    sources.overrides(vec![flag]).load()
}

/// Mistakes, or the word that there are none, with the warnings.
pub(crate) fn shown(loaded: Result<Loaded, PolicyErrors>) -> String {
    match loaded {
        Err(errors) => errors.render(Style::Plain),
        Ok(loaded) => {
            let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
            format!("(loads)\n{}", warnings.join("\n\n"))
        }
    }
}

/// One readable page of cases and what is said about them.
pub(crate) fn page<'c>(cases: impl IntoIterator<Item = (&'c str, Result<Loaded, PolicyErrors>)>) -> String {
    let cases = cases.into_iter().map(|(title, loaded)| format!("### {title}\n{}\n", shown(loaded)));
    cases.collect::<Vec<_>>().join("\n")
}
