//! The keys of `[server.tls]` that are about the certificates of clients (RFC 8446 §4.3.2).

use super::tls::refuse_literals;
use crate::diagnostic::Code;
use crate::grammar::{OneOf, SecretRef};
use crate::key::{About, Key, Preset};
use crate::provenance::Origin;
use crate::reader::{Read, Reader};
use crate::settings::{ClientCertificates, Presence, Tls};
use crate::sources::Host;

pub(crate) static CLIENT_CERTIFICATES: Key<OneOf<Option<Presence>>> = Key {
    about: About {
        path: "server.tls.client_certificates",
        doc: "Whether clients prove by a certificate of `client_ca` who they are: `required` ends the handshake without \
              one, `optional` lets whoever shows none pass, `off` does not ask. The app gets a verified one as \
              `Client-Cert` (RFC 9440), and never what a client says in a field of that name. Where `client_ca` is set, \
              the default is `required`.",
        preset: Preset::Always("\"off\""),
        why: "clients of most services have none; whoever names an authority wants what it vouches for, and nobody else",
        example: "\"optional\"",
        aliases: &["client_auth", "mtls", "verify_client", "ssl_verify_client", "client_cert"],
    },
    grammar: OneOf {
        words: &[("off", None), ("optional", Some(Presence::Optional)), ("required", Some(Presence::Required))],
    },
};

pub(crate) static CLIENT_CA: Key<SecretRef> = Key {
    about: About {
        path: "server.tls.client_ca",
        doc: "Certificates in PEM of the authorities that clients' certificates must come from.",
        preset: Preset::Unset("none"),
        why: "a public authority vouches for names of servers, not for your clients",
        example: "\"file:/etc/buckler/clients-ca.pem\"",
        aliases: &["client_cas", "ca", "ca_certs", "ssl_client_certificate", "ssl_ca_certs"],
    },
    grammar: SecretRef,
};

pub(crate) static CLIENT_CRL: Key<SecretRef> = Key {
    about: About {
        path: "server.tls.client_crl",
        doc: "Lists in PEM of revoked certificates (CRL), one of each authority in clients' chains. A certificate that \
              no list speaks for is refused, and every one once its list is out of date.",
        preset: Preset::Unset("nothing is revoked"),
        why: "a list that is missing or old says nothing about the certificate that was stolen yesterday",
        example: "\"file:/etc/buckler/clients-crl.pem\"",
        aliases: &["crl", "ssl_crl", "client_crls", "revoked"],
    },
    grammar: SecretRef,
};

/// `tls` is what this server shows itself; `None` if that could not be read.
pub(crate) fn read(reader: &mut Reader, tls: Option<&Tls>) -> Read<Option<ClientCertificates>> {
    let authorities = reader.read_optional(&CLIENT_CA);
    let revoked = reader.read_optional(&CLIENT_CRL);
    for (key, value) in [(&CLIENT_CA, &authorities), (&CLIENT_CRL, &revoked)] {
        refuse_literals(reader, key, value.as_ref().ok().and_then(Option::as_ref));
    }
    let wanted = if reader.is_set(&CLIENT_CA) && !reader.is_set(&CLIENT_CERTIFICATES) {
        reader.provenance.set(&CLIENT_CERTIFICATES, Origin::because("`client_ca` is set"), "\"required\"");
        Some(Presence::Required)
    } else {
        reader.read(&CLIENT_CERTIFICATES)?
    };
    let (authorities, revoked) = (authorities?, revoked?);
    if reader.host == Host::InProcess {
        // There is no TLS in process: the server in front has it.
        return Ok(None);
    }
    let Some(presence) = wanted else {
        let unused = [(&CLIENT_CA, authorities.is_some()), (&CLIENT_CRL, revoked.is_some())];
        for (key, _) in unused.into_iter().filter(|(_, given)| *given) {
            reader.warn(key, Code::Unused, format!("`{}` is not used: clients are not asked", key.about.path));
        }
        return Ok(None);
    };
    if matches!(tls, Some(Tls::Off)) {
        reader
            .conflict(&CLIENT_CA, Code::Conflict, "`server.tls.client_ca`: without TLS nobody shows a certificate")
            .help("the proxy that ends TLS has to ask for it");
    }
    let Some(authorities) = authorities else {
        let path = CLIENT_CA.about.path;
        reader
            .conflict(&CLIENT_CERTIFICATES, Code::Missing, format!("`{path}` is missing: whose certificates are good?"))
            .help("write client_ca = \"file:/etc/buckler/clients-ca.pem\"");
        return Err(reader.noted_before(&CLIENT_CA));
    };
    Ok(Some(ClientCertificates { presence, authorities, revoked }))
}
