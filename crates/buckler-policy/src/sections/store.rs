//! `[store]`: where counts are kept.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::Section;
use super::tls::refuse_literals;
use crate::diagnostic::{Code, Faults};
use crate::grammar::{Complaint, DurationBetween, Grammar, Integer, OneOf, OrOff, SecretRef, Shape, Written};
use crate::key::{About, Key, Preset};
use crate::node::Node;
use crate::reader::{Read, Reader};
use crate::secret::SecretReference;
use crate::settings::{Keep, StateStore, Store};

pub(crate) static SECTION: Section = Section {
    path: "store",
    doc: "Where counts are kept. The embedded store is memory that all worker processes of the machine share; Redis or \
          Valkey is for several machines.",
    keys: &[&STATE, &NAME, &PATH, &KEYS, &KEEP, &SECRET, &CA, &TIMEOUT, &LEASE],
};

/// `"embedded"`, an address of Redis, or where such an address is.
pub(crate) struct StateAddress;

const SCHEMES: [&str; 8] = [
    "redis://",
    "rediss://",
    "valkey://",
    "valkeys://",
    "redis+unix://",
    "unix://",
    "redis-cluster://",
    "rediss-cluster://",
];

const STATE_FORMS: &str = "write \"embedded\", \"redis://127.0.0.1:6379/0\", or where an address with a password is: \
                           \"env:REDIS_URL\"";

impl Grammar for StateAddress {
    type Value = StateStore;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<StateStore> {
        let Some(text) = node.text() else {
            node.wrong_type("a store", faults).help(STATE_FORMS);
            return None;
        };
        if text == "embedded" {
            return Some(StateStore::Embedded);
        }
        let is_address = SCHEMES.iter().any(|scheme| text.starts_with(scheme));
        let is_reference = ["env:", "file:", "cmd:"].iter().any(|kind| text.starts_with(kind));
        if is_address || is_reference {
            return SecretRef.parse(node, faults).map(StateStore::Redis);
        }
        // What it is may be a password, so it is not repeated.
        faults.refuse(Code::Invalid, &node.place, "not a store").help(STATE_FORMS);
        None
    }

    fn shape(&self) -> Shape {
        Shape::new(
            "`\"embedded\"`, an address (`\"redis://\"`, `\"rediss://\"` over TLS, `\"redis+unix://\"`, `\"redis-cluster://\"`), or a reference to \
             one: `\"env:REDIS_URL\"`, `\"file:PATH\"`, `\"cmd:PROGRAM ARGUMENT …\"`",
            serde_json::json!({ "type": "string", "minLength": 1 }),
        )
    }
}

pub(crate) static STATE: Key<StateAddress> = Key {
    about: About {
        path: "store.state",
        doc: "Where counts are kept: `embedded`, or the address of a Redis or Valkey, which all machines share.",
        preset: Preset::Always("\"embedded\""),
        why: "it needs nothing else to run, and costs a memory access",
        example: "\"env:REDIS_URL\"",
        aliases: &["storage_uri", "url", "redis", "redis_url", "backend", "storage"],
    },
    grammar: StateAddress,
};

const LONGEST_NAME: usize = 64;

fn name(text: &str) -> Result<String, Complaint> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(is_plain) {
        return Err(Complaint::new(format!("1 to {LONGEST_NAME} letters, digits, `-`, `_` or `.`")));
    }
    Ok(text.to_owned())
}

pub(crate) static NAME: Key<Written<String>> = Key {
    about: About {
        path: "store.name",
        doc: "The name of the app in its store: apps of one name count together, others apart.",
        preset: Preset::Unset(
            "`default` in Redis; on one machine the policy's file, or the folder that it is started in",
        ),
        why: "one app has one policy; whoever runs two from one folder, or on one Redis, has to name them",
        example: "\"shop\"",
        aliases: &["prefix", "key_prefix", "namespace", "app"],
    },
    grammar: Written { what: "a name", words: "a name such as `\"shop\"`", read: name },
};

fn path(text: &str) -> Result<PathBuf, Complaint> {
    if text.is_empty() || text.contains('\0') {
        return Err(Complaint::new("a path has at least one character, and no NUL"));
    }
    Ok(PathBuf::from(text))
}

pub(crate) static PATH: Key<Written<PathBuf>> = Key {
    about: About {
        path: "store.path",
        doc: "The file of the embedded store, which all processes of the app must be able to reach. It is taken up in \
              full when it is made (64 bytes for each of `store.keys`), and nobody else may read it.",
        preset: Preset::Unset("a file of the user's own in `/dev/shm`, else in the folder for temporary files"),
        why: "that is memory: nothing is written to a disk",
        example: "\"/run/shop/limits\"",
        aliases: &["file", "dir", "location"],
    },
    grammar: Written { what: "a path", words: "a path such as `\"/run/shop/limits\"`", read: path },
};

pub(crate) static KEYS: Key<Integer<u64>> = Key {
    about: About {
        path: "store.keys",
        doc: "Keys (a client under a limit) with something to remember that the embedded store holds exactly. Beyond it, \
              those below half of their limit may be forgotten, those above it never, and newcomers may have to wait.",
        preset: Preset::Always("100000"),
        why: "a hundred thousand clients in the same minute, in 6.4 MB: below what containers have as shared memory",
        example: "1000000",
        aliases: &["capacity", "max_keys", "size", "maxsize"],
    },
    grammar: Integer { least: 1_000, most: 100_000_000, unit: "keys" },
};

pub(crate) static KEEP: Key<OneOf<Keep>> = Key {
    about: About {
        path: "store.keep",
        doc: "Whether the embedded store outlives the processes that use it: `while-used` is removed by the last of \
              them, `always` goes on counting, which over a restart of the machine needs a `store.path` on a disk.",
        preset: Preset::Always("\"while-used\""),
        why: "a restart of all is rare and a new beginning harms nobody but for long quotas",
        example: "\"always\"",
        aliases: &["persist", "persistent", "durable"],
    },
    grammar: OneOf { words: &[("while-used", Keep::WhileUsed), ("always", Keep::Always)] },
};

pub(crate) static SECRET: Key<SecretRef> = Key {
    about: About {
        path: "store.secret",
        doc: "What the names of keys in Redis are hashed with, at least 16 bytes, the same on all machines.",
        preset: Preset::Unset("a random one that is made with the first count and kept in Redis"),
        why: "keys tell nothing to whoever has a dump of them without the secret",
        example: "\"env:BUCKLER_STORE_HASH_SECRET\"",
        aliases: &["salt", "pepper", "hash_key"],
    },
    grammar: SecretRef,
};

pub(crate) static CA: Key<SecretRef> = Key {
    about: About {
        path: "store.ca",
        doc: "Certificates in PEM of the authorities that the certificate of a Redis over TLS may come from.",
        preset: Preset::Unset("those that the machine trusts"),
        why: "whoever runs an authority of their own knows it; others need no setting",
        example: "\"file:/etc/buckler/redis-ca.pem\"",
        aliases: &["ca_certs", "ssl_ca_certs", "cafile", "authorities"],
    },
    grammar: SecretRef,
};

/// A round trip in one data centre takes less than the least, and no request should wait longer than the most.
const LEAST_TIMEOUT: Duration = Duration::from_millis(1);
const MOST_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) static TIMEOUT: Key<DurationBetween> = Key {
    about: About {
        path: "store.timeout",
        doc: "How long Redis may take for an answer before `store_down` decides.",
        preset: Preset::Always("\"50ms\""),
        why: "a hundred times what it takes in one data centre, and nothing that a user would feel",
        example: "\"20ms\"",
        aliases: &["socket_timeout", "response_timeout", "redis_timeout"],
    },
    grammar: DurationBetween { least: LEAST_TIMEOUT, most: MOST_TIMEOUT },
};

pub(crate) static LEASE: Key<OrOff<Integer<u32>>> = Key {
    about: About {
        path: "store.lease",
        doc: "Uses that a process asks Redis for at once, and then gives out by itself: all but one of so many requests \
              wait for nothing. Never more are admitted than a limit allows; up to so many for each process may be \
              refused too early.",
        preset: Preset::Always("\"off\""),
        why: "exact is what is expected of a limit",
        example: "20",
        aliases: &["batch", "permits", "local_cache", "leased"],
    },
    grammar: OrOff(Integer { least: 2, most: 1_000_000, unit: "uses" }),
};

/// Whether an address names a password.
fn has_password(address: &str) -> bool {
    let Some((_, rest)) = address.split_once("://") else { return false };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, _) = rest.split_at_checked(end).unwrap_or((rest, ""));
    authority.rsplit_once('@').is_some_and(|(userinfo, _)| userinfo.contains(':'))
}

pub(crate) fn read(reader: &mut Reader) -> Read<Store> {
    let state = reader.read(&STATE);
    let name = reader.read_optional(&NAME);
    let path = reader.read_optional(&PATH);
    let keys = reader.read(&KEYS);
    let keep = reader.read(&KEEP);
    let secret = reader.read_optional(&SECRET);
    let ca = reader.read_optional(&CA);
    let timeout = reader.read(&TIMEOUT);
    let lease = reader.read(&LEASE);
    if let Ok(StateStore::Redis(address @ SecretReference::Literal(text))) = &state
        && has_password(text.expose())
    {
        refuse_literals(reader, &STATE, Some(address));
    }
    refuse_literals(reader, &SECRET, secret.as_ref().ok().and_then(Option::as_ref));
    if matches!(state, Ok(StateStore::Embedded)) {
        let remote = [
            (SECRET.about.path, reader.is_set(&SECRET)),
            (CA.about.path, reader.is_set(&CA)),
            (TIMEOUT.about.path, reader.is_set(&TIMEOUT)),
            (LEASE.about.path, reader.is_set(&LEASE)),
        ];
        for (path, _) in remote.into_iter().filter(|(_, given)| *given) {
            let message = format!("`{path}` is not used: the store is the embedded one");
            reader.warn(&STATE, Code::Unused, message).help("name a Redis in `store.state`, or remove it");
        }
    }
    Ok(Store {
        state: state?,
        name: name?,
        path: path?,
        keys: keys?,
        keep: keep?,
        secret: secret?,
        ca: ca?,
        timeout: timeout?,
        lease: lease?.and_then(NonZeroU32::new),
    })
}
