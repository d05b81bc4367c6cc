//! `[errors]`: what a client may learn from an error.

use super::{Section, section_mode};
use crate::grammar::OneOf;
use crate::key::{About, Key, Preset};
use crate::reader::{Read, Reader};
use crate::settings::{Errors, Mask, Mode, StripInput};

pub(crate) static SECTION: Section =
    Section { path: "errors", doc: "What a client may learn from an error.", keys: &[&MODE, &MASK, &STRIP_INPUT] };

pub(crate) static MODE: Key<OneOf<Mode>> =
    section_mode("errors.mode", "Whether the app's errors are changed or only recorded.");

pub(crate) static MASK: Key<OneOf<Mask>> = Key {
    about: About {
        path: "errors.mask",
        doc: "The body of the app's 5xx: `replace` answers `application/problem+json` with the request id, `pass` \
              leaves it.",
        preset: Preset::ByEnvironment { deployed: "\"replace\"", development: "\"pass\"" },
        why: "tracebacks name files, versions and values (CWE-209); in development they are what one looks for",
        example: "\"pass\"",
        aliases: &["mask_errors", "hide", "debug", "expose_errors"],
    },
    grammar: OneOf { words: &[("replace", Mask::Replace), ("pass", Mask::Pass)] },
};

pub(crate) static STRIP_INPUT: Key<OneOf<StripInput>> = Key {
    about: About {
        path: "errors.strip_input",
        doc: "The `input` that FastAPI writes into a 422: `remove` takes it out everywhere, `keep` leaves it. A 422 whose \
              type is not JSON passes as the app writes it.",
        preset: Preset::Always("\"remove\""),
        why: "it repeats what was sent, passwords included, into logs and screens; the rest of the body stays",
        example: "\"keep\"",
        aliases: &["input", "echo", "echo_input"],
    },
    grammar: OneOf { words: &[("remove", StripInput::Remove), ("keep", StripInput::Keep)] },
};

pub(crate) fn read(reader: &mut Reader) -> Read<Errors> {
    let mode = reader.read_mode(&MODE);
    let mask = reader.read(&MASK);
    let strip_input = reader.read(&STRIP_INPUT);
    Ok(Errors { mode: mode?, mask: mask?, strip_input: strip_input? })
}
