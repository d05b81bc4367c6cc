use super::*;
use crate::head::Version;

fn trusted(networks: &[&str]) -> TrustedProxies {
    TrustedProxies::new(networks.iter().map(|n| parse_cidr(n).unwrap()).collect())
}

fn at(peer: &str) -> Connection {
    Connection { peer: Peer::Ip(SocketAddr::new(peer.parse().unwrap(), 5000)), scheme: Scheme::Http }
}

fn run(
    peer: &str,
    networks: &[&str],
    fields: &[(&str, &str)],
) -> Result<(String, Scheme, Option<String>), ForwardingFault> {
    let mut head = Head::new("GET", b"/", Version::Http11);
    for (name, value) in fields {
        head.push(name.as_bytes(), value.as_bytes());
    }
    let client = resolve(at(peer), &head, &trusted(networks))?;
    let Peer::Ip(address) = client.peer else { panic!("an address goes in, an address comes out") };
    Ok((address.to_string(), client.scheme, client.host.map(|h| String::from_utf8(h.to_vec()).unwrap())))
}

fn client(peer: &str, networks: &[&str], fields: &[(&str, &str)]) -> String {
    run(peer, networks, fields).unwrap().0
}

const XFF: &str = "x-forwarded-for";

// R03
#[test]
fn spoofed_fields_do_not_move_the_client() {
    let v4 = &["10.0.0.0/8"][..];
    for (peer, networks, fields, expected) in [
        // Nobody is trusted by default.
        ("203.0.113.9", &[][..], &[(XFF, "1.2.3.4")][..], "203.0.113.9:5000"),
        ("10.0.0.1", &[], &[(XFF, "1.2.3.4")], "10.0.0.1:5000"),
        ("203.0.113.9", v4, &[("forwarded", "for=1.2.3.4")], "203.0.113.9:5000"),
        // Garbage of somebody who is not believed is not even read.
        ("203.0.113.9", v4, &[(XFF, "';drop"), ("forwarded", "\"")], "203.0.113.9:5000"),
        // What the client prepended stays on the left of what the proxy saw.
        ("10.0.0.1", v4, &[(XFF, "1.2.3.4, 198.51.100.7")], "198.51.100.7:0"),
        ("10.0.0.1", v4, &[(XFF, "10.9.9.9, 198.51.100.7, 10.0.0.2")], "198.51.100.7:0"),
        ("10.0.0.1", v4, &[(XFF, "garbage, 198.51.100.7")], "198.51.100.7:0"),
        // Several lines are one list.
        ("10.0.0.1", v4, &[(XFF, "1.2.3.4"), (XFF, "198.51.100.7")], "198.51.100.7:0"),
        ("10.0.0.1", v4, &[(XFF, "198.51.100.7"), (XFF, "10.0.0.2")], "198.51.100.7:0"),
        // A chain of trusted proxies alone: the farthest.
        ("10.0.0.1", v4, &[(XFF, "10.0.0.3, 10.0.0.2")], "10.0.0.3:0"),
        // A hop that hides: the proxy that wrote it.
        ("10.0.0.1", v4, &[(XFF, "1.2.3.4, unknown")], "10.0.0.1:5000"),
        ("10.0.0.1", v4, &[("forwarded", "for=1.2.3.4, for=_secret")], "10.0.0.1:5000"),
        ("10.0.0.1", v4, &[("forwarded", "for=1.2.3.4, for=unknown, for=10.0.0.2")], "10.0.0.2:0"),
        // Mapped addresses are the IPv4 address on both sides.
        ("::ffff:10.0.0.1", v4, &[(XFF, "::ffff:198.51.100.7")], "198.51.100.7:0"),
        ("2001:db8::1", &["2001:db8::/32"], &[(XFF, "2001:db9::7")], "[2001:db9::7]:0"),
    ] {
        assert_eq!(client(peer, networks, fields), expected, "{peer} {fields:?}");
    }
}

// R03
#[test]
fn nodes_with_ports_and_brackets_are_read() {
    let v4 = &["10.0.0.0/8"][..];
    for (fields, expected) in [
        (&[(XFF, "198.51.100.7:4711")][..], "198.51.100.7:4711"),
        (&[(XFF, "[2001:db8::7]:4711")], "[2001:db8::7]:4711"),
        (&[(XFF, "[2001:db8::7]")], "[2001:db8::7]:0"),
        (&[(XFF, "2001:db8::7")], "[2001:db8::7]:0"),
        (&[("forwarded", "For=\"[2001:db8::7]:_x\";Proto=https")], "[2001:db8::7]:0"),
        (&[("forwarded", "for=198.51.100.7;by=10.0.0.1;secret=x")], "198.51.100.7:0"),
        (&[("forwarded", "for=\"198.51.100.7:80\"")], "198.51.100.7:80"),
    ] {
        assert_eq!(client("10.0.0.1", v4, fields), expected, "{fields:?}");
    }
}

// R03
#[test]
fn what_a_trusted_proxy_says_in_two_ways_is_refused() {
    use ForwardingFault as F;
    let long = "10.0.0.2, ".repeat(MAX_HOPS) + "10.0.0.2";
    for (fields, expected) in [
        (&[(XFF, "1.2.3.4"), ("forwarded", "for=1.2.3.4")][..], F::BothFamilies),
        (&[("x-forwarded-proto", "http"), ("forwarded", "for=1.2.3.4;proto=https")], F::BothFamilies),
        (&[("x-forwarded-host", "a.example"), ("forwarded", "host=b.example")], F::BothFamilies),
        (&[(XFF, "1.2.3.4, ")], F::Node),
        (&[(XFF, "")], F::Node),
        (&[(XFF, "1.2.3.4; evil")], F::Node),
        (&[(XFF, "1.2.3")], F::Node),
        (&[(XFF, "01.2.3.4")], F::Node),
        (&[(XFF, "1.2.3.4:99999")], F::Node),
        (&[(XFF, "[1.2.3.4]")], F::Node),
        (&[(XFF, "::1:evil")], F::Node),
        (&[("forwarded", "for=evil")], F::Node),
        (&[("forwarded", "for")], F::Syntax),
        (&[("forwarded", "for=")], F::Syntax),
        (&[("forwarded", "for=1.2.3.4;for=5.6.7.8")], F::Syntax),
        (&[("forwarded", "for=\"1.2.3.4")], F::Syntax),
        (&[("forwarded", "for=\"1.2.\\3.4\"")], F::Syntax),
        (&[("forwarded", "for=1.2.3.4 for=5.6.7.8")], F::Syntax),
        (&[("x-forwarded-proto", "gopher")], F::Scheme),
        (&[("x-forwarded-proto", "https\thttp")], F::Scheme),
        (&[(XFF, long.as_str())], F::TooManyHops),
    ] {
        assert_eq!(run("10.0.0.1", &["10.0.0.0/8"], fields), Err(expected), "{fields:?}");
    }
}

// R03
#[test]
fn scheme_and_host_come_from_the_hop_that_saw_the_client() {
    let networks = &["10.0.0.0/8"][..];
    let facts = |fields: &[(&str, &str)]| {
        let (_, scheme, host) = run("10.0.0.1", networks, fields).unwrap();
        (scheme, host)
    };
    let host = |h: &str| Some(h.to_owned());
    for (fields, expected) in [
        (&[("x-forwarded-proto", "https")][..], (Scheme::Https, None)),
        (&[("x-forwarded-host", "a.example")], (Scheme::Http, host("a.example"))),
        // Appended by two proxies: the member beside the client's.
        (&[(XFF, "1.2.3.4, 10.0.0.2"), ("x-forwarded-proto", "https, http")], (Scheme::Https, None)),
        // Half written by the client: the right end.
        (&[(XFF, "1.2.3.4"), ("x-forwarded-proto", "https, http")], (Scheme::Http, None)),
        (&[(XFF, "1.2.3.4"), ("x-forwarded-host", "evil.example, a.example")], (Scheme::Http, host("a.example"))),
        (
            &[("forwarded", "for=1.2.3.4;proto=https;host=\"a.example:8443\", for=10.0.0.2;proto=http")],
            (Scheme::Https, host("a.example:8443")),
        ),
    ] {
        assert_eq!(facts(fields), expected, "{fields:?}");
    }
}

// R02
#[test]
fn a_proxy_that_names_no_scheme_has_not_named_one() {
    for (fields, told) in [
        (&[(&b"x-forwarded-for"[..], &b"1.2.3.4"[..])][..], false),
        (&[(b"forwarded", b"for=1.2.3.4")], false),
        (&[(b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-proto", b"http")], true),
        (&[(b"forwarded", b"for=1.2.3.4;proto=http")], true),
    ] {
        let mut head = Head::new("GET", b"/", Version::Http11);
        for (name, value) in fields {
            head.push(name, value);
        }
        let connection = Connection { peer: Peer::Ip(([10, 0, 0, 1], 1).into()), scheme: Scheme::Http };
        let client = resolve(connection, &head, &trusted(&["10.0.0.1"])).unwrap();
        assert_eq!((client.scheme_told, client.source), (told, Source::TrustedProxy), "{fields:?}");
    }
}

#[test]
fn a_peer_without_an_address_is_believed_nothing() {
    let mut head = Head::new("GET", b"/", Version::Http11);
    head.push(b"x-forwarded-for", b"1.2.3.4");
    let client = resolve(Connection::LOCAL, &head, &trusted(&["127.0.0.0/8"])).unwrap();
    assert_eq!((client.peer, client.source), (Peer::Local, Source::Unsolicited));
}

#[test]
fn networks_that_say_too_much_are_refused() {
    assert_eq!(parse_cidr("0.0.0.0/0"), Err(CidrError::Everybody));
    assert_eq!(parse_cidr("::/0"), Err(CidrError::Everybody));
    assert!(matches!(parse_cidr("10.1.2.3/8"), Err(CidrError::HostBits(_))));
    assert_eq!(parse_cidr("10.0.0.0/33"), Err(CidrError::Form));
    assert_eq!(parse_cidr("localhost"), Err(CidrError::Form));
    assert_eq!(parse_cidr("::ffff:10.0.0.1"), parse_cidr("10.0.0.1"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(a: Vec<u8>, b: Vec<u8>) {
        let networks = trusted(&["10.0.0.0/8"]);
        for field in ["forwarded", XFF, "x-forwarded-proto", "x-forwarded-host"] {
            let mut head = Head::new("GET", b"/", Version::Http11);
            head.push(field.as_bytes(), &a);
            head.push(field.as_bytes(), &b);
            let _client = resolve(at("10.0.0.1"), &head, &networks);
        }
    }
}

// R03: every name that a load balancer or framework is known to read, however it is spelt
#[test]
fn what_only_the_edge_may_say_is_known_by_name() {
    for name in [
        "X-Forwarded-For",
        "x_forwarded_for",
        "X.Real.IP",
        "Client-IP",
        "client_ip",
        "X-Forwarded",
        "Forwarded-For",
        "X-Originating-IP",
        "X-Remote-Addr",
        "X-Original-Forwarded-For",
        "X-Scheme",
        "X-Script-Name",
        "Script-Name",
        "SCRIPT_NAME",
        "X-Azure-ClientIP",
        "Fly-Client-IP",
        "X-Envoy-External-Address",
        "Buckler-Edge",
        "Client-Cert",
        "CLIENT_CERT_CHAIN",
        "Proxy",
    ] {
        assert!(is_spoofable(name.as_bytes()), "{name}");
    }
    for name in ["", "x", "Host", "Script-Nam", "Sec-Fetch-Site", "X-CSRF-Token", "X-API-Key", "Client", "Cookie"] {
        assert!(!is_spoofable(name.as_bytes()), "{name}");
    }
}
