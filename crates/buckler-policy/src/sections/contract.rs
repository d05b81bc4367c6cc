//! `[contract]`: what the app says of itself, and to whom. Of its keys, this release has those of the docs and of the coverage.

use super::{Section, section_mode};
use crate::grammar::{List, OneOf, PATH, SilencedFinding, Written};
use crate::key::{About, Key, Preset};
use crate::reader::{Read, Reader};
use crate::settings::{Contract, Coverage, Docs, Mode};

pub(crate) static SECTION: Section = Section {
    path: "contract",
    doc: "What the app tells about itself: who may read it, and what has to hold of its routes. `buckler contract` \
          prints it whatever stands here.",
    keys: &[&MODE, &DOCS, &DOCS_PATHS, &COVERAGE, &SILENCE],
};

pub(crate) static MODE: Key<OneOf<Mode>> =
    section_mode("contract.mode", "Whether a request for closed docs is refused or recorded.");

/// What is written, before the environment decides.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    ByEnvironment,
    For(Docs),
}

pub(crate) static DOCS: Key<OneOf<Asked>> = Key {
    about: About {
        path: "contract.docs",
        doc: "The interactive docs and the OpenAPI document: `closed` answers 404 for every method, `open` leaves them \
              to the app, `auto` closes them in production and in staging, which rehearses it.",
        preset: Preset::Always("\"auto\""),
        why: "they list every operation, the forgotten ones too, and clients of a finished service do not read them",
        example: "\"open\"",
        aliases: &["openapi", "swagger", "docs_enabled", "expose_docs"],
    },
    grammar: OneOf {
        words: &[
            ("auto", Asked::ByEnvironment),
            ("open", Asked::For(Docs::Open)),
            ("closed", Asked::For(Docs::Closed)),
        ],
    },
};

pub(crate) static DOCS_PATHS: Key<List<Written<String>>> = Key {
    about: About {
        path: "contract.docs_paths",
        doc: "Paths of the docs and of the OpenAPI document, as the app's router reads them. Under `buckler run` they \
              are closed beside those that the app itself names, its mounted apps included.",
        preset: Preset::Unset(
            "what the app names under `buckler run`, else `/docs`, `/redoc`, `/openapi.json`, `/docs/oauth2-redirect`",
        ),
        why: "an app that runs elsewhere cannot be asked; those are where FastAPI has them unless told otherwise",
        example: "[\"/api/docs\", \"/api/openapi.json\"]",
        aliases: &["docs_url", "openapi_url", "redoc_url", "docs_path"],
    },
    grammar: List { item: PATH, not_empty: None },
};

pub(crate) static COVERAGE: Key<OneOf<Coverage>> = Key {
    about: About {
        path: "contract.coverage",
        doc: "What becomes of routes that nothing protects (docs/coverage.md): `report` shows them, `enforce` keeps \
              `buckler run` from starting while a finding of level `error` stands. `buckler check --app` ends with 1 \
              for it either way. A reload does not look again.",
        preset: Preset::Always("\"report\""),
        why: "an app that has run so far goes on running; whoever has looked through the list can hold it there",
        example: "\"enforce\"",
        aliases: &["cover", "require_coverage", "uncovered_routes"],
    },
    grammar: OneOf { words: &[("report", Coverage::Report), ("enforce", Coverage::Enforce)] },
};

pub(crate) static SILENCE: Key<List<SilencedFinding>> = Key {
    about: About {
        path: "contract.silence",
        doc: "Findings of the coverage that may stay, each with the reason: `[[contract.silence]]`, once for each.",
        preset: Preset::Always("[]"),
        why: "what has to be as it is, is said where the next reader finds it",
        example: "[{ id = \"B101\", route = \"GET /health\", reason = \"the load balancer asks\" }]",
        aliases: &["ignore", "allow", "exceptions", "silenced"],
    },
    grammar: List { item: SilencedFinding, not_empty: None },
};

pub(crate) fn read(reader: &mut Reader) -> Read<Contract> {
    let mode = reader.read_mode(&MODE);
    let docs = reader.read(&DOCS).map(|asked| match asked {
        Asked::For(docs) => docs,
        Asked::ByEnvironment if reader.is_deployed() => Docs::Closed,
        Asked::ByEnvironment => Docs::Open,
    });
    let docs_paths = reader.read_optional(&DOCS_PATHS);
    let coverage = reader.read(&COVERAGE);
    let silence = reader.read(&SILENCE);
    Ok(Contract { mode: mode?, docs: docs?, docs_paths: docs_paths?, coverage: coverage?, silence: silence? })
}
