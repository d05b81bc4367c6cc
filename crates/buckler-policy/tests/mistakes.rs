//! Every kind of mistake as its author reads it. The snapshots are the specification: read them as such.

mod common;

use buckler_policy::settings::ContractSource;
use buckler_policy::{Host, Sources};

/// A snapshot without the expression that made it.
macro_rules! assert_page {
    ($page:expr) => {{
        let page = $page;
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(page) });
    }};
}

use common::{COMPLETE, development, load, page, with_flag, with_variables};

#[test]
fn an_empty_file_says_what_production_needs() {
    let in_process = Sources::new(Host::InProcess).file("buckler.toml", "").load();
    let nothing = Sources::new(Host::Gateway).load();
    assert_page!(page([
        ("gateway, empty file", load("")),
        ("gateway, no file", nothing),
        ("gateway, staging", load("environment = \"staging\"")),
        ("gateway, development", development("")),
        ("in process", in_process),
    ]));
}

#[test]
fn names_that_are_no_keys() {
    let cases = [
        ("misspelt key", "[server]\nhost = [\"api.example.com\"]"),
        ("misspelt section", "[sever]\nlisten = [\"127.0.0.1\"]"),
        ("key of another section", "[app]\ntrusted_proxies = [\"10.0.0.1\"]"),
        ("key at the top", "listen = [\"127.0.0.1:1\"]"),
        ("what another tool calls it", "[cors]\nallow_origins = [\"https://app.example.com\"]"),
        ("another tool's certificate", "[server.tls]\nssl_certfile = \"/etc/site.pem\""),
        ("nothing like it", "[server]\nfrobnicate = 1"),
        ("dashes", "[server]\nhttp-redirect = \"127.0.0.1:80\""),
        ("section as a value", "server = 1"),
        ("section as a list", "[[server]]\nhosts = []"),
        ("dotted", "server.timeouts.heder = \"1s\""),
        ("inline table", "content = { json = { depht = 3 } }"),
    ];
    assert_page!(page(cases.map(|(title, text)| (title, development(text)))));
}

#[test]
fn what_this_release_does_not_enforce() {
    let cases = [
        ("section", "[bans]\nafter = 10"),
        ("sub-section", "[identity.tokens]\naccess = \"15m\""),
        ("key of a route", "[[route]]\nmatch = \"POST /users\"\naccess = \"public\"\nupload = {}"),
        ("limits of signing in", "[limits]\nlogin = [\"5/minute per ip\"]"),
        ("key", "[content]\ntrim = true"),
        ("misspelt", "[websockets]\nrate = 1"),
    ];
    assert_page!(page(cases.map(|(title, text)| (title, development(text)))));
}

#[test]
fn values_of_the_wrong_type_or_size() {
    let cases = [
        ("string for integer", "[server]\nmax_connections = \"8443\""),
        ("integer for string", "[server]\nhttp_redirect = 8080"),
        ("string for list", "[server]\nlisten = \"127.0.0.1:8443\""),
        ("string for boolean", "[headers.csp]\nreport_only = \"true\""),
        ("seconds without unit", "[server.timeouts]\nheader = 10"),
        ("number for a word", "mode = 1"),
        ("table for value", "[content.max_body]\nx = 1"),
        ("out of range", "[app]\nworkers = 0"),
        ("beyond any integer", "[content.json]\ndepth = 99999999999999999999"),
        ("negative size", "[content]\nmax_body = -1"),
        ("duration out of range", "[server.timeouts]\nidle = \"2d\""),
        ("duration with wrong unit", "[server.timeouts]\nidle = \"75S\""),
        ("duration of two parts", "[server.timeouts]\nidle = \"1h30m\""),
        ("size with wrong unit", "[content]\nmax_body = \"10mib\""),
        ("ambiguous size", "[content]\nmax_body = \"10M\""),
        ("overflow", "[content]\nmax_body = \"99999999999999999999TiB\""),
        ("rate without time", "[server.timeouts]\nbody_rate = \"1KiB\""),
        ("word", "environment = \"prod\""),
        ("unknown word", "[log]\nformat = \"xml\""),
        ("no date", "[server]\nlisten = [1979-05-27]"),
    ];
    assert_page!(page(cases.map(|(title, text)| {
        let loaded = if text.starts_with("environment") { load(text) } else { development(text) };
        (title, loaded)
    })));
}

#[test]
fn addresses_and_names() {
    let cases = [
        ("no port", "[server]\nlisten = [\"0.0.0.0\", \"::1\"]"),
        ("no address", "[server]\nlisten = [\":8443\", \"8443\"]"),
        ("name", "[server]\nlisten = [\"localhost:8443\", \"*:8443\", \"example.com\"]"),
        ("nobody listens", "[server]\nlisten = []"),
        ("twice", "[server]\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:1\"]\nhttp_redirect = \"127.0.0.1:1\""),
        (
            "hosts",
            "[server]\nhosts = [\"https://api.example.com/\", \"api.example.com:8443\", \"*\", \"a.*.com\", \"\", \"a b\"]",
        ),
        ("proxies", "[server]\ntrusted_proxies = [\"10.0.0.1/8\", \"0.0.0.0/0\", \"proxy\"]"),
        ("media types", "[content]\ntypes = [\"json\", \"application/json\"]"),
        ("app", "[app]\ntarget = \"shop/main.py:app\""),
        ("app without attribute", "[app]\ntarget = \"shop.main\""),
        ("paths", "[headers]\nno_store_paths = [\"account\", \"/a/../b\", \"/a?b\"]"),
        ("target larger than head", "[server.limits]\nhead = \"1KiB\""),
    ];
    assert_page!(page(cases.map(|(title, text)| (title, development(text)))));
}

// R04
#[test]
fn header_fields() {
    let cases = [
        ("line break", "[headers]\nreferrer = \"no-referrer\\r\\nSet-Cookie: a=b\""),
        ("misspelt keyword", "[headers]\nframe_options = \"deny\"\ncontent_type_options = \"nosnif\""),
        ("csp keyword without quotes", "[headers.csp]\nhtml = \"default-src self\""),
        ("csp directive", "[headers.csp]\nhtml = \"defualt-src 'self'\""),
        ("hsts", "[headers]\nhsts = \"includeSubDomains\""),
        ("hsts in development", "[headers]\nhsts = \"max-age=1\""),
        ("feature policy", "[headers]\npermissions = \"camera 'none'\""),
        ("force", "[headers]\nforce = [\"X-Frame-Options\", \"X-Custom\"]"),
        ("remove", "[headers]\nremove = [\"Content-Length\", \"X-Frame-Options\", \"X Y\"]"),
    ];
    assert_page!(page(cases.map(|(title, text)| (title, development(text)))));
}

// R05
#[test]
fn cors() {
    let cases = [
        ("no origins", "[cors]\ncredentials = true"),
        ("empty origins", "[cors]\norigins = []"),
        ("everybody as the user", "[cors]\ncredentials = true\norigins = [\"*\"]"),
        ("null", "[cors]\norigins = [\"null\"]"),
        ("forms", "[cors]\norigins = [\"app.example.com\", \"https://app.example.com/\", \"https://a.*.com\"]"),
        ("methods", "[cors]\norigins = [\"*\"]\nmethods = [\"get\", \"TRACE\", \"*\", \"A B\"]"),
        ("fields", "[cors]\norigins = [\"*\"]\nheaders = [\"*\", \"X:\"]"),
    ];
    let plain = format!("{COMPLETE}[cors]\norigins = [\"https://a.example\", \"http://b.example\"]");
    let cases = cases.map(|(title, text)| (title, development(text)));
    assert_page!(page(cases.into_iter().chain([("plain http", load(&plain))])));
}

// R01
#[test]
fn transport() {
    let host = "[server]\nhosts = [\"a.example\"]\n";
    let tls = |rest: &str| load(&format!("{host}{rest}"));
    assert_page!(page(vec![
        ("self-signed", tls("[server.tls]\nmode = \"self-signed\"")),
        ("off without proxies", tls("[server.tls]\nmode = \"off\"")),
        ("off behind a proxy", tls("trusted_proxies = [\"10.0.0.1\"]\n[server.tls]\nmode = \"off\"")),
        ("no key", tls("[server.tls]\ncertificate = \"file:/a.pem\"")),
        ("no certificate", tls("[server.tls]\nkey = \"file:/a.pem\"")),
        ("neither", tls("[server.tls]\nmode = \"files\"")),
        ("bare path", tls("[server.tls]\ncertificate = \"/a.pem\"\nkey = \"env:KEY\"")),
        ("literal", tls("[server.tls]\ncertificate = \"env:CERT\"\nkey = \"hunter2\"")),
        ("not used", tls("trusted_proxies = [\"10.0.0.1\"]\n[server.tls]\nmode = \"off\"\nkey = \"file:/a.pem\"")),
        ("references", tls("[server.tls]\ncertificate = \"cmd:\"\nkey = \"env:A B\"")),
        ("empty hosts", load("[server]\nhosts = []\n[server.tls]\ncertificate = \"env:C\"\nkey = \"env:K\"")),
    ]));
}

#[test]
fn what_is_no_toml() {
    let cases = [
        ("no value", "mode =\n[server]\nhost = []"),
        ("no equals sign", "mode\n[server]\nhost = []"),
        ("open string", "mode = \"enforce\n[server]\nhost = []"),
        ("open list", "[server]\nhosts = [\"a.example\"\n[app]\nworkers = 0"),
        ("bare word", "mode = enforce"),
        ("open header", "[server\nhost = []"),
        ("key twice", "mode = \"enforce\"\nmode = \"monitor\""),
        ("section twice", "[app]\nworkers = 1\n[app]\nworkers = 2"),
        ("section and value", "app = 1\n[app]\nworkers = 2"),
        ("binary", "\u{0}\u{1b}[2J"),
    ];
    let cases = cases.map(|(title, text)| (title, load(&format!("environment = \"development\"\n{text}"))));
    let large = load(&"#".repeat((1 << 20) + 1));
    assert_page!(page(cases.into_iter().chain([("too large", large)])));
}

#[test]
fn the_environment_and_flags() {
    let file = "environment = \"development\"";
    let cases: [(&str, &[(&str, &str)]); 10] = [
        ("misspelt", &[("BUCKLER_SERVER__LISEN", "x")]),
        ("one underscore", &[("BUCKLER_SERVER_LISTEN", "127.0.0.1:1")]),
        ("lower case", &[("BUCKLER_server__listen", "127.0.0.1:1")]),
        ("a section", &[("BUCKLER_CONTENT__JSON", "{}")]),
        ("of a later release", &[("BUCKLER_STORE__IDENTITY", "postgres://u:hunter2@db")]),
        ("one item of a list", &[("BUCKLER_SERVER__LISTEN", "127.0.0.1:1, 0.0.0.0")]),
        ("an empty item", &[("BUCKLER_SERVER__HOSTS", "a.example,,b.example")]),
        ("broken JSON", &[("BUCKLER_SERVER__HOSTS", "[\"a.example\"")]),
        ("types", &[("BUCKLER_APP__WORKERS", "many"), ("BUCKLER_HEADERS__CSP__REPORT_ONLY", "yes")]),
        ("secret", &[("BUCKLER_SERVER__TLS__KEY", "hunter2"), ("BUCKLER_ENVIRONMENT", "production")]),
    ];
    let cases = cases.map(|(title, variables)| (title, with_variables(file, variables)));
    let flags = [
        ("flag", with_flag("server.listen", "0.0.0.0", "--listen")),
        ("flag of no key", with_flag("server.lisen", "0.0.0.0:1", "--listen")),
        ("argument of no key", with_flag("server.host", "a.example", "server__host=")),
        ("argument of no section", with_flag("polcy", "buckler.toml", "polcy=")),
        ("argument of a later release", with_flag("bans.after", "1", "bans__after=")),
        ("argument for a section", with_flag("server", "1", "server=")),
    ];
    assert_page!(page(cases.into_iter().chain(flags)));
}

#[test]
fn one_run_shows_every_mistake() {
    let text = "\
environment = \"staging\"
mode = \"enforced\"

[app]
target = \"shop.main\"
worker = 4

[server]
listen = [\"0.0.0.0\", \"[::]:8443\"]
host = [\"api.example.com\"]

[server.tls]
certificate = \"/etc/site/fullchain.pem\"
key = \"-----BEGIN PRIVATE KEY----- hunter2\"

[server.timeouts]
header = 10
body = \"10 s\"

[cors]
origins = [\"*\", \"null\"]
credentials = true

[limits]
default = [\"600/minut per ip\"]
";
    let variables = [("BUCKLER_CONTENT__MAX_BODY", "10M"), ("BUCKLER_SERVER_HOSTS", "a.example")];
    let loaded = with_variables(text, &variables);
    let errors = loaded.expect_err("a policy of mistakes");
    assert_page!(errors.render(buckler_policy::Style::Plain));
    assert_page!(serde_json::to_string_pretty(&errors).expect("JSON"));
    assert!(errors.render(buckler_policy::Style::Coloured).contains("\u{1b}["));
}

// R01
#[test]
fn certificates_that_are_none() {
    let tls = |lines: &str| load(&format!("{COMPLETE}{lines}"));
    let behind = "[server]\nhosts = [\"a.example\"]\ntrusted_proxies = [\"10.0.0.1\"]\n[server.tls]\nmode = \"off\"\n";
    assert_page!(page([
        ("a name alone", tls("certificates = [\"file:a.pem\"]")),
        ("half a pair", tls("certificates = [{ certificate = \"file:a.pem\" }]")),
        ("misspelt", tls("certificates = [{ certifcate = \"file:a.pem\", key = \"file:b\" }]")),
        ("a literal", tls("[[server.tls.certificates]]\ncertificate = \"file:a.pem\"\nkey = \"hunter2-canary\"")),
        (
            "no default",
            load(
                "[server]\nhosts = [\"a.example\"]\n[[server.tls.certificates]]\ncertificate = \"file:a.pem\"\nkey = \"file:b.pem\""
            )
        ),
        ("whose clients", tls("client_certificates = \"required\"")),
        ("lists of nobody", tls("client_crl = \"file:crl.pem\"")),
        ("clients without TLS", load(&format!("{behind}client_ca = \"file:ca.pem\""))),
    ]));
}

#[test]
fn silenced_findings() {
    // R65
    let cases = [
        ("unknown id", "[[contract.silence]]\nid = \"B110\"\nreason = \"a\""),
        ("a title for an id", "[[contract.silence]]\nid = \"no authentification\"\nreason = \"a\""),
        ("nothing like an id", "[[contract.silence]]\nid = \"whatever it may be\"\nreason = \"a\""),
        ("no reason", "[[contract.silence]]\nid = \"B101\"\nroute = \"GET /health\""),
        ("an empty reason", "[[contract.silence]]\nid = \"B101\"\nreason = \"  \""),
        ("no id", "[[contract.silence]]\nreason = \"a\""),
        ("no route", "[[contract.silence]]\nid = \"B101\"\nroute = \"health\"\nreason = \"a\""),
        ("a route of the whole app", "[[contract.silence]]\nid = \"B501\"\nroute = \"GET /\"\nreason = \"a\""),
        ("misspelt key", "[[contract.silence]]\nid = \"B101\"\nreson = \"a\""),
        ("no tables", "[contract]\nsilence = [\"B101\"]"),
        ("one table", "[contract.silence]\nid = \"B101\"\nreason = \"a\""),
        ("misspelt word", "[contract]\ncoverage = \"enforced\""),
    ];
    assert_page!(page(cases.map(|(title, text)| (title, development(text)))));
    let good = "[[contract.silence]]\nid = \"B101\"\nroute = \"post  /hooks/{id}\"\nreason = \" signed \"\n\
                [[contract.silence]]\nid = \"B501\"\nreason = \"the mesh names hosts\"";
    let silence = development(good).expect("loads").policy.contract.silence;
    let told: Vec<_> = silence.iter().map(|one| (one.id.code(), one.route.as_deref(), one.reason.as_str())).collect();
    assert_eq!(told, [("B101", Some("POST /hooks/{id}"), "signed"), ("B501", None, "the mesh names hosts")]);
}

#[test]
fn where_a_contract_may_come_from() {
    // R40, R61
    let from = |url: &str| format!("{COMPLETE}[contract]\nsource = \"{url}\"");
    let cases = [
        ("user and password", load(&from("https://me:CANARY-7d1f@docs.example.com/openapi.json"))),
        ("plain HTTP in production", load(&from("http://docs.example.com/openapi.json?t=CANARY-7d1f"))),
        ("another scheme", load(&from("ftp://docs.example.com/openapi.json"))),
        ("no host", load(&from("https://"))),
        ("a fragment", load(&from("https://docs.example.com/#openapi"))),
        ("no scheme", load(&from("docs.example.com/openapi.json"))),
        ("too often", load(&format!("{}\nrefresh = \"10ms\"", from("https://docs.example.com/")))),
        (
            "in process",
            Sources::new(Host::InProcess).file("buckler.toml", from("https://docs.example.com/o?t=CANARY-7d1f")).load(),
        ),
    ];
    let page = page(cases);
    assert!(!page.contains("CANARY"), "{page}");
    assert_page!(page);
    for (loaded, shown) in [
        (load(&from("https://docs.example.com/o?t=CANARY-7d1f")), "https://docs.example.com/o"),
        (load(&from("http://127.0.0.1:8000/openapi.json")), "http://127.0.0.1:8000/openapi.json"),
        (development("[contract]\nsource = \"http://app:8000/openapi.json\""), "http://app:8000/openapi.json"),
    ] {
        let loaded = loaded.expect("loads");
        let ContractSource::Url(url) = loaded.policy.contract.source.clone().expect("there is one") else {
            panic!("{:?}", loaded.policy.contract.source)
        };
        assert_eq!(url.to_string(), shown);
        let told = format!("{:?} {:?}", loaded.policy, loaded.provenance);
        assert!(told.contains(shown) && !told.contains("CANARY"), "{told}");
    }
}

// R12
#[test]
fn limits_that_are_none() {
    let limits = |list: &str| development(&format!("[limits]\ndefault = {list}"));
    assert_page!(page(vec![
        ("no period", limits("[\"5 per minute\"]")),
        ("misspelt period", limits("[\"5/minute per ip\", \"10/minut per ip\"]")),
        ("nothing", limits("[\"0/minute\"]")),
        ("a number", limits("[5]")),
        ("a word", limits("\"5/minute per ip\"")),
        ("what others call it", limits("[\"5/minute per remote_addr\"]")),
        ("burst of a quota", limits("[\"1000/day burst 10\"]")),
        ("whose identity", limits("[\"5/minute per user\", \"5/minute per ip+key\"]")),
        ("a table", limits("[{ limt = \"5/minute\", store_down = \"pass\" }]")),
        ("five", limits("[\"1/s\", \"2/s\", \"3/s\", \"4/s\", \"5/s\"]")),
        ("prefix of nobody", development("[limits]\nipv6_prefix = 16")),
    ]));
}

// R12
#[test]
fn routes_that_are_none() {
    let route = |text: &str| development(&format!("[[route]]\n{text}"));
    assert_page!(page(vec![
        ("no match", route("limits = [\"5/minute\"]")),
        ("no path", route("match = \"POST users\"")),
        ("open brace", route("match = \"POST /users/{id\"")),
        ("misspelt", route("match = \"/a\"\nlimit = [\"5/minute\"]")),
        ("twice", route("match = \"get /a/{x}\"\n\n[[route]]\nmatch = \"GET /a/{y}\"")),
        ("no cost", route("match = \"/a\"\ncost = 0")),
        ("a section", development("[route]\nmatch = \"/a\"")),
        ("never met", route("match = \"/a\"\ncost = 500\nlimits = [\"1000/minute burst 5\"]")),
        (
            "never reached",
            route("match = \"/a\"\nlimits = [\"5/minute per ip\", \"6/minute per ip\", \"9000/minute per ip\"]"),
        ),
    ]));
}

// R13
#[test]
fn stores_that_are_none() {
    let store = |text: &str| development(&format!("[store]\n{text}"));
    let deployed = |text: &str| load(&format!("{COMPLETE}[store]\n{text}"));
    assert_page!(page(vec![
        ("a word", store("state = \"memory\"")),
        ("no scheme", store("state = \"hunter2-canary@redis:6379\"")),
        ("a password", deployed("state = \"redis://:hunter2-canary@redis/0\"")),
        ("a password in development", store("state = \"redis://:hunter2-canary@redis/0\"")),
        ("a literal secret", deployed("state = \"env:REDIS_URL\"\nsecret = \"hunter2-canary\"")),
        ("of no use", store("timeout = \"10ms\"\nlease = 10")),
        ("a bad name", store("name = \"a b\"")),
        ("too few", store("keys = 10")),
        ("accounts", store("identity = \"sqlite:buckler.db\"")),
    ]));
}
