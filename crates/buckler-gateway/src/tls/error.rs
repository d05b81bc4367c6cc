//! Why there is no TLS.

use buckler_policy::secret::SecretReference;

use crate::secrets::SecretError;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Certificate or key cannot be fetched.
    #[error("`{key}`: {source}")]
    Secret {
        /// The key of the policy.
        key: &'static str,
        /// Why.
        source: SecretError,
    },
    /// The text holds no certificate.
    #[error("{reference}: no certificate in it; it must hold the chain in PEM form, the server's own first")]
    NoCertificate {
        /// Where it came from.
        reference: SecretReference,
    },
    /// A certificate that is none.
    #[error("{reference}: certificate {position} cannot be read; it must be PEM (`-----BEGIN CERTIFICATE-----`)")]
    BadCertificate {
        /// Where it came from.
        reference: SecretReference,
        /// Counted from 1.
        position: usize,
    },
    /// The text holds no key.
    #[error(
        "{reference}: no private key in it; it must be PEM without a passphrase (PKCS#8, PKCS#1 or SEC1). \
         `openssl pkey -in key.pem -out plain.pem` takes the passphrase off"
    )]
    NoKey {
        /// Where it came from.
        reference: SecretReference,
    },
    /// The two do not belong together.
    #[error(
        "{key}: this key does not belong to the certificate in {certificate}; give the key that the certificate was requested with"
    )]
    Mismatch {
        /// Where the certificate came from.
        certificate: SecretReference,
        /// Where the key came from.
        key: SecretReference,
    },
    /// The chain begins with another certificate.
    #[error(
        "{certificate}: the key belongs to certificate {position} of the file; put the server's own certificate first, \
         and behind each the one that issued it"
    )]
    NotFirst {
        /// Where the certificate came from.
        certificate: SecretReference,
        /// Counted from 1.
        position: usize,
    },
    /// Clients would refuse it.
    #[error("{certificate}: the certificate expired at {until}; clients refuse it, so renew it")]
    Expired {
        /// Where the certificate came from.
        certificate: SecretReference,
        /// Since when.
        until: String,
    },
    /// It would be left to chance which one a client gets.
    #[error(
        "{first} and {second}: both certificates are for `{name}`; name one of them, or give one with another kind of \
         key (RSA and ECDSA)"
    )]
    SameName {
        /// The name, as in the certificates.
        name: String,
        /// Where one came from.
        first: SecretReference,
        /// Where the other came from.
        second: SecretReference,
    },
    /// What clients would be judged by.
    #[error("{reference}: {what}")]
    Clients {
        /// Where it came from.
        reference: SecretReference,
        /// What is wrong with it.
        what: String,
    },
    /// The library has no protocol or no randomness for us.
    #[error("TLS cannot be set up: {0}")]
    Unavailable(rustls::Error),
    /// The library refuses them.
    #[error("{certificate}: it cannot be used: {source}")]
    Unusable {
        /// Where the certificate came from.
        certificate: SecretReference,
        /// Why.
        source: rustls::Error,
    },
    /// The self-signed certificate could not be made.
    #[error("the self-signed certificate cannot be made: {0}")]
    SelfSigned(String),
}
