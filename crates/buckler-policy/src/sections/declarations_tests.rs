//! What must hold for every declaration.

use std::collections::BTreeSet;

use super::{SECTIONS, keys, later, section};
use crate::diagnostic::Faults;
use crate::key::{Declared, Preset, split};
use crate::node::Node;

fn reads(key: &dyn Declared, literal: &'static str) -> Result<(), String> {
    let node = Node::from_default(literal).ok_or_else(|| format!("{literal} is no TOML"))?;
    let mut faults = Faults::default();
    key.check(&node, &mut faults);
    match faults.0.first() {
        Some(fault) => Err(format!("{}: {fault}", key.about().path)),
        None => Ok(()),
    }
}

#[test]
fn every_default_and_every_example_reads_by_its_own_grammar() {
    for key in keys() {
        let about = key.about();
        let defaults = match about.preset {
            Preset::Always(literal) => vec![literal],
            Preset::ByEnvironment { deployed, development } => vec![deployed, development],
            Preset::Unset(_) | Preset::Mode => vec![],
        };
        for literal in defaults.into_iter().chain([about.example]) {
            assert_eq!(reads(key, literal), Ok(()));
        }
    }
}

#[test]
fn every_key_is_told_and_stands_once_and_in_its_section() {
    let mut seen = BTreeSet::new();
    for section in SECTIONS {
        assert!(!section.doc.is_empty());
        for key in section.keys {
            let about = key.about();
            assert_eq!(about.section(), section.path, "{}", about.path);
            assert!(seen.insert(about.path), "{} is declared twice", about.path);
            assert!(about.doc.len() > 10 && about.why.len() > 10, "{} is not told", about.path);
            assert!(!key.shape().words.is_empty(), "{} has no words", about.path);
            assert_eq!(about.path, about.path.to_ascii_lowercase());
        }
    }
}

#[test]
fn names_never_mean_two_things() {
    for (path, _) in later::LATER {
        assert!(!keys().any(|key| key.about().path == path), "{path} is enforced and called later");
        assert!(section(path).is_none(), "{path} is enforced and called later");
        let home = split(path).0;
        assert!(section(home).is_some(), "{path} has no section");
    }
    for key in keys() {
        let about = key.about();
        for alias in about.aliases {
            let same = keys().any(|other| other.about().section() == about.section() && other.about().name() == *alias);
            assert!(!same, "{alias} is a key of [{}] itself", about.section());
        }
        assert!(section(about.path).is_none(), "{} is a key and a section", about.path);
    }
}
