//! `[cors]`: which other origins may read answers.

use std::time::Duration;

use buckler_http::origin::OriginPattern;

use super::{Section, section_mode};
use crate::diagnostic::Code;
use crate::grammar::{Boolean, DurationBetween, FIELD_NAME, List, METHOD, ORIGIN, OneOf, Written};
use crate::key::{About, Key, Preset};
use crate::provenance::Origin;
use crate::reader::{Read, Reader};
use crate::settings::{Cors, Mode};

pub(crate) static SECTION: Section = Section {
    path: "cors",
    doc: "Cross-origin sharing. Without this section the app's own CORS answers pass; with it they are replaced. A \
          foreign \
          preflight gets 403, another foreign request an answer that the page cannot read.",
    keys: &[&MODE, &ORIGINS, &CREDENTIALS, &METHODS, &HEADERS, &EXPOSE, &MAX_AGE],
};

/// What the keys hold where the section is not there.
const LEFT_TO_THE_APP: &str = "without `[cors]` the app's own CORS answers pass";

/// The longest that any browser keeps a preflight's answer (Firefox: a day; Chromium: two hours).
const LONGEST_AGE: Duration = Duration::from_hours(24);

pub(crate) static MODE: Key<OneOf<Mode>> =
    section_mode("cors.mode", "Whether foreign origins are refused or recorded.");

pub(crate) static ORIGINS: Key<List<Written<OriginPattern>>> = Key {
    about: About {
        path: "cors.origins",
        doc: "Origins that may read answers. `null` is refused: every sandboxed frame has it.",
        preset: Preset::Unset("nothing: the section needs it"),
        why: "which pages are trusted cannot be guessed",
        example: "[\"https://app.example.com\", \"https://*.example.com\"]",
        aliases: &["allow_origins", "allowed_origins", "origin", "allow_origin_regex", "cors_origins"],
    },
    grammar: List {
        item: ORIGIN,
        not_empty: Some("nobody could read anything; remove `[cors]` to leave it to the app"),
    },
};

pub(crate) static CREDENTIALS: Key<Boolean> = Key {
    about: About {
        path: "cors.credentials",
        doc: "Whether cookies and `Authorization` may be sent along. Never together with the origin `*`.",
        preset: Preset::Always("false"),
        why: "with credentials every listed origin acts as the signed-in user",
        example: "true",
        aliases: &["allow_credentials", "supports_credentials"],
    },
    grammar: Boolean,
};

pub(crate) static METHODS: Key<List<Written<String>>> = Key {
    about: About {
        path: "cors.methods",
        doc: "Methods that a preflight allows.",
        preset: Preset::Always("[\"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\"]"),
        why: "what APIs are made of; what a route does not know the app answers with 405 as always",
        example: "[\"GET\", \"POST\"]",
        aliases: &["allow_methods", "allowed_methods"],
    },
    grammar: List { item: METHOD, not_empty: None },
};

pub(crate) static HEADERS: Key<List<Written<String>>> = Key {
    about: About {
        path: "cors.headers",
        doc: "Request header fields that a preflight allows beside those that need none.",
        preset: Preset::Always("[\"Authorization\", \"Content-Type\"]"),
        why: "tokens and JSON, what nearly every front end sends",
        example: "[\"Authorization\", \"Content-Type\", \"X-CSRF-Token\"]",
        aliases: &["allow_headers", "allowed_headers", "request_headers"],
    },
    grammar: List { item: FIELD_NAME, not_empty: None },
};

pub(crate) static EXPOSE: Key<List<Written<String>>> = Key {
    about: About {
        path: "cors.expose",
        doc: "Response header fields that scripts may read beside the few that Fetch lets them read anyway.",
        preset: Preset::Always("[\"X-Request-ID\"]"),
        why: "a front end can name the request when it reports an error; nothing else is given away unasked",
        example: "[\"X-Request-ID\", \"X-Total-Count\"]",
        aliases: &["expose_headers", "exposed_headers"],
    },
    grammar: List { item: FIELD_NAME, not_empty: None },
};

pub(crate) static MAX_AGE: Key<DurationBetween> = Key {
    about: About {
        path: "cors.max_age",
        doc: "How long a browser may keep a preflight's answer.",
        preset: Preset::Always("\"10m\""),
        why: "few preflights, and a change of the policy is in force within minutes",
        example: "\"2h\"",
        aliases: &["maxage", "preflight_max_age"],
    },
    grammar: DurationBetween { least: Duration::ZERO, most: LONGEST_AGE },
};

pub(crate) fn read(reader: &mut Reader) -> Read<Option<Cors>> {
    if !reader.has_section(SECTION.path) {
        leave_to_the_app(reader);
        return Ok(None);
    }
    let mode = reader.read_mode(&MODE);
    let origins = reader.read_optional(&ORIGINS);
    let credentials = reader.read(&CREDENTIALS);
    let methods = reader.read(&METHODS);
    let headers = reader.read(&HEADERS);
    let expose = reader.read(&EXPOSE);
    let max_age = reader.read(&MAX_AGE);
    if let Ok(None) = origins
        && reader.is_absent(&ORIGINS)
    {
        reader
            .conflict(&ORIGINS, Code::Missing, "`cors.origins` is missing: the section allows nobody")
            .help("write origins = [\"https://app.example.com\"], or remove `[cors]` to leave it to the app");
    }
    if matches!(credentials, Ok(true)) {
        refuse_everybody_as_user(reader);
    }
    if let Ok(Some(origins)) = &origins
        && reader.is_deployed()
    {
        warn_of_plain_http(reader, origins);
    }
    Ok(Some(Cors {
        mode: mode?,
        origins: origins?.ok_or_else(|| reader.noted_before(&ORIGINS))?,
        credentials: credentials?,
        methods: methods?,
        headers: headers?,
        expose: expose?,
        max_age: max_age?,
    }))
}

fn leave_to_the_app(reader: &mut Reader) {
    let unset = || Origin::because(LEFT_TO_THE_APP);
    let provenance = &mut reader.provenance;
    provenance.set(&MODE, unset(), "off");
    provenance.set(&ORIGINS, unset(), "off");
    provenance.set(&CREDENTIALS, unset(), "off");
    provenance.set(&METHODS, unset(), "off");
    provenance.set(&HEADERS, unset(), "off");
    provenance.set(&EXPOSE, unset(), "off");
    provenance.set(&MAX_AGE, unset(), "off");
}

/// Looks at what is written, so that another mistake in the list does not hide this one.
fn refuse_everybody_as_user(reader: &mut Reader) {
    let items = reader.items(&ORIGINS);
    let Some(any) = items.iter().find(|item| item.text() == Some("*")) else { return };
    let credentials = reader.place_of(&CREDENTIALS);
    let message = "`cors`: `*` together with credentials would let every site act as the signed-in user";
    let error = reader.conflict(&ORIGINS, Code::Conflict, message);
    error.place = Some(any.place.clone());
    error.label("any origin").help("list the origins, or write credentials = false");
    if let Some(place) = credentials {
        error.related(place, "with credentials");
    }
}

fn warn_of_plain_http(reader: &mut Reader, origins: &[OriginPattern]) {
    let items = reader.items(&ORIGINS);
    for (at, origin) in origins.iter().enumerate() {
        if origin.to_string().starts_with("http://") {
            let message = format!("`cors.origins`: whoever is on the network can change what {origin} serves");
            let warning = reader.warn(&ORIGINS, Code::Weak, message);
            warning.help("serve the front end over https");
            if let Some(item) = items.get(at) {
                warning.place = Some(item.place.clone());
            }
        }
    }
}
