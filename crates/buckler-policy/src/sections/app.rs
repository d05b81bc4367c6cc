//! `[app]`: how `buckler run` starts the app.

use super::Section;
use crate::grammar::{APP_TARGET, Integer, TEXT, Written};
use crate::key::{About, Key, Preset};
use crate::reader::{Read, Reader};
use crate::settings::App;

pub(crate) static SECTION: Section =
    Section { path: "app", doc: "How `buckler run` starts the app.", keys: &[&TARGET, &WORKERS, &APP_DIR, &PYTHON] };

/// Most worker processes: beyond a few per core they only cost memory, and 256 cores are a large machine.
const MOST_WORKERS: u16 = 256;

pub(crate) static TARGET: Key<Written<String>> = Key {
    about: About {
        path: "app.target",
        doc: "The app, as uvicorn writes it: `module:attribute`, or `module:factory()`.",
        preset: Preset::Unset("the argument of `buckler run`"),
        why: "which app it is cannot be guessed",
        example: "\"shop.main:app\"",
        aliases: &["app", "module", "application"],
    },
    grammar: APP_TARGET,
};

pub(crate) static WORKERS: Key<Integer<u16>> = Key {
    about: About {
        path: "app.workers",
        doc: "Worker processes.",
        preset: Preset::ByEnvironment { deployed: "2", development: "1" },
        why: "one answers while the other restarts; more costs memory that only a measurement justifies. In \
              development \
              one keeps breakpoints and prints in one place",
        example: "4",
        aliases: &["processes", "web_concurrency", "num_workers"],
    },
    grammar: Integer { least: 1, most: MOST_WORKERS, unit: "processes" },
};

pub(crate) static APP_DIR: Key<Written<String>> = Key {
    about: About {
        path: "app.app_dir",
        doc: "Folder that is put in front of the module search path.",
        preset: Preset::Unset("the folder in which `buckler run` is started"),
        why: "uvicorn does the same",
        example: "\"src\"",
        aliases: &["pythonpath", "chdir"],
    },
    grammar: TEXT,
};

pub(crate) static PYTHON: Key<Written<String>> = Key {
    about: About {
        path: "app.python",
        doc: "The interpreter that runs the app.",
        preset: Preset::Unset("the wheel's own, else `$VIRTUAL_ENV`, else `./.venv`, else `python3`"),
        why: "the environment that holds the app's packages is nearly always one of these",
        example: "\".venv/bin/python\"",
        aliases: &["interpreter"],
    },
    grammar: TEXT,
};

pub(crate) fn read(reader: &mut Reader) -> Read<App> {
    let target = reader.read_optional(&TARGET);
    let workers = reader.read(&WORKERS);
    let app_dir = reader.read_optional(&APP_DIR);
    let python = reader.read_optional(&PYTHON);
    Ok(App { target: target?, workers: workers?, app_dir: app_dir?, python: python? })
}
