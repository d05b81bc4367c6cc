//! `[contract]`: what the app says of itself: to whom, what requests are held to it, and what has to hold of its routes.

use std::path::PathBuf;
use std::time::Duration;

use super::{Section, section_mode};
use crate::diagnostic::Code;
use crate::document_url::{DocumentUrl, Transport, UrlFault};
use crate::grammar::{Complaint, DurationBetween, List, OneOf, OrOff, PATH, SilencedFinding, Size, Written};
use crate::key::{About, Key, Preset};
use crate::provenance::Origin;
use crate::reader::{Read, Reader};
use crate::settings::{Contract, ContractSource, Coverage, Docs, Mode, Requests, ResponseRule, Responses, Unlisted};
use crate::sources::Host;

pub(crate) static SECTION: Section = Section {
    path: "contract",
    doc: "What the app tells about itself in its OpenAPI document: who may read it, what requests and answers are held \
          to it, and what has to hold of its routes. `buckler contract` prints it whatever stands here.",
    keys: &[
        &MODE,
        &DOCS,
        &DOCS_PATHS,
        &SOURCE,
        &REFRESH,
        &REQUESTS,
        &UNLISTED,
        &RESPONSES,
        &NEVER_RETURN,
        &MAX_RESPONSE,
        &COVERAGE,
        &SILENCE,
    ],
};

pub(crate) static MODE: Key<OneOf<Mode>> = section_mode(
    "contract.mode",
    "Whether what this section refuses or takes away (closed docs, what `requests` and `responses` enforce, what \
     `never_return` names) is refused or recorded.",
);

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

pub(crate) static SOURCE: Key<Written<ContractSource>> = Key {
    about: About {
        path: "contract.source",
        doc: "The OpenAPI document (3.0 or 3.1, JSON) that requests are held to: `app`, the one that the app itself \
              makes, its prefix and all that it knows of its models included; a file, as `file:openapi.json`; or, for \
              a gateway, an address as `https://docs.example.com/openapi.json`, which is fetched at the start, at a \
              reload and every `contract.refresh`: at most 32 MiB within 10 s, no redirect followed, the certificate \
              verified. `http://` is for this machine, and for development. A document that cannot be had keeps the \
              gateway from starting where `requests` is `enforce`; later on the last good one stays.",
        preset: Preset::Unset("`\"app\"` under `buckler run` and in process; none under `buckler serve`"),
        why: "FastAPI says of every operation what it takes; only an app that runs elsewhere cannot be asked",
        example: "\"file:openapi.json\"",
        aliases: &["openapi_file", "schema", "document", "spec", "url", "contract_url"],
    },
    grammar: Written {
        what: "a source of the contract",
        words: "`\"app\"`, a file as `\"file:openapi.json\"`, or an address as `\"https://docs.example.com/openapi.json\"`",
        read: source,
    },
};

fn source(text: &str) -> Result<ContractSource, Complaint> {
    if text == "app" {
        return Ok(ContractSource::App);
    }
    match text.strip_prefix("file:") {
        Some("") => Err(Complaint::new("the file has no name").help("write \"file:openapi.json\"")),
        Some(path) => Ok(ContractSource::File(PathBuf::from(path))),
        None if text.contains("://") => DocumentUrl::parse(text).map(ContractSource::Url).map_err(|fault| {
            let complaint = Complaint::new(fault.as_str());
            match fault {
                UrlFault::Userinfo => complaint.help("name an address that is open to this machine"),
                _ => complaint.help("write \"https://docs.example.com/openapi.json\", or save it and name the file"),
            }
        }),
        None => Err(Complaint::new("neither \"app\", a file nor an address").help(format!("write \"file:{text}\""))),
    }
}

/// Asking more often than this is no way to learn of a change; a reload is.
const LEAST_REFRESH: Duration = Duration::from_secs(1);

/// Longer than anybody remembers that it is on.
const MOST_REFRESH: Duration = Duration::from_hours(24 * 7);

pub(crate) static REFRESH: Key<OrOff<DurationBetween>> = Key {
    about: About {
        path: "contract.refresh",
        doc: "How often a document with an address is asked for again; `off` is at the start and at a reload alone. What \
              has not changed is not sent again (`ETag`, `Last-Modified`); what cannot be had or used changes nothing, \
              and is told once.",
        preset: Preset::Always("\"5m\""),
        why: "a deployment of the app takes minutes as well, and an unchanged answer costs a few hundred bytes",
        example: "\"1m\"",
        aliases: &["interval", "poll", "refresh_interval", "ttl"],
    },
    grammar: OrOff(DurationBetween { least: LEAST_REFRESH, most: MOST_REFRESH }),
};

pub(crate) static REQUESTS: Key<OneOf<Requests>> = Key {
    about: About {
        path: "contract.requests",
        doc: "What becomes of a request that the contract does not allow: `enforce` answers 422 (415 for a media type, \
              405 and 404 as `unlisted_routes` says), `monitor` records it, `off` leaves requests to the app. `auto` \
              enforces what no client can tell from the app's own refusal, and records the rest: operations with \
              dependencies (one of them may answer 401 first), and all of an app that has middlewares or a handler \
              for `RequestValidationError` of its own; everything where `errors.strip_input` keeps the app's own 422 as it \
              is. Once `content.strict` or `content.unknown_fields` refuses, and \
              for a document that `source` names, `auto` is `enforce`. Judged are parameters, JSON bodies, urlencoded \
              forms and the media types of bodies, as the app's models read them: what they take, passes. Only a \
              middleware that rewrites requests is unknown. Fields of multipart forms are left to the app.",
        preset: Preset::Always("\"auto\""),
        why: "nothing is refused that the app would take, and nobody hears another refusal than before; the log says \
              what enforcing would refuse first",
        example: "\"enforce\"",
        aliases: &["request", "validate", "enforce", "validation"],
    },
    grammar: OneOf {
        words: &[
            ("auto", Requests::Unnoticed),
            ("enforce", Requests::Judged(Mode::Enforce)),
            ("monitor", Requests::Judged(Mode::Monitor)),
            ("off", Requests::Off),
        ],
    },
};

pub(crate) static UNLISTED: Key<OneOf<Unlisted>> = Key {
    about: About {
        path: "contract.unlisted_routes",
        doc: "What the contract does not list: `refuse` answers 404, or 405 with `Allow` where only the method is \
              missing; `pass` leaves it to the app. `HEAD` and `OPTIONS` of a listed path, WebSockets and the docs are \
              no matter of the contract.",
        preset: Preset::Unset(
            "`\"refuse\"` for a contract from a file or an address under `buckler serve`, else `\"pass\"`",
        ),
        why: "an app has routes that it does not list: mounts, hidden routes, redirects; a document that somebody hands \
              over is what the service is meant to be",
        example: "\"refuse\"",
        aliases: &["unknown_routes", "shadow_routes", "unlisted"],
    },
    grammar: OneOf { words: &[("refuse", Unlisted::Refuse), ("pass", Unlisted::Pass)] },
};

/// Where a document may be fetched from, and by whom.
fn check_url(reader: &mut Reader, url: &DocumentUrl) {
    if let Some(place) = reader.place_of(&SOURCE) {
        // The query may hold a secret.
        reader.provenance.set(&SOURCE, Origin::of(&place), &format!("\"{url}\""));
    }
    if reader.host == Host::InProcess {
        reader
            .conflict(&SOURCE, Code::Conflict, "`contract.source`: in process nothing is fetched")
            .label("for `buckler serve` and `buckler run`")
            .help("leave it away: the app is here, and says itself what it takes; or write \"file:openapi.json\"");
    } else if url.transport() == Transport::Plain && !url.is_loopback() && reader.is_deployed() {
        reader
            .conflict(
                &SOURCE,
                Code::Conflict,
                "`contract.source`: outside development a document comes over `https://`",
            )
            .label("whoever stands on the way could write another contract")
            .help("write `https://`, or fetch it by other means and name the file: \"file:openapi.json\"");
    }
}

pub(crate) static RESPONSES: Key<OneOf<Responses>> = Key {
    about: About {
        path: "contract.responses",
        doc: "What becomes of an answer that the contract does not declare. `filter` takes the members out of JSON that \
              no schema names, at every depth, and records a successful status or a media type that is not declared; \
              `enforce` answers 500 instead, also where a value breaks its schema; `monitor` records what `filter` would \
              take out; `off` leaves answers as they are. An object whose schema names no members is left alone, as are \
              errors (4xx, 5xx) of a status that is not declared, event streams, lines of JSON, parts (206) and answers \
              without a body.",
        preset: Preset::Always("\"monitor\""),
        why: "an app may answer more than it declares, and its clients may read it; the log says what filtering would \
              take away",
        example: "\"filter\"",
        aliases: &["response", "answers", "filter", "response_model"],
    },
    grammar: OneOf {
        words: &[
            ("filter", Responses::Judged(ResponseRule::Filter, Mode::Enforce)),
            ("enforce", Responses::Judged(ResponseRule::Refuse, Mode::Enforce)),
            ("monitor", Responses::Judged(ResponseRule::Filter, Mode::Monitor)),
            ("off", Responses::Off),
        ],
    },
};

pub(crate) static NEVER_RETURN: Key<List<Written<String>>> = Key {
    about: About {
        path: "contract.never_return",
        doc: "Members that are taken out of every JSON answer, at any depth, declared or not and whatever `responses` \
              says. Written in words (`hashed_password`, `hashed-password` or `hashedPassword`), each stands for all \
              three spellings, without regard to case. What is JSON by its type and cannot be read does not leave where \
              it may hold one. Event streams, lines of JSON, parts (206) and files that the server sends by itself are \
              not looked into.",
        preset: Preset::Always("[\"hashed_password\", \"password_hash\"]"),
        why: "no client of a correct app needs the hash of a password, and one that is sent by mistake can be attacked \
              offline",
        example: "[\"hashed_password\", \"password\", \"secret\"]",
        aliases: &["secrets", "hidden_fields", "exclude", "response_exclude", "redact"],
    },
    grammar: List {
        item: Written { what: "a name of a member", words: "a name such as `\"hashed_password\"`", read: member },
        not_empty: None,
    },
};

/// Bytes of the longest name that never leaves.
const LONGEST_MEMBER: usize = 100;

fn member(text: &str) -> Result<String, Complaint> {
    if text.is_empty()
        || text.len() > LONGEST_MEMBER
        || text.chars().any(|c| c.is_control() || matches!(c, '"' | '\\' | '/'))
    {
        return Err(Complaint::new(format!(
            "a name has 1 to {LONGEST_MEMBER} bytes, and no control characters, quotes or slashes"
        )));
    }
    if text.bytes().all(|byte| matches!(byte, b'_' | b'-')) {
        return Err(Complaint::new("a name has more than `_` and `-`"));
    }
    Ok(text.to_owned())
}

pub(crate) static MAX_RESPONSE: Key<Size> = Key {
    about: About {
        path: "contract.max_response",
        doc: "Bytes of a JSON answer that are held to be judged as a whole, so that one that needs no change goes out as \
              it came. A longer one, and one that does not announce its length, is filtered as it streams, without a \
              length; `responses = \"enforce\"` answers 500 for what is longer, and monitoring does not judge it.",
        preset: Preset::Always("\"1MiB\""),
        why: "a page of a thousand records is below; each answer under way may take so much memory",
        example: "\"4MiB\"",
        aliases: &["response_limit", "max_answer", "response_buffer"],
    },
    grammar: Size { least: 1024, most: 1 << 30 },
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
    let source = reader.read_optional(&SOURCE);
    let refresh = reader.read(&REFRESH);
    let requests = reader.read(&REQUESTS);
    let unlisted = reader.read_optional(&UNLISTED);
    let responses = reader.read(&RESPONSES);
    let never_return = reader.read(&NEVER_RETURN);
    let max_response = reader.read(&MAX_RESPONSE);
    let source = source?;
    if let Some(ContractSource::Url(url)) = &source {
        check_url(reader, url);
    }
    let is_named = matches!(source, Some(ContractSource::File(_) | ContractSource::Url(_)));
    let handed_over = reader.host == Host::Gateway && is_named;
    let usual = if handed_over && !reader.is_set(&super::app::TARGET) { Unlisted::Refuse } else { Unlisted::Pass };
    Ok(Contract {
        mode: mode?,
        docs: docs?,
        docs_paths: docs_paths?,
        source,
        refresh: refresh?,
        document: None,
        document_fault: None,
        requests: match requests? {
            Requests::Off => Requests::Off,
            // One switch at the top, or for the section, turns all of it to monitoring.
            _ if mode? == Mode::Monitor => Requests::Judged(Mode::Monitor),
            // What the app would answer first, a document that somebody hands over does not say.
            Requests::Unnoticed if is_named => Requests::Judged(Mode::Enforce),
            asked => asked,
        },
        unlisted: unlisted?.unwrap_or(usual),
        responses: match responses? {
            Responses::Judged(rule, _) if mode? == Mode::Monitor => Responses::Judged(rule, Mode::Monitor),
            asked => asked,
        },
        never_return: never_return?,
        max_response: usize::try_from(max_response?).unwrap_or(usize::MAX),
        coverage: coverage?,
        silence: silence?,
    })
}
