//! A secret in a policy is never shown, however wrong the policy is.

mod common;

use buckler_policy::settings::Tls;
use buckler_policy::{Host, Override, Sources, Style};
use common::{development, load, with_variables};

const CANARY: &str = "c4n4ry-pr1v4te";

// R61
#[test]
fn no_error_shows_a_secret() {
    let key = |value: &str| format!("[server.tls]\n{value}\n");
    let texts = [
        key(&format!("key = \"{CANARY}\"")),
        key(&format!("key = {CANARY}")),
        key(&format!("key = \"{CANARY}")),
        key(&format!("key = '{CANARY}'\nkey = '{CANARY}'")),
        key(&format!("key = \"\"\"\n{CANARY}\n\"\"\"\nmod = 1")),
        key(&format!("key = \"\"\"\n{CANARY}\nmode = 1")),
        key(&format!("key = [\"{CANARY}\"]")),
        key(&format!("key = {{ value = \"{CANARY}\" }}")),
        key(&format!("keey = \"{CANARY}\"")),
        key(&format!("private_key = \"{CANARY}\"")),
        key(&format!("certificate=\"{CANARY}\" key=\"{CANARY}\"")),
        format!("server = {{ tls = {{ key = \"{CANARY}\", mode = 1 }} }}"),
        format!("server.tls.key = \"{CANARY}\" oops"),
        format!("[identity]\nsigning_key = \"{CANARY}\""),
        format!("database_password = \"{CANARY}\""),
        format!("[server.tls]\nkey = \"cmd:vault token={CANARY} 'open\""),
        format!("[server.tls]\ncertificate = \"env:A\"\nkey = \"cmd:vault {CANARY}\"\n[server]\nmode = 1"),
        format!("[server.tls]\nmode = \"off\"\nkey = \"cmd:vault {CANARY}\""),
        key(&format!("key = [\"env:A\", \"{CANARY}\"]")),
    ];
    for text in texts {
        for environment in ["production", "development"] {
            let text = format!("environment = \"{environment}\"\n{text}");
            let shown = match load(&text) {
                Ok(loaded) => format!("{loaded:?}{}", serde_json::to_string(&loaded.warnings).expect("JSON")),
                Err(errors) => {
                    let data = serde_json::to_string(&errors).expect("JSON");
                    format!("{errors:?}{data}{}{}", errors.render(Style::Plain), errors.render(Style::Coloured))
                }
            };
            assert!(!shown.contains(CANARY), "{text}\n{shown}");
        }
    }
}

// R61
#[test]
fn no_variable_shows_a_secret() {
    for name in [
        "BUCKLER_SERVER__TLS__KEY",
        "BUCKLER_SERVER__TLS__KEYY",
        "BUCKLER_STORE__IDENTITY",
        "BUCKLER_ANYTHING",
        "BUCKLER_CONTENT",
    ] {
        let errors = with_variables("", &[(name, CANARY)]).expect_err("production lacks hosts");
        let shown = format!("{errors:?}{errors}{}", serde_json::to_string(&errors).expect("JSON"));
        assert!(!shown.contains(CANARY), "{name}\n{shown}");
    }
}

// R61
#[test]
fn neither_sources_nor_policy_nor_provenance_show_a_secret() {
    let flag = Override { key: "server.tls.key".to_owned(), value: CANARY.to_owned(), origin: "--key".to_owned() };
    let sources = Sources::new(Host::Gateway)
        .file(
            "buckler.toml",
            format!("# {CANARY}\nenvironment = \"development\"\nserver.tls.certificate = \"{CANARY}\""),
        )
        .environment([("BUCKLER_SERVER__TLS__KEY".to_owned(), CANARY.to_owned())])
        .overrides(vec![flag]);
    let loaded = sources.load().expect("a literal is a warning in development");
    let settings = serde_json::to_string(&loaded.provenance.iter().collect::<Vec<_>>()).expect("JSON");
    let shown = format!("{sources:?}{loaded:?}{settings}");
    assert!(!shown.contains(CANARY), "{shown}");
    let Tls::Files { key, certificate, .. } = loaded.policy.server.tls else { panic!("files") };
    assert!(!format!("{key}{certificate}").contains(CANARY));
}

#[test]
fn a_reference_is_shown_by_where_it_points() {
    let text = "[server.tls]\ncertificate = \"file:/run/secrets/site.pem\"\nkey = \"cmd:vault kv get site\"";
    let loaded = development(text).expect("loads");
    let Tls::Files { key, certificate, .. } = loaded.policy.server.tls else { panic!("files") };
    assert_eq!((certificate.to_string(), key.to_string()), ("file:/run/secrets/site.pem".into(), "cmd:vault …".into()));
}
