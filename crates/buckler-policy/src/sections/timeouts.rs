//! `[server.timeouts]`: deadlines.

use std::time::Duration;

use super::Section;
use crate::grammar::{DurationBetween, Rate};
use crate::key::{About, Key, Preset};
use crate::reader::{Read, Reader};
use crate::settings::Timeouts;

pub(crate) static SECTION: Section = Section {
    path: "server.timeouts",
    doc: "Deadlines of connections and requests. There is none between the bytes of an answer, so server-sent events \
          live.",
    keys: &[&HEADER, &BODY, &BODY_RATE, &IDLE, &UPSTREAM, &CONNECT, &DRAIN],
};

/// A deadline below this fires on a busy machine without any client being slow.
const SHORTEST: Duration = Duration::from_millis(10);

/// A deadline beyond this holds a connection for nothing; long answers have no deadline at all.
const LONGEST: Duration = Duration::from_hours(1);

const DEADLINE: DurationBetween = DurationBetween { least: SHORTEST, most: LONGEST };

/// Beyond this the rule would refuse clients on ordinary mobile networks.
const FASTEST_DEMAND: u64 = 1 << 20;

pub(crate) static HEADER: Key<DurationBetween> = Key {
    about: About {
        path: "server.timeouts.header",
        doc: "From the first byte of a request to the end of its head.",
        preset: Preset::Always("\"10s\""),
        why: "a head is a few packets; a client that takes longer holds a connection on purpose (CWE-400, Slowloris)",
        example: "\"5s\"",
        aliases: &["client_header_timeout", "header_read_timeout", "request_timeout"],
    },
    grammar: DEADLINE,
};

pub(crate) static BODY: Key<DurationBetween> = Key {
    about: About {
        path: "server.timeouts.body",
        doc: "Grace before `body_rate` is demanded of a request body.",
        preset: Preset::Always("\"10s\""),
        why: "a slow start is normal on mobile networks, a slow body after ten seconds is not",
        example: "\"20s\"",
        aliases: &["client_body_timeout", "body_read_timeout"],
    },
    grammar: DEADLINE,
};

pub(crate) static BODY_RATE: Key<Rate> = Key {
    about: About {
        path: "server.timeouts.body_rate",
        doc: "What a request body must keep up on average once the grace is over.",
        preset: Preset::Always("\"1KiB/s\""),
        why: "slower than any modem still in use, and a body that drips a byte a second cannot hold a connection for \
              days",
        example: "\"4KiB/s\"",
        aliases: &["min_rate", "minimum_body_rate"],
    },
    grammar: Rate { least: 1, most: FASTEST_DEMAND },
};

pub(crate) static IDLE: Key<DurationBetween> = Key {
    about: About {
        path: "server.timeouts.idle",
        doc: "How long a connection stays open without a request.",
        preset: Preset::Always("\"75s\""),
        why: "longer than the 60 s after which common load balancers close theirs, so that they never send into a \
              closed one",
        example: "\"30s\"",
        aliases: &["keepalive", "keep_alive", "keepalive_timeout", "timeout_keep_alive"],
    },
    grammar: DEADLINE,
};

pub(crate) static UPSTREAM: Key<DurationBetween> = Key {
    about: About {
        path: "server.timeouts.upstream",
        doc: "From the request being sent to the first byte of the app's answer.",
        preset: Preset::Always("\"60s\""),
        why: "what clients and load balancers wait by default; an app that thinks longer needs a job queue",
        example: "\"120s\"",
        aliases: &["proxy_read_timeout", "response", "timeout"],
    },
    grammar: DEADLINE,
};

pub(crate) static CONNECT: Key<DurationBetween> = Key {
    about: About {
        path: "server.timeouts.connect",
        doc: "Connecting to the app.",
        preset: Preset::Always("\"5s\""),
        why: "the app is on this machine or near it; more than a lost packet's repetition means that it is down",
        example: "\"1s\"",
        aliases: &["proxy_connect_timeout", "connection"],
    },
    grammar: DEADLINE,
};

pub(crate) static DRAIN: Key<DurationBetween> = Key {
    about: About {
        path: "server.timeouts.drain",
        doc: "How long requests in flight may take to finish at shutdown.",
        preset: Preset::Always("\"30s\""),
        why: "what orchestrators grant between SIGTERM and SIGKILL by default",
        example: "\"60s\"",
        aliases: &["graceful_timeout", "shutdown", "timeout_graceful_shutdown", "grace"],
    },
    grammar: DEADLINE,
};

pub(crate) fn read(reader: &mut Reader) -> Read<Timeouts> {
    let header = reader.read(&HEADER);
    let body = reader.read(&BODY);
    let body_rate = reader.read(&BODY_RATE);
    let idle = reader.read(&IDLE);
    let upstream = reader.read(&UPSTREAM);
    let connect = reader.read(&CONNECT);
    let drain = reader.read(&DRAIN);
    Ok(Timeouts {
        header: header?,
        body: body?,
        body_rate: body_rate?,
        idle: idle?,
        upstream: upstream?,
        connect: connect?,
        drain: drain?,
    })
}
