//! Whatever is written, the crate answers: with a policy or with mistakes that can be shown.

mod common;

use buckler_policy::{Host, Loaded, PolicyErrors, Sources, Style};
use proptest::prelude::*;

/// Shows everything there is, so that nothing in it can fail unseen.
#[expect(clippy::expect_used, reason = "a helper of tests")]
fn show(loaded: Result<Loaded, PolicyErrors>) -> usize {
    match loaded {
        Ok(loaded) => format!("{loaded:?}").len(),
        Err(errors) => {
            assert!(errors.len() > 0);
            for error in errors.iter() {
                if let Some(place) = error.place() {
                    assert!(place.line() > 0 && place.column() > 0);
                }
            }
            serde_json::to_string(&errors).expect("JSON").len()
                + errors.render(Style::Plain).len()
                + errors.render(Style::Coloured).len()
        }
    }
}

/// Pieces of policies, so that the texts are near to valid ones.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("[server]\n".to_owned()),
        Just("[server.tls]\n".to_owned()),
        Just("[[route]]\n".to_owned()),
        Just("[headers.csp]\n".to_owned()),
        Just("key = \"\"\"".to_owned()),
        Just("listen = [\"0.0.0.0:1\"".to_owned()),
        Just("json = { depth = 3 }\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\u{feff}".to_owned()),
        ("[a-z_.]{1,12}", "[ -~é\u{1F600}\\n]{0,20}").prop_map(|(key, value)| format!("{key} = {value}\n")),
        ("[a-z_.]{1,12}", any::<i64>()).prop_map(|(key, value)| format!("{key} = {value}\n")),
        "\\PC{0,10}",
    ]
}

proptest! {
    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        show(Sources::new(Host::Gateway).file("buckler.toml", text).load());
    }

    #[test]
    fn any_text_that_is_nearly_a_policy_is_answered(pieces in prop::collection::vec(piece(), 0..12)) {
        show(Sources::new(Host::InProcess).file("buckler.toml", pieces.concat()).load());
    }

    #[test]
    fn any_variable_is_answered(name in "BUCKLER_[A-Za-z_]{0,30}", value in any::<String>()) {
        show(Sources::new(Host::Gateway).environment([(name, value)]).load());
    }

    #[test]
    fn any_value_of_any_key_is_answered(at in any::<prop::sample::Index>(), value in "\\PC{0,40}") {
        let reference = buckler_policy::reference::markdown();
        let names: Vec<&str> = reference.lines().filter_map(|line| line.strip_prefix("- environment: `")).collect();
        let name = at.get(&names).trim_end_matches('`');
        show(Sources::new(Host::Gateway).environment([(name.to_owned(), value)]).load());
    }
}

/// Inputs whose cost could grow faster than their length. They end at once or this test does not end.
#[test]
fn large_hostile_texts_cost_what_they_are_long() {
    let size = 1 << 18;
    for unit in
        ["a\n", "a=1\n", "key=env:", "=", "[a]\n", "a=[", "\"", "'''", "[[a]]\n", "a.", "é", "mode=1\n", "\u{0}"]
    {
        let text = unit.repeat(size / unit.len());
        show(common::load(&text));
    }
    let keys: Vec<String> = (0..40_000).map(|at| format!("key_{at} = 1\n")).collect();
    show(common::load(&keys.concat()));
    let items = format!("[server]\nhosts = [{}]", "\"a b\",".repeat(100_000));
    show(common::load(&items));
}
