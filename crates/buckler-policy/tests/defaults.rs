//! What holds where nothing is said, and what each source can say.

mod common;

use std::time::Duration;

use buckler_policy::settings::{
    AccessLog, Docs, Environment, LogFormat, Mask, Mode, Policy, Presence, StripInput, Tls, Untyped,
};
use buckler_policy::{Host, Loaded, Origin, Sources};
use common::{COMPLETE, development, load, with_flag, with_variables};

#[expect(clippy::expect_used, reason = "a helper of tests")]
fn production(rest: &str) -> Policy {
    load(&format!("{COMPLETE}{rest}")).expect("a complete policy").policy
}

fn strings<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

// R01 R02 R03 R08
#[test]
fn the_server_of_production() {
    let policy = production("");
    let server = &policy.server;
    assert_eq!(policy.environment, Environment::Production);
    assert_eq!(strings(&server.listen), ["0.0.0.0:8443"]);
    assert_eq!(strings(&server.hosts), ["api.example.com"]);
    assert!(server.trusted_proxies.is_empty());
    assert!(server.http_redirect.is_none() && server.redirect_port.is_none());
    assert!(matches!(server.tls, Tls::Files { .. }));
    assert_eq!(server.max_connections, 10_000);
    assert_eq!((server.limits.headers, server.limits.head, server.limits.target), (100, 32 << 10, 8 << 10));
    let timeouts = server.timeouts;
    assert_eq!(timeouts.header, Duration::from_secs(10));
    assert_eq!(timeouts.body, Duration::from_secs(10));
    assert_eq!(timeouts.body_rate, 1024);
    assert_eq!(timeouts.idle, Duration::from_secs(75));
    assert_eq!(timeouts.upstream, Duration::from_mins(1));
    assert_eq!(timeouts.connect, Duration::from_secs(5));
    assert_eq!(timeouts.drain, Duration::from_secs(30));
    assert_eq!(policy.app.workers, 2);
}

// R04 R05 R07 R08 R11
#[test]
fn everything_else_of_production() {
    let policy = production("");
    let headers = &policy.headers;
    assert_eq!(headers.hsts.as_deref(), Some("max-age=63072000; includeSubDomains"));
    assert_eq!(headers.content_type_options.as_deref(), Some("nosniff"));
    assert_eq!(headers.frame_options.as_deref(), Some("DENY"));
    assert_eq!(headers.referrer_policy.as_deref(), Some("strict-origin-when-cross-origin"));
    assert_eq!(headers.opener_policy.as_deref(), Some("same-origin"));
    assert_eq!(headers.resource_policy.as_deref(), Some("same-origin"));
    assert_eq!(headers.xss_protection.as_deref(), Some("0"));
    assert!(headers.permissions_policy.as_deref().is_some_and(|value| value.contains("camera=()")));
    assert!(headers.no_store_authenticated);
    assert_eq!(headers.remove, ["server", "x-powered-by"]);
    assert!(headers.force.is_empty() && headers.no_store_paths.is_empty());
    let csp = &headers.content_security_policy;
    let data = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    assert_eq!(csp.data.as_deref(), Some(data));
    assert!(csp.html.as_deref().is_some_and(|value| value.starts_with("default-src 'self'")));
    assert_eq!(csp.docs, None);
    assert!(policy.cors.is_none());
    assert_eq!(policy.content.max_body, 10 << 20);
    let types = ["application/json", "multipart/form-data", "application/x-www-form-urlencoded"];
    assert_eq!(strings(&policy.content.types), types);
    assert_eq!((policy.content.mode, policy.content.types_mode), (Mode::Enforce, Mode::Monitor));
    assert_eq!(policy.content.untyped, Untyped::Refuse);
    assert_eq!(policy.content.json.depth, 32);
    assert_eq!((policy.errors.mask, policy.errors.strip_input), (Mask::Replace, StripInput::Remove));
    assert_eq!((policy.log.format, policy.log.access), (LogFormat::Json, AccessLog::All));
}

// R10
#[test]
fn development_differs_where_it_must() {
    let policy = development("").expect("development needs nothing").policy;
    assert_eq!(strings(&policy.server.listen), ["127.0.0.1:8443"]);
    assert_eq!(strings(&policy.server.hosts), ["localhost", "127.0.0.1", "[::1]"]);
    assert!(matches!(policy.server.tls, Tls::SelfSigned));
    assert_eq!(policy.headers.hsts, None);
    assert!(policy.headers.content_security_policy.docs.is_some_and(|csp| csp.contains("cdn.jsdelivr.net")));
    assert_eq!((policy.errors.mask, policy.log.format, policy.app.workers), (Mask::Pass, LogFormat::Human, 1));
    // HSTS would bind every local service to HTTPS, so it is not even taken when asked for.
    let asked = development("[headers]\nhsts = \"max-age=1\"").expect("a warning only");
    assert_eq!((asked.policy.headers.hsts, asked.warnings.len()), (None, 1));
}

// R01
#[test]
fn naming_an_authority_asks_every_client_for_a_certificate() {
    let ca = "client_ca = \"file:ca.pem\"\n";
    for (lines, presence) in [
        (String::new(), None),
        (ca.to_owned(), Some(Presence::Required)),
        (format!("{ca}client_certificates = \"optional\""), Some(Presence::Optional)),
        (format!("{ca}client_certificates = \"required\""), Some(Presence::Required)),
        (format!("{ca}client_certificates = \"off\""), None),
    ] {
        let policy = production(&lines);
        assert_eq!(policy.server.client_certificates.map(|clients| clients.presence), presence, "{lines}");
    }
    let text = format!("environment = \"production\"\n{COMPLETE}{ca}");
    let in_process = Sources::new(Host::InProcess).file("buckler.toml", text).load().expect("loads");
    assert!(in_process.policy.server.client_certificates.is_none(), "there is no TLS in process");
}

// R01
#[test]
fn further_certificates_are_tables_in_either_form() {
    let pair = |name: &str| format!("{{ certificate = \"file:{name}.pem\", key = \"env:{name}\" }}");
    let inline = production(&format!("certificates = [{}, {}]", pair("a"), pair("b")));
    let tables = production(
        "[[server.tls.certificates]]\ncertificate = \"file:a.pem\"\nkey = \"env:a\"\n\
         [[server.tls.certificates]]\nkey = \"env:b\"\ncertificate = \"file:b.pem\"\n",
    );
    let json = r#"[{"certificate": "file:a.pem", "key": "env:a"}, {"certificate": "file:b.pem", "key": "env:b"}]"#;
    let variable = with_variables(COMPLETE, &[("BUCKLER_SERVER__TLS__CERTIFICATES", json)]).expect("loads").policy;
    for policy in [inline, tables, variable] {
        let Tls::Files { certificates, .. } = policy.server.tls else { panic!("files") };
        let shown: Vec<String> = certificates.iter().map(|p| format!("{} {}", p.certificate, p.key)).collect();
        assert_eq!(shown, ["file:a.pem env:a", "file:b.pem env:b"]);
    }
}

// R10
#[test]
fn docs_are_closed_where_clients_are() {
    for (environment, asked, docs) in [
        ("production", "", Docs::Closed),
        ("staging", "", Docs::Closed),
        ("development", "", Docs::Open),
        ("production", "docs = \"auto\"", Docs::Closed),
        ("production", "docs = \"open\"", Docs::Open),
        ("development", "docs = \"closed\"", Docs::Closed),
    ] {
        let text = format!("environment = \"{environment}\"\n{COMPLETE}[contract]\n{asked}");
        assert_eq!(load(&text).expect("loads").policy.contract.docs, docs, "{environment} {asked}");
    }
}

// R02
#[test]
fn in_process_needs_no_listener_and_knows_the_test_client() {
    let load = |text: &str| Sources::new(Host::InProcess).file("buckler.toml", text).load();
    let development = load("environment = \"development\"").expect("loads").policy;
    assert!(strings(&development.server.hosts).contains(&"testserver".to_owned()));
    let production = load("").expect("a warning only");
    assert!(production.policy.server.hosts.is_empty());
    assert_eq!(production.warnings.len(), 1);
}

// R64
#[test]
fn one_mode_over_all_and_one_for_each_section() {
    let modes = |policy: &Policy| {
        let server = &policy.server;
        [
            server.mode,
            server.limits.mode,
            server.paths.mode,
            policy.headers.mode,
            policy.content.mode,
            policy.errors.mode,
            policy.contract.mode,
            policy.cors.as_ref().map_or(Mode::Enforce, |cors| cors.mode),
        ]
    };
    let cors = "[cors]\norigins = [\"https://a.example\"]\n";
    assert_eq!(modes(&production(cors)), [Mode::Enforce; 8]);
    let monitor = load(&format!("mode = \"monitor\"\n{COMPLETE}{cors}")).expect("loads").policy;
    assert_eq!(modes(&monitor), [Mode::Monitor; 8]);
    for (section, at) in
        [("server.limits", 1), ("server.paths", 2), ("headers", 3), ("content", 4), ("errors", 5), ("contract", 6)]
    {
        let policy = production(&format!("{cors}[{section}]\nmode = \"monitor\"\n"));
        let mut expected = [Mode::Enforce; 8];
        expected[at] = Mode::Monitor;
        assert_eq!(modes(&policy), expected, "{section}");
    }
}

// R07
#[test]
fn types_are_enforced_once_they_are_named() {
    let named = production("[content]\ntypes = [\"application/*+json\"]");
    assert_eq!(named.content.types_mode, Mode::Enforce);
    let monitored = production("[content]\nmode = \"monitor\"\ntypes = [\"application/json\"]");
    assert_eq!(monitored.content.types_mode, Mode::Monitor);
}

// R04
#[test]
fn the_empty_string_switches_a_field_off() {
    let text =
        "[headers]\nhsts = \"\"\nframe_options = \"\"\nreferrer = \"\"\npermissions = \"\"\n[headers.csp]\ndata = \"\"";
    let headers = production(text).headers;
    assert_eq!((headers.hsts, headers.frame_options, headers.referrer_policy), (None, None, None));
    assert_eq!((headers.permissions_policy, headers.content_security_policy.data), (None, None));
}

// R05
#[test]
fn cors_from_file_or_environment_alone() {
    let file = production("[cors]\norigins = [\"https://app.example.com\"]\ncredentials = true").cors.expect("set");
    assert_eq!(strings(&file.origins), ["https://app.example.com"]);
    assert!(file.credentials);
    assert_eq!(file.max_age, Duration::from_mins(10));
    assert_eq!(file.headers, ["authorization", "content-type"]);
    for list in ["https://a.example, https://b.example", "[\"https://a.example\", \"https://b.example\"]"] {
        let loaded = with_variables(COMPLETE, &[("BUCKLER_CORS__ORIGINS", list)]).expect("loads");
        let cors = loaded.policy.cors.expect("set");
        assert_eq!(strings(&cors.origins), ["https://a.example", "https://b.example"]);
    }
}

#[expect(clippy::expect_used, reason = "a helper of tests")]
fn origin(loaded: &Loaded, key: &str) -> String {
    loaded.provenance.of(key).expect("a key").to_string()
}

// R64
#[test]
fn every_value_tells_where_it_came_from() {
    let file = format!("{COMPLETE}max_age = 1\n").replace("max_age = 1\n", "[content]\nmax_body = \"1MiB\"\n");
    let loaded = with_variables(&file, &[("BUCKLER_APP__WORKERS", "3"), ("BUCKLER_CONTENT__MAX_BODY", "2MiB")]);
    let loaded = loaded.expect("loads");
    assert_eq!(origin(&loaded, "server.hosts"), "buckler.toml:2:9");
    assert_eq!(origin(&loaded, "app.workers"), "BUCKLER_APP__WORKERS");
    assert_eq!(origin(&loaded, "content.max_body"), "BUCKLER_CONTENT__MAX_BODY");
    assert_eq!(loaded.policy.content.max_body, 2 << 20);
    assert_eq!(origin(&loaded, "server.limits.head"), "default");
    let Some(Origin::Default { because }) = loaded.provenance.of("server.limits.head") else {
        panic!("the default tells why");
    };
    assert!(because.contains("cookies"));
    let hosts = loaded.provenance.setting("server.hosts").expect("a key");
    assert_eq!(hosts.value, "[\"api.example.com\"]");
    assert!(loaded.provenance.of("server.nothing").is_none());
    let flag = with_flag("server.listen", "127.0.0.1:1", "--listen").expect("loads");
    assert_eq!(origin(&flag, "server.listen"), "--listen");
    // Nothing is left out: one entry for each key of the reference.
    let told = buckler_policy::reference::markdown().matches("\n### `").count();
    assert_eq!(loaded.provenance.iter().count(), told);
}

#[test]
fn mistakes_in_a_value_that_is_overridden_are_mistakes() {
    let file = format!("{COMPLETE}[app]\nworkers = 0");
    let errors = with_variables(&file, &[("BUCKLER_APP__WORKERS", "3")]).expect_err("a mistake");
    assert_eq!(errors.iter().filter_map(|error| error.key()).collect::<Vec<_>>(), ["app.workers"]);
}

#[test]
fn variables_that_are_not_ours_or_are_referred_to_are_left_alone() {
    let file = "[server]\nhosts = [\"a.example\"]\n[server.tls]\ncertificate = \"env:BUCKLER_SITE_CERT\"\nkey = \"env:BUCKLER_SITE_KEY\"";
    let variables = [
        ("BUCKLER_SITE_CERT", "x"),
        ("BUCKLER_SITE_KEY", "x"),
        ("BUCKLER_POLICY", "buckler.toml"),
        ("BUCKLER_WORKER_SOCKET", "x"),
        ("PATH", "/bin"),
        ("BUCKLERX", "1"),
    ];
    assert!(with_variables(file, &variables).is_ok());
    assert!(with_variables(file, &[("BUCKLER_OTHER", "x")]).is_err());
}
