//! `[server]`, `[server.limits]` and `[server.paths]`.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use buckler_http::forwarding::TrustedProxies;
use buckler_http::host::HostPattern;
use ipnet::IpNet;

use super::{Section, clients, section_mode, timeouts, tls};
use crate::diagnostic::Code;
use crate::grammar::{CIDR, HOST, Integer, LISTEN, List, OneOf, Size, Written};
use crate::key::{About, Key, Preset};
use crate::reader::{Read, Reader};
use crate::settings::{HeadLimits, Http2, Mode, Paths, Server};
use crate::sources::Host;

pub(crate) static SECTION: Section = Section {
    path: "server",
    doc: "Listeners, names, trusted proxies.",
    keys: &[&MODE, &LISTEN_ON, &HTTP_REDIRECT, &REDIRECT_PORT, &HOSTS, &TRUSTED_PROXIES, &MAX_CONNECTIONS, &HTTP2],
};

pub(crate) static LIMITS: Section = Section {
    path: "server.limits",
    doc: "Bounds of the request head. Bodies have theirs in `[content]`.",
    keys: &[&LIMITS_MODE, &HEADERS, &HEAD, &TARGET, &STREAMS],
};

pub(crate) static PATHS: Section = Section {
    path: "server.paths",
    doc: "Paths that two readers would read differently: `..` and its encodings, NUL, backslash, `%2f`, `%5c`.",
    keys: &[&PATHS_MODE],
};

/// The name that the test clients of Starlette and FastAPI send as host.
const TEST_CLIENT_HOST: &str = "testserver";

pub(crate) static MODE: Key<OneOf<Mode>> =
    section_mode("server.mode", "Whether a wrong host and plain HTTP are refused or recorded.");

pub(crate) static LISTEN_ON: Key<List<Written<SocketAddr>>> = Key {
    about: About {
        path: "server.listen",
        doc: "Addresses that the gateway listens on.",
        preset: Preset::ByEnvironment { deployed: "[\"0.0.0.0:8443\"]", development: "[\"127.0.0.1:8443\"]" },
        why: "a port that needs no privilege; in development nobody else on the network can reach it",
        example: "[\"0.0.0.0:8443\", \"[::]:8443\"]",
        aliases: &["bind", "port", "address", "addr", "listener", "interfaces"],
    },
    grammar: List { item: LISTEN, not_empty: Some("nothing would be served") },
};

pub(crate) static HTTP_REDIRECT: Key<Written<SocketAddr>> = Key {
    about: About {
        path: "server.http_redirect",
        doc: "Plain-HTTP address that answers everything with 308 to HTTPS.",
        preset: Preset::Unset("no such listener"),
        why: "HSTS and clients of an API begin with HTTPS; a port that is not needed is not opened",
        example: "\"0.0.0.0:8080\"",
        aliases: &["redirect", "http", "http_port", "insecure_listen"],
    },
    grammar: LISTEN,
};

pub(crate) static REDIRECT_PORT: Key<Integer<u16>> = Key {
    about: About {
        path: "server.redirect_port",
        doc: "Port that redirects to HTTPS name, where clients reach another than the first of `listen`.",
        preset: Preset::Unset("the port of the first `listen` address"),
        why: "right unless something in front maps ports",
        example: "443",
        aliases: &["https_port", "external_port", "public_port"],
    },
    grammar: Integer { least: 1, most: u16::MAX, unit: "(port)" },
};

pub(crate) static HOSTS: Key<List<Written<HostPattern>>> = Key {
    about: About {
        path: "server.hosts",
        doc: "Names that the service answers to; any other gets 400. Outside development the gateway does not start without it. In process an unset list lets every name pass \
              and is \
              reported; there, in development, `testserver` is a name, too.",
        preset: Preset::ByEnvironment { deployed: "[]", development: "[\"localhost\", \"127.0.0.1\", \"[::1]\"]" },
        why: "only its owner knows a service's names, and links in mails are built from whatever name is accepted \
              (CWE-644)",
        example: "[\"api.example.com\", \"*.example.com\"]",
        aliases: &["allowed_hosts", "trusted_hosts", "host", "server_name", "server_names", "domains", "names"],
    },
    grammar: List { item: HOST, not_empty: None },
};

pub(crate) static TRUSTED_PROXIES: Key<List<Written<IpNet>>> = Key {
    about: About {
        path: "server.trusted_proxies",
        doc: "Peers whose `Forwarded` and `X-Forwarded-*` fields are believed, as addresses or networks.",
        preset: Preset::Always("[]"),
        why: "whoever is trusted here can claim any client address",
        example: "[\"10.1.2.3/32\"]",
        aliases: &["forwarded_allow_ips", "trusted_ips", "proxies", "set_real_ip_from", "proxy_headers"],
    },
    grammar: List { item: CIDR, not_empty: None },
};

pub(crate) static MAX_CONNECTIONS: Key<Integer<usize>> = Key {
    about: About {
        path: "server.max_connections",
        doc: "Connections open at the same time, all listeners together.",
        preset: Preset::Always("10000"),
        why: "some hundred MiB at most, and below the limit on open files that services usually get",
        example: "2000",
        aliases: &["worker_connections", "limit_concurrency", "connections"],
    },
    grammar: Integer { least: 1, most: 1_000_000, unit: "connections" },
};

pub(crate) static HTTP2: Key<OneOf<Http2>> = Key {
    about: About {
        path: "server.http2",
        doc: "Whether clients are offered HTTP/2. It is agreed on with TLS alone (ALPN).",
        preset: Preset::Always("\"on\""),
        why: "browsers and most libraries prefer it, and it is judged as HTTP/1.1 is",
        example: "\"off\"",
        aliases: &["h2", "http_2", "alpn", "protocols"],
    },
    grammar: OneOf { words: &[("on", Http2::Offered), ("off", Http2::Off)] },
};

pub(crate) static LIMITS_MODE: Key<OneOf<Mode>> =
    section_mode("server.limits.mode", "Whether a head beyond its bounds is refused or recorded.");

pub(crate) static HEADERS: Key<Integer<usize>> = Key {
    about: About {
        path: "server.limits.headers",
        doc: "Header field lines of a request; more get 431.",
        preset: Preset::Always("100"),
        why: "browsers send about 20; 100 is what the common Python servers and proxies take",
        example: "64",
        aliases: &["max_headers", "header_count", "limit_request_fields"],
    },
    grammar: Integer { least: 10, most: 1_000, unit: "lines" },
};

pub(crate) static HEAD: Key<Size> = Key {
    about: About {
        path: "server.limits.head",
        doc: "Bytes of the whole head: request line, names, values and what separates them; more get 431.",
        preset: Preset::Always("\"32KiB\""),
        why: "room for large cookies and tokens, as the common proxies give; the head is held in memory before \
              anything is known about the client",
        example: "\"16KiB\"",
        aliases: &["max_head", "header_size", "header_bytes", "large_client_header_buffers"],
    },
    grammar: Size { least: 1 << 10, most: 1 << 20 },
};

pub(crate) static STREAMS: Key<Integer<u32>> = Key {
    about: About {
        path: "server.limits.streams",
        doc: "Requests that a client may have under way on one HTTP/2 connection; more are turned away unread \
              (`REFUSED_STREAM`), in every mode.",
        preset: Preset::Always("100"),
        why: "RFC 9113 §5.1.2 asks for no fewer, and no browser has more",
        example: "250",
        aliases: &["max_concurrent_streams", "max_streams", "http2_max_concurrent_streams"],
    },
    grammar: Integer { least: 1, most: 1_000, unit: "requests" },
};

pub(crate) static TARGET: Key<Size> = Key {
    about: About {
        path: "server.limits.target",
        doc: "Bytes of the request target, path and query; more get 414.",
        preset: Preset::Always("\"8KiB\""),
        why: "the length that RFC 9110 §4.1 asks every recipient to support",
        example: "\"4KiB\"",
        aliases: &["max_url", "url_length", "uri", "limit_request_line"],
    },
    grammar: Size { least: 256, most: 64 << 10 },
};

pub(crate) static PATHS_MODE: Key<OneOf<Mode>> =
    section_mode("server.paths.mode", "Whether an ambiguous path is refused or recorded.");

pub(crate) fn read(reader: &mut Reader) -> Read<Server> {
    let mode = reader.read_mode(&MODE);
    let listen = reader.read(&LISTEN_ON);
    let http_redirect = reader.read_optional(&HTTP_REDIRECT);
    let redirect_port = reader.read_optional(&REDIRECT_PORT);
    let hosts = read_hosts(reader);
    let trusted_proxies = reader.read(&TRUSTED_PROXIES);
    let max_connections = reader.read(&MAX_CONNECTIONS);
    let http2 = reader.read(&HTTP2);
    let behind_proxies = trusted_proxies.as_ref().ok().map(|networks| !networks.is_empty());
    let tls = tls::read(reader, behind_proxies);
    let client_certificates = clients::read(reader, tls.as_ref().ok());
    let timeouts = timeouts::read(reader);
    let limits = read_limits(reader);
    let paths = reader.read_mode(&PATHS_MODE).map(|mode| Paths { mode });
    if let (Ok(listen), Ok(redirect)) = (&listen, &http_redirect) {
        check_listeners(reader, listen, redirect.as_ref());
    }
    Ok(Server {
        mode: mode?,
        listen: listen?,
        http_redirect: http_redirect?,
        redirect_port: redirect_port?,
        hosts: hosts?,
        trusted_proxies: TrustedProxies::new(trusted_proxies?),
        max_connections: max_connections?,
        http2: http2?,
        tls: tls?,
        client_certificates: client_certificates?,
        timeouts: timeouts?,
        limits: limits?,
        paths: paths?,
    })
}

fn read_hosts(reader: &mut Reader) -> Read<Vec<HostPattern>> {
    let mut hosts = reader.read(&HOSTS)?;
    let test_client = reader.host == Host::InProcess && !reader.is_deployed();
    if test_client && !reader.is_set(&HOSTS) {
        hosts.extend(HostPattern::parse(TEST_CLIENT_HOST));
    }
    if !hosts.is_empty() {
        return Ok(hosts);
    }
    let help = "write the names that clients use, such as\n\n    [server]\n    hosts = [\"api.example.com\"]";
    match reader.host {
        Host::Gateway if reader.is_set(&HOSTS) => {
            reader
                .conflict(&HOSTS, Code::Invalid, "`server.hosts`: the list is empty, so no request would be answered")
                .help(help);
        }
        Host::Gateway => {
            if reader.is_absent(&HOSTS) {
                reader
                    .conflict(&HOSTS, Code::Missing, "`server.hosts` is missing: only names that it lists are answered")
                    .help(help);
            }
        }
        Host::InProcess => {
            reader.warn(&HOSTS, Code::Weak, "`server.hosts` is empty: every host name is let pass").help(help);
        }
    }
    Ok(hosts)
}

fn read_limits(reader: &mut Reader) -> Read<HeadLimits> {
    let mode = reader.read_mode(&LIMITS_MODE);
    let headers = reader.read(&HEADERS);
    let head = reader.read(&HEAD);
    let target = reader.read(&TARGET);
    let streams = reader.read(&STREAMS);
    if let (Ok(head), Ok(target)) = (head, target)
        && target > head
    {
        let key = if reader.is_set(&TARGET) { &TARGET } else { &HEAD };
        reader
            .conflict(key, Code::Conflict, "`server.limits`: `target` is larger than `head`, which includes it")
            .help("raise `head` or lower `target`");
    }
    Ok(HeadLimits {
        mode: mode?,
        headers: headers?,
        head: usize::try_from(head?).unwrap_or(usize::MAX),
        target: usize::try_from(target?).unwrap_or(usize::MAX),
        streams: streams?,
    })
}

fn check_listeners(reader: &mut Reader, listen: &[SocketAddr], redirect: Option<&SocketAddr>) {
    let items = reader.items(&LISTEN_ON);
    let mut seen = BTreeSet::new();
    for (at, address) in listen.iter().enumerate() {
        if address.port() != 0 && !seen.insert(*address) {
            let error =
                reader.conflict(&LISTEN_ON, Code::Conflict, format!("`server.listen`: {address} is listed twice"));
            if let Some(item) = items.get(at) {
                error.place = Some(item.place.clone());
            }
        }
    }
    let Some(redirect) = redirect else { return };
    if redirect.port() != 0 && listen.contains(redirect) {
        reader
            .conflict(
                &HTTP_REDIRECT,
                Code::Conflict,
                format!("`server.http_redirect`: {redirect} is an address of `server.listen`, too"),
            )
            .help("give the redirect a port of its own, such as 8080");
    }
}
