//! `[content]` and `[content.json]`: request bodies.

use buckler_http::media::MediaRange;
use buckler_inspect::coding::Coding;

use super::{Section, section_mode};
use crate::grammar::{Boolean, Integer, List, MEDIA, OneOf, OrMonitor, Size, Written};
use crate::key::{About, Key, Preset};
use crate::reader::{Read, Reader};
use crate::settings::{Content, Json, Mode, Trim, UnknownFields, Untyped};

pub(crate) static SECTION: Section = Section {
    path: "content",
    doc: "Request bodies.",
    keys: &[&MODE, &MAX_BODY, &MAX_RATIO, &TYPES, &UNTYPED, &ENCODINGS, &STRICT, &UNKNOWN_FIELDS, &TRIM],
};

pub(crate) static JSON: Section = Section {
    path: "content.json",
    doc: "Bounds of a JSON document, counted while it streams.",
    keys: &[&DEPTH, &KEYS, &STRING],
};

/// Deeper documents make Python's own parser fail; nothing that people write comes near.
const DEEPEST: usize = 256;

pub(crate) static MODE: Key<OneOf<Mode>> =
    section_mode("content.mode", "Whether a body that breaks a rule is refused or recorded.");

pub(crate) static MAX_BODY: Key<Size> = Key {
    about: About {
        path: "content.max_body",
        doc: "Bytes of a request body; more get 413. Counted while streaming, whatever `Content-Length` says.",
        preset: Preset::Always("\"10MiB\""),
        why: "more than any form or document of an API; FastAPI itself knows no limit and reads JSON into memory",
        example: "\"2MiB\"",
        aliases: &["max_size", "body_limit", "client_max_body_size", "max_content_length", "limit"],
    },
    grammar: Size { least: 1, most: 1 << 40 },
};

pub(crate) static TYPES: Key<List<Written<MediaRange>>> = Key {
    about: About {
        path: "content.types",
        doc: "Media types that a body may have; another gets 415. As long as the policy does not name them, the \
              default list \
              is monitored and refuses nothing.",
        preset: Preset::Always(
            "[\"application/json\", \"multipart/form-data\", \"application/x-www-form-urlencoded\"]",
        ),
        why: "what FastAPI reads by itself; an app that reads another type must be able to go on until somebody has \
              looked",
        example: "[\"application/json\", \"application/*+json\"]",
        aliases: &["content_types", "media_types", "allowed_types", "mime_types"],
    },
    grammar: List { item: MEDIA, not_empty: Some("no request could have a body") },
};

pub(crate) static UNTYPED: Key<OneOf<Untyped>> = Key {
    about: About {
        path: "content.untyped",
        doc: "A body without `Content-Type`: `refuse` answers 415, `pass` lets it through uninspected.",
        preset: Preset::Always("\"refuse\""),
        why: "what has no type cannot be inspected, and a form of a foreign page can send it without a preflight",
        example: "\"pass\"",
        aliases: &["no_type", "missing_type", "require_content_type"],
    },
    grammar: OneOf { words: &[("refuse", Untyped::Refuse), ("pass", Untyped::Pass)] },
};

pub(crate) static ENCODINGS: Key<List<OneOf<Coding>>> = Key {
    about: About {
        path: "content.encodings",
        doc: "Content codings that a JSON body may have, one, or two one over the other; another gets 415. Such a body \
              is expanded to be inspected, and counted against `content.max_body` and `content.json` after it; what \
              the app gets is what was sent. Bodies that are not inspected pass under any coding.",
        preset: Preset::Always("[\"gzip\", \"deflate\", \"br\", \"zstd\"]"),
        why: "an app that reads compressed bodies must be able to go on, and what is expanded is inspected like any \
              other; `[]` suits an app that reads none",
        example: "[\"gzip\"]",
        aliases: &["codings", "content_encodings", "compression", "accept_encoding", "decompress"],
    },
    grammar: List {
        item: OneOf {
            words: &[
                ("gzip", Coding::Gzip),
                ("deflate", Coding::Deflate),
                ("br", Coding::Brotli),
                ("zstd", Coding::Zstd),
            ],
        },
        not_empty: None,
    },
};

pub(crate) static MAX_RATIO: Key<Integer<usize>> = Key {
    about: About {
        path: "content.max_ratio",
        doc: "How many times larger than what was sent an inspected body may become when it is expanded; more gets \
              413. 256 KiB are free.",
        preset: Preset::Always("200"),
        why: "JSON shrinks to a tenth, to a fiftieth where records repeat; a bomb reaches a thousand, and costs its \
              sender next to nothing",
        example: "1000",
        aliases: &["ratio", "compression_ratio", "max_expansion"],
    },
    grammar: Integer { least: 1, most: 1_000_000, unit: "times" },
};

pub(crate) static STRICT: Key<OrMonitor> = Key {
    about: About {
        path: "content.strict",
        doc: "Types without coercion: `true` takes a value only in the type that the contract says (`\"1\"` is no \
              integer), `false` takes whatever Pydantic coerces, `\"monitor\"` takes it and records it. It acts where \
              `contract.requests` does.",
        preset: Preset::Always("\"monitor\""),
        why: "clients of a running app may send what only coercion takes, and the log shows whether they do",
        example: "true",
        aliases: &["strict_types", "coercion", "coerce"],
    },
    grammar: OrMonitor,
};

pub(crate) static UNKNOWN_FIELDS: Key<OneOf<UnknownFields>> = Key {
    about: About {
        path: "content.unknown_fields",
        doc: "Members of a JSON body, at every depth, and query parameters that the contract does not name: `reject` \
              answers 422, `strip` takes the members out before the app sees the body, and what stays is byte for byte \
              as it was sent (of the query and of forms it records them: these are passed on as judged), `monitor` records \
              them, `ignore` lets them pass. It acts where `contract.requests` does. A body that is changed comes \
              uncompressed, with its new length and without the fields that spoke of the old one (`Content-Digest`).",
        preset: Preset::Always("\"monitor\""),
        why: "models ignore what they do not know, until one day a model knows it (CWE-915); a client that sends more \
              than it must is no attacker",
        example: "\"reject\"",
        aliases: &["extra", "extra_fields", "additional_properties", "unknown"],
    },
    grammar: OneOf {
        words: &[
            ("reject", UnknownFields::Reject),
            ("strip", UnknownFields::Strip),
            ("monitor", UnknownFields::Monitor),
            ("ignore", UnknownFields::Ignore),
        ],
    },
};

pub(crate) static TRIM: Key<Boolean> = Key {
    about: About {
        path: "content.trim",
        doc: "Whether strings of a JSON body lose the white space at both ends, names of members excepted, before the body \
              is judged and the app sees it: what Python's `str.strip` takes, written or escaped. It acts where \
              `contract.requests` does, on every JSON body.",
        preset: Preset::Always("false"),
        why: "white space may be meant, in a password or a text; an app that wants none says so in its models \
              (`str_strip_whitespace`)",
        example: "true",
        aliases: &["strip_whitespace", "trim_strings", "strip"],
    },
    grammar: Boolean,
};

pub(crate) static DEPTH: Key<Integer<usize>> = Key {
    about: About {
        path: "content.json.depth",
        doc: "Nesting of arrays and objects.",
        preset: Preset::Always("32"),
        why: "deeper than any document that people model, and parsers recurse (CWE-674)",
        example: "16",
        aliases: &["max_depth", "nesting"],
    },
    grammar: Integer { least: 1, most: DEEPEST, unit: "levels" },
};

pub(crate) static KEYS: Key<Integer<usize>> = Key {
    about: About {
        path: "content.json.keys",
        doc: "Members of all objects together. 10000 suits most APIs.",
        preset: Preset::Always("100000"),
        why: "a bulk import may have as many; far more only serve to fill memory, since each costs a hundred bytes \
              in Python",
        example: "10000",
        aliases: &["max_keys", "members", "fields"],
    },
    grammar: Integer { least: 1, most: 10_000_000, unit: "members" },
};

pub(crate) static STRING: Key<Integer<usize>> = Key {
    about: About {
        path: "content.json.string",
        doc: "Characters of one string or member name. 10000 suits APIs without long texts.",
        preset: Preset::Always("10485760"),
        why: "as many as the default body has bytes: files are sent in JSON as base64, and the app has not said that \
              it takes none",
        example: "10000",
        aliases: &["max_string", "string_length", "max_length"],
    },
    grammar: Integer { least: 1, most: 1 << 30, unit: "characters" },
};

pub(crate) fn read(reader: &mut Reader) -> Read<Content> {
    let mode = reader.read_mode(&MODE);
    let max_body = reader.read(&MAX_BODY);
    let types = reader.read(&TYPES);
    let untyped = reader.read(&UNTYPED);
    let encodings = reader.read(&ENCODINGS);
    let max_ratio = reader.read(&MAX_RATIO);
    let depth = reader.read(&DEPTH);
    let keys = reader.read(&KEYS);
    let string = reader.read(&STRING);
    let strict = reader.read(&STRICT);
    let unknown_fields = reader.read(&UNKNOWN_FIELDS);
    let trim = reader.read(&TRIM);
    let types_named = reader.is_set(&TYPES);
    Ok(Content {
        mode: mode?,
        max_body: max_body?,
        types: types?,
        types_mode: if types_named { mode? } else { Mode::Monitor },
        untyped: untyped?,
        encodings: encodings?,
        max_ratio: u32::try_from(max_ratio?).unwrap_or(u32::MAX),
        json: Json { depth: depth?, keys: keys?, string: string? },
        strict: strict?,
        unknown_fields: unknown_fields?,
        trim: if trim? { Trim::On } else { Trim::Off },
    })
}
