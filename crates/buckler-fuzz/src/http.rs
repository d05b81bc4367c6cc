//! The vocabulary of HTTP, and a whole head through the engine.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use buckler_engine::{Context, Engine, Opening, Timestamp};
use buckler_http::authority::Authority;
use buckler_http::connection::{Connection, Peer, Scheme};
use buckler_http::forwarding::{TrustedProxies, parse_cidr, resolve};
use buckler_http::head::{Head, Version};
use buckler_http::media::{MediaRange, MediaType};
use buckler_http::origin::{Origin, OriginPattern};
use buckler_http::target::{Target, judge_path};
use buckler_policy::{Host, Sources};

const PROXY: Connection = Connection {
    peer: Peer::Ip(SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3)), 1)),
    scheme: Scheme::Http,
};

/// What is read as an authority has one host, without what other parsers split at, and reads the same again.
pub fn authority(data: &[u8]) {
    let Ok(authority) = Authority::parse(data) else { return };
    assert!(!authority.host().iter().any(|b| matches!(b, b'@' | b'/' | b'\\' | b'?' | b'#' | b' ' | b',' | 0)));
    assert!(data.starts_with(authority.host()));
    assert_eq!(Authority::parse(authority.as_bytes()), Ok(authority));
    assert!(authority.same_as(&authority, 443));
}

/// A path that passes stays below its root when it is decoded once, as frameworks do.
pub fn target(data: &[u8]) {
    let Ok(target) = Target::parse(data) else { return };
    let Some(path) = target.path() else { return };
    assert!(path.first() == Some(&b'/') && !path.contains(&b'?'));
    if judge_path(path).is_ok() {
        let decoded = decode(path);
        assert!(!decoded.contains(&0) && !decoded.contains(&b'\\'));
        assert_eq!(segments(&decoded), segments(path));
        assert!(!decoded.split(|b| *b == b'/').any(|segment| segment == b"." || segment == b".."));
    }
}

fn segments(path: &[u8]) -> usize {
    path.split(|b| *b == b'/').count()
}

fn decode(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        let escape = after.get(..2).filter(|_| first == b'%');
        let byte =
            escape.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(byte.unwrap_or(first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    decoded
}

/// Whatever forwarding fields say, a peer that is not trusted stays itself.
pub fn forwarding(data: &[u8]) {
    let trusted = TrustedProxies::new(parse_cidr("10.0.0.0/8").into_iter().collect());
    let stranger = Connection { peer: Peer::Ip(SocketAddr::from(([203, 0, 113, 9], 1))), scheme: Scheme::Https };
    for name in ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"] {
        let mut head = Head::new("GET", b"/", Version::Http11);
        for line in data.split(|b| *b == b'\n') {
            head.push(name.as_bytes(), line);
        }
        let ignored = resolve(stranger, &head, &trusted);
        assert!(ignored.is_ok_and(|client| client.peer == stranger.peer && client.host.is_none()));
        if let Ok(client) = resolve(PROXY, &head, &trusted) {
            assert!(matches!(client.peer, Peer::Ip(_)));
        }
    }
}

/// A type that is read has a boundary if it needs one, and `*/*` covers it.
pub fn media_type(data: &[u8]) {
    let Ok(media) = MediaType::parse(data) else { return };
    assert!(MediaRange::parse("*/*").is_ok_and(|any| any.covers(&media)));
    if MediaRange::parse("multipart/*").is_ok_and(|multipart| multipart.covers(&media)) {
        assert!(media.boundary().is_some_and(|boundary| (1..=70).contains(&boundary.len())));
    }
}

/// `null` is covered by nothing; an origin that is covered exactly is the pattern's own text or says the same.
pub fn origin(data: &[u8]) {
    let Ok(origin) = Origin::parse(data) else { return };
    let patterns = ["https://app.example.com", "https://*.example.com"];
    for pattern in patterns.iter().filter_map(|text| OriginPattern::parse(text).ok()) {
        if pattern.covers(&origin) {
            assert!(data.starts_with(b"https://"));
            assert!(memmem(data, b".example.com"));
        }
    }
}

fn memmem(data: &[u8], part: &[u8]) -> bool {
    data.windows(part.len()).any(|window| window == part)
}

static ENGINE: LazyLock<Option<Arc<Engine>>> = LazyLock::new(|| {
    let text = "environment = \"staging\"\n[server]\nhosts = [\"a.example\"]\ntrusted_proxies = [\"10.1.2.3\"]\n\
                [server.tls]\nmode = \"off\"\n[cors]\norigins = [\"https://b.example\"]\n";
    let policy = Sources::new(Host::Gateway).file("fuzz.toml", text).load().ok()?.policy;
    Some(Arc::new(Engine::new(&policy)))
});

/// Lines of a head: method and target first, then fields. An admitted one names one of our hosts and carries
/// nothing that only the edge may say.
pub fn head(data: &[u8]) {
    assert!(ENGINE.is_some(), "the policy of this target is wrong");
    let Some(engine) = ENGINE.as_ref() else { return };
    let mut lines = data.split(|b| *b == b'\n');
    let request = lines.next().unwrap_or_default();
    let mut words = request.splitn(2, |b| *b == b' ');
    let Ok(method) = std::str::from_utf8(words.next().unwrap_or_default()) else { return };
    let mut head = Head::new(method, words.next().unwrap_or_default(), Version::Http11);
    for line in lines {
        let mut parts = line.splitn(2, |b| *b == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        head.push(name, value.trim_ascii());
    }
    let context = Context { connection: PROXY, now: Timestamp(0), nonce: [0; 16] };
    match engine
        .open(&head, &context)
        .settle(&head, context.now, |batch| buckler_limits::batch::unheard_of(batch, buckler_limits::Moment(0)))
    {
        Opening::Answer(ended) => assert!(!ended.reply.status.is_success() || ended.reply.status == 204),
        Opening::Consult(_) => unreachable!("settled"),
        Opening::Admit(admission) => {
            assert!(head.bytes() <= 32 * 1024);
            let edits = admission.edits();
            let host = edits.set().iter().find(|(name, _)| name == "x-forwarded-host");
            assert!(host.is_some_and(|(_, value)| value.as_bytes().to_ascii_lowercase().starts_with(b"a.example")));
            assert!(!head.spoofable() || edits.removes("x-forwarded-for") && edits.removes("buckler-identity"));
        }
    }
}
