//! `[limits]`: how often clients may ask.

use buckler_limits::{Allowance, Limit, StoreDown};

use super::{Section, section_mode};
use crate::diagnostic::Code;
use crate::grammar::{Integer, LimitText, List, OneOf, STORE_DOWN};
use crate::key::{About, Key, Preset};
use crate::reader::{Read, Reader};
use crate::settings::{LimitFields, LimitRule, Limits, Mode};

pub(crate) static SECTION: Section = Section {
    path: "limits",
    doc: "How often clients may ask. A rate (`5/minute`, `100/hour burst 20`, `5/30s`) is counted by GCRA: its burst, the \
          count unless given, may be used at once and comes back evenly. A quota (`1000/day`, `20000/month`) is a window \
          of the calendar, in UTC. `per ip`, `per route`, `per header:NAME` and their combinations (`per ip+route`) say \
          whose count it is; without them it is everybody's. All limits of a request must have room, or none is charged. \
          A refusal is 429 with `Retry-After`.",
    keys: &[&MODE, &DEFAULT, &STORE_DOWN_KEY, &IPV6_PREFIX, &FIELDS],
};

pub(crate) static MODE: Key<OneOf<Mode>> =
    section_mode("limits.mode", "Whether what is beyond a limit is refused or recorded. It is counted either way.");

pub(crate) static DEFAULT: Key<List<LimitText>> = Key {
    about: About {
        path: "limits.default",
        doc: "Limits of every request, those of a `[[route]]` beside it. Preflights and what is refused before (a wrong \
              host, a malformed request) count against none; the handshake of a WebSocket counts as one. A client \
              without an address (a Unix socket, a test client) is not counted `per ip`.",
        preset: Preset::Always("[\"600/minute burst 100 per ip\"]"),
        why: "ten a second and a hundred at once is more than people and their pages need, and little for a machine that \
              tries passwords",
        example: "[\"600/minute burst 100 per ip\", { limit = \"100000/day\", store_down = \"open\" }]",
        aliases: &["default_limits", "rate", "global", "rate_limit", "limit", "application_limits"],
    },
    grammar: List { item: LimitText, not_empty: None },
};

pub(crate) static STORE_DOWN_KEY: Key<OneOf<StoreDown>> = Key {
    about: About {
        path: "limits.store_down",
        doc: "What becomes of requests while the store that counts them cannot be asked: `local` counts them on this \
              machine alone, `closed` answers 503, `open` lets them pass. A limit that is written as a table can say \
              its own.",
        preset: Preset::Always("\"local\""),
        why: "the service stays up, and each machine still holds a client to the limit",
        example: "\"closed\"",
        aliases: &["on_failure", "fail", "fallback", "in_memory_fallback", "swallow_errors"],
    },
    grammar: STORE_DOWN,
};

/// Shorter prefixes are whole providers.
const LEAST_PREFIX: u8 = 32;

pub(crate) static IPV6_PREFIX: Key<Integer<u8>> = Key {
    about: About {
        path: "limits.ipv6_prefix",
        doc: "Bits of an IPv6 address that tell clients apart `per ip`. IPv4-mapped addresses count as IPv4.",
        preset: Preset::Always("64"),
        why: "whoever has one address of a /64 has all of them (RFC 4291 §2.5.1, RFC 6177)",
        example: "56",
        aliases: &["ipv6_subnet", "ipv6_mask", "prefix"],
    },
    grammar: Integer { least: LEAST_PREFIX, most: 128, unit: "bits" },
};

pub(crate) static FIELDS: Key<OneOf<LimitFields>> = Key {
    about: About {
        path: "limits.fields",
        doc: "What answers tell of limits, allowed and refused alike: `standard` is `RateLimit` and `RateLimit-Policy` \
              (draft-ietf-httpapi-ratelimit-headers-10), `all` adds `X-RateLimit-Limit`, `-Remaining` and `-Reset` of \
              the limit that is nearest to its end, `off` leaves `Retry-After` of a 429 alone.",
        preset: Preset::Always("\"standard\""),
        why: "a client that is told can slow down before it is refused",
        example: "\"all\"",
        aliases: &["headers", "headers_enabled", "x_ratelimit", "response_headers"],
    },
    grammar: OneOf {
        words: &[("standard", LimitFields::Standard), ("all", LimitFields::All), ("off", LimitFields::Off)],
    },
};

pub(crate) fn read(reader: &mut Reader) -> Read<Limits> {
    let mode = reader.read_mode(&MODE);
    let default = reader.read(&DEFAULT);
    let store_down = reader.read(&STORE_DOWN_KEY);
    let ipv6_prefix = reader.read(&IPV6_PREFIX);
    let fields = reader.read(&FIELDS);
    let store_down = store_down?;
    let default = with_store_down(default?, store_down);
    if default.len() > MOST_LIMITS {
        let message = format!("`limits.default`: {} limits for each request are too many", default.len());
        reader.conflict(&DEFAULT, Code::OutOfRange, message).label(format!("at most {MOST_LIMITS}"));
    }
    for (at, rule) in default.iter().enumerate() {
        if let Some(other) = never_reached(&rule.limit, default.iter().enumerate(), at) {
            let message = format!("`{}` is never reached: `{other}` ends before", rule.limit);
            reader.warn(&DEFAULT, Code::Unused, message).help("remove it");
        }
    }
    Ok(Limits { mode: mode?, default, store_down, ipv6_prefix: ipv6_prefix?, fields: fields? })
}

/// Limits of one request; half of them are the route's own.
pub(crate) const MOST_LIMITS: usize = buckler_limits::batch::MOST_CHECKS / 2;

/// The rules, none of which leaves it open what becomes of it.
pub(crate) fn with_store_down(rules: Vec<LimitRule>, store_down: StoreDown) -> Vec<LimitRule> {
    let said = |rule: LimitRule| LimitRule { store_down: rule.store_down.or(Some(store_down)), ..rule };
    rules.into_iter().map(said).collect()
}

/// Another limit of the same clients that is always reached before.
pub(crate) fn never_reached<'r>(
    limit: &Limit,
    others: impl Iterator<Item = (usize, &'r LimitRule)>,
    own: usize,
) -> Option<&'r Limit> {
    let mut others = others.filter(|(at, other)| {
        // Of two that say the same, the second is too much.
        *at != own
            && other.limit.per == limit.per
            && is_within(&other.limit, limit)
            && (*at < own || other.limit != *limit)
    });
    others.next().map(|(_, other)| &other.limit)
}

/// Whether what `one` lets pass, `other` always lets pass, too.
pub(crate) fn is_within(one: &Limit, other: &Limit) -> bool {
    match (&one.allowance, &other.allowance) {
        (Allowance::Rate(one), Allowance::Rate(other)) => {
            one.burst() <= other.burst() && one.interval() >= other.interval()
        }
        (Allowance::Quota(one), Allowance::Quota(other)) => {
            one.count() <= other.count() && one.window() == other.window()
        }
        (Allowance::Rate(_) | Allowance::Quota(_), _) => false,
    }
}
