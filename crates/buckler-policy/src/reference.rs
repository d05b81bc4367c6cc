//! The reference of every key, generated from the declarations.

use crate::environment::RESERVED;
use crate::key::{Declared, Preset, line};
use crate::sections::{SECTIONS, Section, later};

/// What stands above the sections.
const INTRODUCTION: &str = include_str!("reference_introduction.md");

/// The whole reference as Markdown: `docs/policy.md`.
pub fn markdown() -> String {
    let mut page = INTRODUCTION.trim_end().to_owned();
    page.push_str("\n\n## Variables that are no keys\n\n");
    for (name, purpose) in RESERVED {
        let shown = if name.ends_with('_') { format!("{name}…") } else { name.to_owned() };
        line(&mut page, &format!("- `{shown}`: {purpose}"));
    }
    for section in SECTIONS {
        write_section(&mut page, section);
    }
    page.push_str("\n## Not in this release\n\nThese are errors until they are enforced:\n\n");
    for (path, purpose) in later::LATER {
        line(&mut page, &format!("- `{path}`: {purpose}"));
    }
    page
}

fn write_section(page: &mut String, section: &Section) {
    let title = if section.path.is_empty() { "Top level".to_owned() } else { format!("`[{}]`", section.path) };
    line(page, &format!("\n## {title}\n\n{}", section.doc));
    for key in section.keys {
        write_key(page, *key);
    }
}

fn write_key(page: &mut String, key: &dyn Declared) {
    let about = key.about();
    let shape = key.shape();
    line(page, &format!("\n### `{}`\n\n{}\n", about.path, about.doc));
    line(page, &format!("- value: {}", shape.words));
    let default = match about.preset {
        Preset::Always(literal) => format!("`{literal}`"),
        Preset::ByEnvironment { deployed, development } => {
            format!("{}; in development {}", shown(deployed), shown(development))
        }
        Preset::Unset(meaning) => format!("not set ({meaning})"),
        Preset::Mode => "the top-level `mode`".to_owned(),
    };
    line(page, &format!("- default: {default}"));
    line(page, &format!("- why: {}", about.why));
    line(page, &format!("- example: `{} = {}`", about.name(), about.example));
    line(page, &format!("- environment: `{}`", about.variable()));
}

fn shown(literal: &str) -> String {
    match literal {
        "[]" => "none".to_owned(),
        "\"\"" => "none (`\"\"`)".to_owned(),
        _ => format!("`{literal}`"),
    }
}
