//! The keys above every section.

use super::{MODE, Section, route};
use crate::grammar::OneOf;
use crate::key::{About, Key, Preset};
use crate::reader::Reader;
use crate::settings::{Environment, Mode};

pub(crate) static SECTION: Section =
    Section { path: "", doc: "Above the first section.", keys: &[&ENVIRONMENT, &MODE_OVER_ALL, &route::ROUTES] };

pub(crate) static ENVIRONMENT: Key<OneOf<Environment>> = Key {
    about: About {
        path: "environment",
        doc: "Where the policy is in force: which defaults hold and what may be missing. `staging` is as strict as \
              `production`.",
        preset: Preset::Always("\"production\""),
        why: "a policy that says nothing must not be the lenient one",
        example: "\"staging\"",
        aliases: &["env", "profile", "stage"],
    },
    grammar: OneOf {
        words: &[
            ("production", Environment::Production),
            ("staging", Environment::Staging),
            ("development", Environment::Development),
        ],
    },
};

pub(crate) static MODE_OVER_ALL: Key<OneOf<Mode>> = Key {
    about: About {
        path: "mode",
        doc: "`enforce` refuses. `monitor` judges, logs exactly what would be refused, and refuses nothing but what \
              is no HTTP or can be read in two ways. Each section can differ.",
        preset: Preset::Always("\"enforce\""),
        why: "protection that has to be switched on is forgotten",
        example: "\"monitor\"",
        aliases: &["dry_run", "report_only", "enforcement"],
    },
    grammar: MODE,
};

/// Reads both; they come first because every other default depends on them.
pub(crate) fn read(reader: &mut Reader) {
    match reader.read(&ENVIRONMENT) {
        Ok(environment) => reader.environment = environment,
        // Which demands hold is not known, so nothing is said to be missing.
        Err(_) => reader.settings.incomplete = true,
    }
    if let Ok(mode) = reader.read(&MODE_OVER_ALL) {
        reader.mode = mode;
    }
}
