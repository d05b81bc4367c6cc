//! The policy file under arbitrary bytes.

use buckler_policy::{Host, Sources, Style};

/// Loads `data` as a policy file, as a list in the environment, and shows every mistake in every form.
///
/// # Panics
///
/// When loading or showing fails, when a mistake has no line, or when a policy is refused without a mistake.
pub fn policy_text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let variable = ("BUCKLER_SERVER__HOSTS".to_owned(), text.replace('\0', ""));
    for host in [Host::Gateway, Host::InProcess] {
        let file = Sources::new(host).file("buckler.toml", text.as_ref());
        let environment = Sources::new(host).environment([variable.clone()]);
        for sources in [file, environment] {
            let Err(errors) = sources.load() else { continue };
            assert!(errors.len() > 0, "refused without a mistake");
            for place in errors.iter().filter_map(|error| error.place()) {
                assert!(place.line() > 0 && place.column() > 0, "lines and columns count from one");
                assert!(!place.source_line().contains('\n'), "a line is one line");
            }
            assert!(!errors.render(Style::Plain).is_empty(), "nothing to read");
            assert!(!errors.render(Style::Coloured).is_empty(), "nothing to read");
        }
    }
}
