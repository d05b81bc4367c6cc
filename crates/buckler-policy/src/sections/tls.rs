//! `[server.tls]`: transport security of the gateway.

use super::{Section, clients};
use crate::diagnostic::{Code, Diagnostic};
use crate::grammar::{CertificateAndKey, List, OneOf, SecretRef};
use crate::key::{About, Key, Preset};
use crate::provenance::Origin;
use crate::reader::{Read, Reader};
use crate::secret::SecretReference;
use crate::settings::{KeyPair, Tls};
use crate::sources::Host;

pub(crate) static SECTION: Section = Section {
    path: "server.tls",
    doc: "Transport security of the gateway. In process there is none: the server in front has it.",
    keys: &[
        &MODE,
        &CERTIFICATE,
        &KEY,
        &CERTIFICATES,
        &clients::CLIENT_CERTIFICATES,
        &clients::CLIENT_CA,
        &clients::CLIENT_CRL,
    ],
};

/// How TLS is done, before what belongs to it is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    Files,
    SelfSigned,
    Off,
}

pub(crate) static MODE: Key<OneOf<TlsMode>> = Key {
    about: About {
        path: "server.tls.mode",
        doc: "`files`: certificate and key are given. `self-signed`: a certificate is made at start, in development \
              only. \
              `off`: plain HTTP, outside development only behind `server.trusted_proxies`. Where `certificate` or `key` is \
              set, the default is `files`.",
        preset: Preset::ByEnvironment { deployed: "\"files\"", development: "\"self-signed\"" },
        why: "a service without a certificate that clients trust is not ready to be reached by them",
        example: "\"files\"",
        aliases: &["tls_mode", "ssl", "enabled"],
    },
    grammar: OneOf { words: &[("files", TlsMode::Files), ("self-signed", TlsMode::SelfSigned), ("off", TlsMode::Off)] },
};

pub(crate) static CERTIFICATE: Key<SecretRef> = Key {
    about: About {
        path: "server.tls.certificate",
        doc: "Certificate chain in PEM, the service's own certificate first.",
        preset: Preset::Unset("none"),
        why: "only whoever owns the name can have one issued",
        example: "\"file:/etc/buckler/fullchain.pem\"",
        aliases: &["cert", "cert_file", "certfile", "ssl_certfile", "ssl_certificate", "chain", "fullchain"],
    },
    grammar: SecretRef,
};

pub(crate) static KEY: Key<SecretRef> = Key {
    about: About {
        path: "server.tls.key",
        doc: "Private key of the certificate in PEM.",
        preset: Preset::Unset("none"),
        why: "it belongs to the certificate",
        example: "\"file:/etc/buckler/privkey.pem\"",
        aliases: &["key_file", "keyfile", "ssl_keyfile", "ssl_certificate_key", "private_key", "privkey"],
    },
    grammar: SecretRef,
};

pub(crate) static CERTIFICATES: Key<List<CertificateAndKey>> = Key {
    about: About {
        path: "server.tls.certificates",
        doc: "Further certificates, each with its key. A client that asks for a name (SNI) gets the one whose \
              subjectAltName has it, an exact name before a wildcard; `certificate` is for whoever asks for no name, or \
              for one that none has. Two for the same name must have keys of different kinds (RSA and ECDSA).",
        preset: Preset::Always("[]"),
        why: "one certificate can name all hosts of a service; several are for names that are issued apart",
        example: "[{ certificate = \"file:/etc/buckler/other.pem\", key = \"file:/etc/buckler/other-key.pem\" }]",
        aliases: &["certs", "sni", "additional_certificates"],
    },
    grammar: List { item: CertificateAndKey, not_empty: None },
};

const LINES_TO_WRITE: &str = "write

    [server.tls]
    certificate = \"file:/etc/buckler/fullchain.pem\"
    key = \"file:/etc/buckler/privkey.pem\"

or, where a proxy in front has the certificate, `mode = \"off\"` and that proxy's address in `server.trusted_proxies`";

/// `behind_proxies` says whether trusted proxies are named; `None` if that could not be read.
pub(crate) fn read(reader: &mut Reader, behind_proxies: Option<bool>) -> Read<Tls> {
    let mode = read_mode(reader);
    let certificate = reader.read_optional(&CERTIFICATE);
    let key = reader.read_optional(&KEY);
    refuse_literals(reader, &CERTIFICATE, certificate.as_ref().ok().and_then(Option::as_ref));
    refuse_literals(reader, &KEY, key.as_ref().ok().and_then(Option::as_ref));
    let certificates = read_certificates(reader);
    let (mode, certificate, key, certificates) = (mode?, certificate?, key?, certificates?);
    if reader.host == Host::Gateway {
        let given = (certificate.is_some(), key.is_some());
        check(reader, mode, given, behind_proxies);
        if mode != TlsMode::Files && !certificates.is_empty() && given == (false, false) {
            warn_unused(reader, &CERTIFICATES);
        }
    }
    if reader.host == Host::InProcess {
        // The server that runs the app, or the proxy in front of it, ends TLS, whatever the file says for a gateway.
        return Ok(Tls::Off);
    }
    match (mode, certificate, key) {
        (TlsMode::Files, Some(certificate), Some(key)) => Ok(Tls::Files { certificate, key, certificates }),
        (TlsMode::Files, _, _) => Err(reader.noted_before(&CERTIFICATE)),
        (TlsMode::Off, _, _) => Ok(Tls::Off),
        (TlsMode::SelfSigned, _, _) => Ok(Tls::SelfSigned),
    }
}

fn read_mode(reader: &mut Reader) -> Read<TlsMode> {
    let named = reader.is_set(&CERTIFICATE) || reader.is_set(&KEY) || reader.is_set(&CERTIFICATES);
    if named && !reader.is_set(&MODE) {
        let because = "a certificate or key is set";
        reader.provenance.set(&MODE, Origin::because(because), "\"files\"");
        return Ok(TlsMode::Files);
    }
    reader.read(&MODE)
}

fn check(reader: &mut Reader, mode: TlsMode, given: (bool, bool), behind_proxies: Option<bool>) {
    match mode {
        TlsMode::Files => check_files(reader, given),
        TlsMode::SelfSigned if reader.is_deployed() => {
            reader
                .conflict(&MODE, Code::Conflict, "`server.tls.mode`: a self-signed certificate is for development only")
                .label("no client outside this machine would trust it")
                .help(LINES_TO_WRITE);
        }
        TlsMode::Off if reader.is_deployed() && behind_proxies == Some(false) => {
            reader
                .conflict(
                    &MODE,
                    Code::Conflict,
                    "`server.tls.mode`: plain HTTP needs a trusted proxy in front that has the certificate",
                )
                .label("passwords and tokens would cross the network readable")
                .help("name the proxy's address in `server.trusted_proxies`, or give certificate and key");
        }
        TlsMode::SelfSigned | TlsMode::Off => {}
    }
    if mode != TlsMode::Files && (given.0 || given.1) {
        warn_unused(reader, if given.0 { &CERTIFICATE } else { &KEY });
    }
}

fn warn_unused<G>(reader: &mut Reader, key: &Key<G>) {
    let message = "certificate and key are not used as long as `server.tls.mode` is not \"files\"";
    reader.warn(key, Code::Unused, message);
}

fn read_certificates(reader: &mut Reader) -> Read<Vec<KeyPair>> {
    let certificates = reader.read(&CERTIFICATES)?;
    for pair in &certificates {
        refuse_literals(reader, &CERTIFICATES, Some(&pair.certificate));
        refuse_literals(reader, &CERTIFICATES, Some(&pair.key));
    }
    if let Some(place) = reader.place_of(&CERTIFICATES) {
        // As written it is masked, and a change of one reference into another would not be seen.
        let shown: Vec<_> = certificates.iter().map(|pair| format!("{} with {}", pair.certificate, pair.key)).collect();
        reader.provenance.set(&CERTIFICATES, Origin::of(&place), &shown.join(", "));
    }
    Ok(certificates)
}

fn check_files(reader: &mut Reader, given: (bool, bool)) {
    match given {
        (true, true) => {}
        (false, false) => {
            if reader.is_absent(&CERTIFICATE) && reader.is_absent(&KEY) {
                let place = reader.place_of(&MODE).or_else(|| reader.section_place("server.tls"));
                let mut error =
                    Diagnostic::error(Code::Missing, place, "`server.tls`: certificate and key are missing");
                error.key = Some("server.tls".to_owned());
                error.help(LINES_TO_WRITE);
                reader.errors.push(error);
            }
        }
        (false, true) => lacks(reader, &CERTIFICATE, "fullchain.pem"),
        (true, false) => lacks(reader, &KEY, "privkey.pem"),
    }
}

fn lacks(reader: &mut Reader, key: &'static Key<SecretRef>, file: &str) {
    if reader.is_absent(key) {
        let (path, name) = (key.about.path, key.about.name());
        reader
            .conflict(key, Code::Missing, format!("`{path}` is missing"))
            .help(format!("write {name} = \"file:/etc/buckler/{file}\""));
    }
}

pub(super) fn refuse_literals<G>(reader: &mut Reader, key: &'static Key<G>, value: Option<&SecretReference>) {
    if !matches!(value, Some(SecretReference::Literal(_))) {
        return;
    }
    let path = key.about.path;
    let help = "put it into a file and write \"file:/run/secrets/name\", or into a variable and write \"env:NAME\"; \
                and replace it, for whoever could read the policy knows it";
    if reader.is_deployed() {
        reader
            .conflict(
                key,
                Code::LiteralSecret,
                format!("`{path}`: a secret is referred to, never written into the policy"),
            )
            .label("the secret itself (masked)")
            .help(help);
    } else {
        reader
            .warn(
                key,
                Code::LiteralSecret,
                format!("`{path}` holds the secret itself; outside development this is an error"),
            )
            .help(help);
    }
}
