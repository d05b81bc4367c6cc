//! `THREATS.md` names tests that exist.

use std::path::Path;

use buckler_testkit::threats::{known, read};

/// Rows below which somebody has emptied the table.
const AT_LEAST: usize = 30;

#[test]
fn every_threat_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("THREATS.md")).expect("THREATS.md");
    let threats = read(&text).unwrap_or_else(|message| panic!("{message}"));
    assert!(threats.len() >= AT_LEAST, "{}", threats.len());
    let known = known(&root).expect("the repository can be read");
    assert!(!known.contains("helper") && !known.contains("every test"), "not everything is known");
    let missing: Vec<String> = threats
        .iter()
        .flat_map(|threat| threat.tests.iter().map(move |test| (threat, test)))
        .filter(|(_, test)| !known.contains(*test))
        .map(|(threat, test)| format!("THREATS.md:{}: `{test}` is nowhere ({})", threat.line, threat.threat))
        .collect();
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}
