//! Who the client is behind proxies: `Forwarded` (RFC 7239) and `X-Forwarded-*`, read from right to left.
//!
//! Each proxy of a chain appends what it saw, so only the right end is written by somebody we know. The walk
//! starts at the peer and goes left as long as the address it stands on is a trusted proxy; the first one that
//! is not is the client. What stands further left was sent by that client and means nothing.
//!
//! 1. No trusted proxy, or a peer that is none: the peer is the client, every field is ignored.
//! 2. `Forwarded` together with `X-Forwarded-For`, `-Proto` or `-Host` is refused: a proxy that writes one family
//!    passes the other on as the client sent it, and nobody can tell which is which.
//! 3. A hop without an address (`unknown`, `_hidden`) ends the walk at the proxy that wrote it.
//! 4. Something that is no hop at all, written by a trusted proxy, is refused.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use smallvec::SmallVec;

use crate::authority::parse_port;
use crate::connection::{Connection, Peer, Scheme};
use crate::head::{Field, Head};
use crate::token::trim_ows;

/// Longest chain of trusted proxies: real ones have two or three, a longer one is a loop.
pub const MAX_HOPS: usize = 16;

/// Why text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CidrError {
    /// Not an address, nor `address/prefix`.
    #[error("a network is written `10.1.2.3`, `10.1.2.0/24` or `2001:db8::/32`")]
    Form,
    /// Bits are set behind the prefix, so the author meant something else.
    #[error("the address has bits behind the prefix; did you mean `{0}`?")]
    HostBits(IpNet),
    /// `/0` trusts the whole internet to say who it is.
    #[error("a network of all addresses trusts every client to name its own address")]
    Everybody,
}

/// Reads an address or a network in CIDR notation; IPv4-mapped IPv6 is folded.
///
/// # Errors
/// See [`CidrError`].
pub fn parse_cidr(text: &str) -> Result<IpNet, CidrError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(fold(address)));
    }
    let net: IpNet = text.parse().map_err(|_| CidrError::Form)?;
    if net.prefix_len() == 0 {
        return Err(CidrError::Everybody);
    }
    if net.trunc() != net {
        return Err(CidrError::HostBits(net.trunc()));
    }
    Ok(net)
}

/// IPv4-mapped IPv6 addresses are the IPv4 address (RFC 4291 §2.5.5.2).
pub fn fold(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Whether a request field claims something that only the edge may say: who the client is, what it asked for,
/// who it was found to be. Such fields never pass from a client to the app; `_` and `.` count as `-`, since
/// CGI-style servers fold them.
///
/// ```
/// use buckler_http::forwarding::is_spoofable;
/// assert!(is_spoofable(b"X-Forwarded-For") && is_spoofable(b"x_real_ip") && is_spoofable(b"Buckler-Identity"));
/// assert!(!is_spoofable(b"x-custom"));
/// ```
pub fn is_spoofable(name: &[u8]) -> bool {
    match name.first().map(u8::to_ascii_lowercase) {
        Some(b'b' | b'c' | b'f' | b'p' | b't' | b'x') => {}
        // Browsers send many fields that begin so, and one name alone is known.
        Some(b's') if name.len() == "script-name".len() => {}
        _ => return false,
    }
    let folds_to = |part: &[u8], known: &str| {
        part.len() == known.len()
            && part.iter().zip(known.bytes()).all(|(&byte, known)| match byte {
                b'_' | b'.' => known == b'-',
                byte => byte.to_ascii_lowercase() == known,
            })
    };
    SPOOFABLE.iter().any(|known| folds_to(name, known))
        || SPOOFABLE_PREFIXES.iter().any(|known| name.get(..known.len()).is_some_and(|start| folds_to(start, known)))
}

/// Names that load balancers and frameworks are known to read for address, scheme, host or path.
const SPOOFABLE: &[&str] = &[
    "forwarded",
    "forwarded-for",
    "x-forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-remote-ip",
    "x-remote-addr",
    "x-originating-ip",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-host",
    "x-scheme",
    "x-url-scheme",
    "x-script-name",
    "x-request-id",
    "x-appengine-user-ip",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-envoy-external-address",
    "x-envoy-original-path",
    "client-ip",
    // What a TLS edge verified (RFC 9440): ours to say.
    "client-cert",
    "client-cert-chain",
    "true-client-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "fastly-client-ip",
    "fly-client-ip",
    "front-end-https",
    // Read as the path that the app is mounted at by servers that know it from CGI.
    "script-name",
    // CGI turns it into `HTTP_PROXY`, which HTTP clients obey (CVE-2016-5385).
    "proxy",
];

/// Families of names: every forwarding field, and our own.
const SPOOFABLE_PREFIXES: &[&str] = &["x-forwarded-", "buckler-"];

/// Peers whose forwarding fields are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
}

impl TrustedProxies {
    /// These networks, and nobody else.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self { networks }
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// The networks, as they were given.
    pub fn networks(&self) -> &[IpNet] {
        &self.networks
    }

    /// Whether the address is a trusted proxy's.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = fold(address);
        self.networks.iter().any(|net| net.contains(&address))
    }
}

/// Who sent the request, and what it looked like at the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client<'a> {
    /// The client, or the last known point on the way to it.
    pub peer: Peer,
    /// The scheme that the client used.
    pub scheme: Scheme,
    /// Whether a trusted proxy named the scheme; else it is the connection's, which behind a proxy tells nothing of
    /// the client.
    pub scheme_told: bool,
    /// The host that the client asked for, where a trusted proxy says so.
    pub host: Option<&'a [u8]>,
    /// Where these facts come from.
    pub source: Source,
}

/// Where the facts about the client come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The connection; there was nothing to believe or ignore.
    Connection,
    /// The connection; forwarding fields came from a peer that is not trusted and were ignored.
    Unsolicited,
    /// The fields of a trusted proxy.
    TrustedProxy,
}

/// Why the forwarding fields of a trusted proxy are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardingFault {
    /// Both `Forwarded` and one of `X-Forwarded-For`, `-Proto`, `-Host`.
    #[error("both Forwarded and X-Forwarded-For, -Proto or -Host are present")]
    BothFamilies,
    /// A hop that is no node identifier (RFC 7239 §6).
    #[error("a forwarding field holds something that is no address")]
    Node,
    /// A scheme other than http, https, ws, wss.
    #[error("the forwarded protocol is neither http nor https")]
    Scheme,
    /// `Forwarded` that is not a list of `name=value` pairs.
    #[error("the Forwarded field is malformed")]
    Syntax,
    /// More than [`MAX_HOPS`] proxies.
    #[error("the chain of proxies is longer than 16 hops")]
    TooManyHops,
}

/// One proxy's words, rightmost last.
#[derive(Debug, Clone, Copy, Default)]
struct Hop<'a> {
    node: Option<&'a [u8]>,
    proto: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
}

type Hops<'a> = SmallVec<[Hop<'a>; 4]>;

/// Finds the client.
///
/// # Errors
/// Fields of a trusted proxy that cannot be read in one way. Fields of anybody else are ignored, however wrong.
pub fn resolve<'a>(
    connection: Connection,
    head: &Head<'a>,
    trusted: &TrustedProxies,
) -> Result<Client<'a>, ForwardingFault> {
    let carries = |field| head.slot(field).lines() > 0;
    let any = [Field::Forwarded, Field::XForwardedFor, Field::XForwardedProto, Field::XForwardedHost]
        .into_iter()
        .any(carries);
    let plain = |source| {
        let Connection { peer, scheme } = connection;
        Client { peer, scheme, scheme_told: false, host: None, source }
    };
    if !any {
        return Ok(plain(Source::Connection));
    }
    let Peer::Ip(peer) = connection.peer else { return Ok(plain(Source::Unsolicited)) };
    if !trusted.contains(peer.ip()) {
        return Ok(plain(Source::Unsolicited));
    }
    let of_facto = [Field::XForwardedFor, Field::XForwardedProto, Field::XForwardedHost];
    if carries(Field::Forwarded) && of_facto.into_iter().any(carries) {
        return Err(ForwardingFault::BothFamilies);
    }
    let hops = if carries(Field::Forwarded) { read_forwarded(head)? } else { read_x_forwarded(head)? };
    let (peer, chosen) = walk(peer, &hops, trusted)?;
    let hop = chosen.and_then(|at| hops.get(at)).or(hops.last()).copied().unwrap_or_default();
    let scheme = match hop.proto {
        Some(proto) => read_scheme(proto)?,
        None => connection.scheme,
    };
    let scheme_told = hop.proto.is_some();
    Ok(Client { peer: Peer::Ip(peer), scheme, scheme_told, host: hop.host, source: Source::TrustedProxy })
}

/// From the right end to the first address that is no trusted proxy; also which hop that was.
fn walk(
    peer: SocketAddr,
    hops: &[Hop<'_>],
    trusted: &TrustedProxies,
) -> Result<(SocketAddr, Option<usize>), ForwardingFault> {
    let mut client = peer;
    let mut chosen = None;
    for (at, hop) in hops.iter().enumerate().rev() {
        let Some(node) = hop.node else { break };
        match read_node(node).ok_or(ForwardingFault::Node)? {
            Node::Hidden => {
                chosen = Some(at);
                break;
            }
            Node::Address(address) => {
                client = address;
                chosen = Some(at);
                if !trusted.contains(address.ip()) {
                    break;
                }
            }
        }
    }
    Ok((client, chosen))
}

fn read_x_forwarded<'a>(head: &Head<'a>) -> Result<Hops<'a>, ForwardingFault> {
    let nodes = members(head, Field::XForwardedFor)?;
    let protos = members(head, Field::XForwardedProto)?;
    let hosts = members(head, Field::XForwardedHost)?;
    // Lists as long as the chain were appended to by each proxy and belong together; any other was written by
    // the last proxy alone, or partly by the client, so only its right end counts.
    let beside = |list: &SmallVec<[&'a [u8]; 4]>, at: usize| {
        if list.len() == nodes.len() { list.get(at).copied() } else { list.last().copied() }
    };
    let mut hops: Hops<'a> = nodes
        .iter()
        .enumerate()
        .map(|(at, node)| Hop { node: Some(node), proto: beside(&protos, at), host: beside(&hosts, at) })
        .collect();
    if hops.is_empty() {
        hops.push(Hop { node: None, proto: protos.last().copied(), host: hosts.last().copied() });
    }
    Ok(hops)
}

/// The members of a list field, over all its lines.
fn members<'a>(head: &Head<'a>, field: Field) -> Result<SmallVec<[&'a [u8]; 4]>, ForwardingFault> {
    let mut list = SmallVec::new();
    for value in head.values(field) {
        for member in value.split(|&b| b == b',') {
            if list.len() == MAX_HOPS {
                return Err(ForwardingFault::TooManyHops);
            }
            list.push(trim_ows(member));
        }
    }
    Ok(list)
}

fn read_forwarded<'a>(head: &Head<'a>) -> Result<Hops<'a>, ForwardingFault> {
    let mut hops = Hops::new();
    for value in head.values(Field::Forwarded) {
        let mut rest = trim_ows(value);
        loop {
            if hops.len() == MAX_HOPS {
                return Err(ForwardingFault::TooManyHops);
            }
            let (hop, after) = read_forwarded_element(rest)?;
            hops.push(hop);
            match after.split_first() {
                Some((b',', after)) => rest = trim_ows(after),
                Some(_) => return Err(ForwardingFault::Syntax),
                None => break,
            }
        }
    }
    Ok(hops)
}

/// `for=…;proto=…;host=…`, each at most once, up to the comma or the end.
fn read_forwarded_element(mut rest: &[u8]) -> Result<(Hop<'_>, &[u8]), ForwardingFault> {
    let mut hop = Hop::default();
    loop {
        let equals = rest.iter().position(|&b| !crate::token::is_tchar(b)).ok_or(ForwardingFault::Syntax)?;
        let (name, after) = rest.split_at_checked(equals).ok_or(ForwardingFault::Syntax)?;
        let after = after.strip_prefix(b"=").filter(|_| !name.is_empty()).ok_or(ForwardingFault::Syntax)?;
        let (value, after) = read_value(after)?;
        let slot = match name.len() {
            3 if name.eq_ignore_ascii_case(b"for") => Some(&mut hop.node),
            4 if name.eq_ignore_ascii_case(b"host") => Some(&mut hop.host),
            5 if name.eq_ignore_ascii_case(b"proto") => Some(&mut hop.proto),
            _ => None,
        };
        if let Some(slot) = slot
            && slot.replace(value).is_some()
        {
            return Err(ForwardingFault::Syntax);
        }
        let after = trim_ows(after);
        match after.split_first() {
            Some((b';', next)) => rest = trim_ows(next),
            _ => return Ok((hop, after)),
        }
    }
}

fn read_value(text: &[u8]) -> Result<(&[u8], &[u8]), ForwardingFault> {
    if let Some(quoted) = text.strip_prefix(b"\"") {
        let end = memchr::memchr2(b'"', b'\\', quoted).ok_or(ForwardingFault::Syntax)?;
        let (value, after) = quoted.split_at_checked(end).ok_or(ForwardingFault::Syntax)?;
        return Ok((value, after.strip_prefix(b"\"").ok_or(ForwardingFault::Syntax)?));
    }
    let end = text.iter().position(|&b| !crate::token::is_tchar(b)).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(value, _)| !value.is_empty()).ok_or(ForwardingFault::Syntax)
}

enum Node {
    Address(SocketAddr),
    Hidden,
}

/// RFC 7239 §6, and the bare IPv6 address that `X-Forwarded-For` carries.
fn read_node(node: &[u8]) -> Option<Node> {
    if node.eq_ignore_ascii_case(b"unknown") {
        return Some(Node::Hidden);
    }
    if let Some(name) = node.strip_prefix(b"_") {
        let sound =
            !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        return sound.then_some(Node::Hidden);
    }
    let text = std::str::from_utf8(node).ok()?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Node::Address(SocketAddr::new(fold(address), 0)));
    }
    let (address, port): (IpAddr, &str) = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        (IpAddr::V6(address.parse().ok()?), port)
    } else {
        let (address, port) = text.split_at_checked(text.find(':')?)?;
        (IpAddr::V4(address.parse().ok()?), port)
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => 0,
        None => return None,
        // An obfuscated port (RFC 7239 §6.2) says nothing.
        Some(hidden) if hidden.starts_with('_') => 0,
        Some(port) => parse_port(port.as_bytes())?,
    };
    Some(Node::Address(SocketAddr::new(fold(address), port)))
}

fn read_scheme(proto: &[u8]) -> Result<Scheme, ForwardingFault> {
    for (name, scheme) in
        [(&b"https"[..], Scheme::Https), (b"http", Scheme::Http), (b"wss", Scheme::Https), (b"ws", Scheme::Http)]
    {
        if proto.eq_ignore_ascii_case(name) {
            return Ok(scheme);
        }
    }
    Err(ForwardingFault::Scheme)
}

#[cfg(test)]
#[path = "forwarding_tests.rs"]
mod tests;
