//! `BUCKLER_*` variables and command line flags, laid over the file.

use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic};
use crate::key::{split, variable};
use crate::mask;
use crate::node::{Node, NodeValue};
use crate::place::{Place, Text, TextKind};
use crate::reader::Settings;
use crate::sections::{self, later};
use crate::sources::Override;
use crate::suggest::nearest;
use crate::unknown::{Unknown, unknown};

/// Variables that begin with `BUCKLER_` and are no keys, with what they are for. A name that ends in `_` stands for
/// all that begin with it.
pub(crate) const RESERVED: [(&str, &str); 3] = [
    ("BUCKLER_POLICY", "path of the policy file, read by the command"),
    ("BUCKLER_WORKER_", "what `buckler run` tells its worker processes"),
    ("BUCKLER_BLESS", "rewrites generated files when Buckler's own tests run"),
];

/// Lays variables over the file.
pub(crate) fn overlay(variables: &[(String, String)], settings: &mut Settings) -> Vec<Diagnostic> {
    let referred = referred_variables(settings, variables);
    let mut errors = Vec::new();
    for (name, value) in variables {
        let Some(rest) = name.strip_prefix("BUCKLER_") else { continue };
        let path = rest.to_ascii_lowercase().replace("__", ".");
        match sections::key(&path).filter(|_| variable(&path) == *name) {
            Some(key) => {
                let kind = TextKind::Variable(name.clone());
                set(settings, key.about().path, value, &format!("{name}="), kind);
            }
            None if is_reserved(name) || referred.contains(name) => {}
            None => {
                let (error, meant) = unknown_variable(name, &path);
                settings.meant.extend(meant);
                errors.push(error);
            }
        }
    }
    errors
}

/// Lays command line flags over everything.
pub(crate) fn override_with(flags: &[Override], settings: &mut Settings) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    for flag in flags {
        if let Some(key) = sections::key(&flag.key) {
            let kind = TextKind::Flag(flag.origin.clone());
            set(settings, key.about().path, &flag.value, &format!("{} ", flag.origin), kind);
        } else {
            let Unknown { error, meant } = unknown_flag(flag);
            settings.meant.extend(meant);
            errors.push(error);
        }
    }
    errors
}

/// What an unknown key of a file is told, at the flag or argument that names it.
fn unknown_flag(flag: &Override) -> Unknown {
    let text = Text { kind: TextKind::Flag(flag.origin.clone()), shown: flag.origin.clone() };
    let place = Place::new(Arc::new(text), 0..flag.origin.len());
    if let Some(section) = sections::section(&flag.key).filter(|section| !section.path.is_empty()) {
        let message = format!("`{}` is a section and no key", section.path);
        let mut error = Diagnostic::error(Code::UnknownKey, Some(place), message);
        let first = section.keys.first().map(|key| key.about().path);
        error.help(format!("set its keys, such as `{}`", first.unwrap_or_default()));
        return Unknown { error, meant: None };
    }
    let (section, name) = split(&flag.key);
    unknown(section, name, false, &place)
}

/// `before` stands in front of the value where it is shown.
fn set(settings: &mut Settings, path: &'static str, value: &str, before: &str, kind: TextKind) {
    let secret = sections::key(path).is_some_and(|key| key.shape().secret);
    let shown = if secret { mask::mask_value(value) } else { mask::mask_urls(value).into_owned() };
    let text = Text { kind, shown: format!("{before}{shown}") };
    let end = text.shown.len();
    let place = Place::new(Arc::new(text), before.len()..end);
    let node = Node { value: NodeValue::Untyped(value.to_owned()), place };
    if let Some(weaker) = settings.values.insert(path, node) {
        settings.shadowed.push((path, weaker));
    }
}

fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|(reserved, _)| name == *reserved || (reserved.ends_with('_') && name.starts_with(reserved)))
}

/// Variables that hold secrets the policy refers to: `env:BUCKLER_TLS_KEY` makes that name legitimate.
fn referred_variables(settings: &Settings, variables: &[(String, String)]) -> Vec<String> {
    let of_nodes = settings.values.values().filter_map(|node| match &node.value {
        NodeValue::String(text) => text.strip_prefix("env:"),
        _ => None,
    });
    let of_variables = variables.iter().filter_map(|(_, value)| value.strip_prefix("env:"));
    of_nodes.chain(of_variables).map(str::to_owned).collect()
}

/// Names the variable and never its value, which may be anything.
fn unknown_variable(name: &str, path: &str) -> (Diagnostic, Option<&'static str>) {
    let text = Text { kind: TextKind::Variable(name.to_owned()), shown: name.to_owned() };
    let place = Place::new(Arc::new(text), 0..name.len());
    if let Some((later, purpose)) = later::purpose(path) {
        let message = format!("{name} sets `{later}`, which this release does not enforce ({purpose})");
        let mut error = Diagnostic::error(Code::NotInThisRelease, Some(place), message);
        error.help("remove the variable: it would have no effect");
        return (error, None);
    }
    let message = format!("{name} is no key of the policy");
    let mut error = Diagnostic::error(Code::UnknownVariable, Some(place), message);
    if let Some(section) = sections::section(path).filter(|section| !section.path.is_empty()) {
        let first = section.keys.first().map(|key| key.about().variable());
        error.help(format!("that is a section; set its keys, such as {}", first.unwrap_or_default()));
        return (error, None);
    }
    let meant = meant_variable(name);
    match meant {
        Some(path) => error.help(format!("did you mean {}?", variable(path))),
        None => error.help(
            "levels are separated by two underscores, as in BUCKLER_SERVER__LISTEN; the reference lists every variable",
        ),
    };
    (error, meant)
}

/// The key whose variable differs in underscores or case alone, else the nearest one.
fn meant_variable(name: &str) -> Option<&'static str> {
    let bare = |text: &str| text.replace('_', "").to_ascii_uppercase();
    let wanted = bare(name);
    let paths = || sections::keys().map(|key| key.about().path);
    if let Some(path) = paths().find(|path| bare(&variable(path)) == wanted) {
        return Some(path);
    }
    let known: Vec<(String, &'static str)> = paths().map(|path| (path.replace('.', "__"), path)).collect();
    let rest = name.strip_prefix("BUCKLER_").unwrap_or(name);
    let near = nearest(rest, known.iter().map(|(name, _)| name.as_str()))?;
    known.iter().find(|(name, _)| name == near).map(|(_, path)| *path)
}
