//! What to say about a name that is no key.

use crate::diagnostic::{Code, Diagnostic};
use crate::key::{join, split};
use crate::place::Place;
use crate::sections::{SECTIONS, keys, later};
use crate::suggest::{nearest, quoted};

/// An unknown name's mistake, and the path that was probably meant.
pub(crate) struct Unknown {
    pub(crate) error: Diagnostic,
    pub(crate) meant: Option<&'static str>,
}

/// Judges `section.name`; `is_section` says whether it was written as one.
pub(crate) fn unknown(section: &str, name: &str, is_section: bool, place: &Place) -> Unknown {
    let path = join(section, name);
    if let Some((later, purpose)) = later::purpose(&path) {
        return Unknown { error: not_in_this_release(later, purpose, place), meant: None };
    }
    let code = if is_section { Code::UnknownSection } else { Code::UnknownKey };
    let message = match (is_section, section) {
        (true, _) => format!("unknown section {}", quoted(&format!("[{path}]"))),
        (false, "") => format!("unknown key {}", quoted(name)),
        (false, _) => format!("unknown key {} in `[{section}]`", quoted(name)),
    };
    let mut error = Diagnostic::error(code, Some(place.clone()), message);
    error.key = Some(path.chars().take(200).collect());
    let meant = meant(section, name);
    match &meant {
        Some(Meant::Here(path)) => {
            let near = split(path).1;
            let near = if is_section { format!("[{path}]") } else { near.to_owned() };
            error.help(format!("did you mean `{near}`?"));
        }
        Some(Meant::Elsewhere(path)) => {
            let (home, name) = split(path);
            let home = if home.is_empty() { "the top, above every section".to_owned() } else { format!("`[{home}]`") };
            error.help(format!("`{name}` belongs to {home}"));
        }
        Some(Meant::Called(path)) => {
            error.help(format!("that is called `{path}` here"));
        }
        Some(Meant::Later(path)) => {
            error.help(format!("did you mean `{path}`? This release does not enforce it yet"));
        }
        None => {
            error.help(known(section));
        }
    }
    let meant = meant.and_then(|meant| match meant {
        Meant::Here(path) | Meant::Elsewhere(path) | Meant::Called(path) => Some(path),
        Meant::Later(_) => None,
    });
    Unknown { error, meant }
}

fn not_in_this_release(later: &str, purpose: &str, place: &Place) -> Diagnostic {
    let is_section = !later.contains('.');
    let shown = if is_section { format!("`[{later}]`") } else { format!("`{later}`") };
    let message = format!("{shown} is not enforced by this release ({purpose})");
    let mut error = Diagnostic::error(Code::NotInThisRelease, Some(place.clone()), message);
    error.key = Some(later.to_owned());
    error.label("would have no effect");
    error.help("remove it: a policy that names a control which is not there would promise more than it keeps");
    error
}

/// What a wrong name was probably meant to be.
enum Meant {
    /// Misspelt, in the right place.
    Here(&'static str),
    /// Spelt right, in the wrong place.
    Elsewhere(&'static str),
    /// What another tool calls it.
    Called(&'static str),
    /// A misspelling of something that a later release brings.
    Later(&'static str),
}

fn meant(section: &str, name: &str) -> Option<Meant> {
    let plain = name.to_lowercase().replace('-', "_");
    let here = || keys_of(section).chain(subsections_of(section));
    if let Some(near) = nearest(name, here().map(|path| split(path).1)) {
        return here().find(|path| split(path).1 == near).map(Meant::Here);
    }
    if let Some(path) = elsewhere(section, &plain) {
        return Some(Meant::Elsewhere(path));
    }
    if let Some(path) = alias(section, &plain) {
        return Some(Meant::Called(path));
    }
    let later = later::LATER.iter().map(|(path, _)| *path);
    let later = later.filter(|path| split(path).0 == section);
    if let Some(near) = nearest(name, later.clone().map(|path| split(path).1)) {
        return later.clone().find(|path| split(path).1 == near).map(Meant::Later);
    }
    let all = || keys().map(|key| key.about().path).chain(SECTIONS.iter().map(|section| section.path));
    let near = nearest(name, all().map(|path| split(path).1))?;
    all().find(|path| split(path).1 == near).map(Meant::Called)
}

fn keys_of(section: &str) -> impl Iterator<Item = &'static str> {
    keys().map(|key| key.about().path).filter(move |path| split(path).0 == section)
}

fn subsections_of(section: &str) -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|section| section.path).filter(move |path| !path.is_empty() && split(path).0 == section)
}

/// The same name in another section, if only one has it.
fn elsewhere(section: &str, name: &str) -> Option<&'static str> {
    let all = keys().map(|key| key.about().path).chain(SECTIONS.iter().map(|section| section.path));
    let mut same = all.filter(|path| {
        let (home, own) = split(path);
        own == name && home != section && !path.is_empty()
    });
    let first = same.next()?;
    same.next().is_none().then_some(first)
}

/// What other tools call a key, those of the same section first.
fn alias(section: &str, name: &str) -> Option<&'static str> {
    let mut called: Vec<&'static str> =
        keys().filter(|key| key.about().aliases.contains(&name)).map(|key| key.about().path).collect();
    called.sort_by_key(|path| split(path).0 != section);
    called.first().copied()
}

fn known(section: &str) -> String {
    let names: Vec<&str> = keys_of(section).chain(subsections_of(section)).map(|path| split(path).1).collect();
    let place = if section.is_empty() { "at the top".to_owned() } else { format!("in `[{section}]`") };
    format!("known {place}: {}", names.join(", "))
}
