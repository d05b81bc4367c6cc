//! An admission: the only value with which a host may call the app.

use buckler_http::address::AddressText;
use buckler_http::connection::Peer;
use buckler_http::forwarding::{Source, is_spoofable};
use buckler_http::head::{Field, Head};
use http::{HeaderName, HeaderValue, header};
use smallvec::SmallVec;

use crate::answer::headers::REQUEST_ID;
use crate::body::BodyInspector;
use crate::exchange::Exchange;
use crate::facts::RequestId;
use crate::stage::{
    Client as ClientStage, Content, Contract, Cors, Docs, Framing, HeadLimits, Host, Https, Limits, MediaTypes, Path,
    Proof, Stricter,
};

/// One proof of each stage: this cannot be built by whoever forgot one.
#[derive(Debug)]
#[expect(dead_code, reason = "proofs are held, not read: their existence is what counts")]
pub(crate) struct Proofs {
    pub(crate) client: ClientProofs,
    pub(crate) limits: Proof<Limits>,
    pub(crate) content: Proof<Content>,
    pub(crate) media_types: Proof<MediaTypes>,
    pub(crate) contract: Proof<Contract>,
    pub(crate) stricter: Proof<Stricter>,
}

/// Proofs of what is asked before anything is counted: who asks, whom, and on whose behalf.
#[derive(Debug)]
#[expect(dead_code, reason = "proofs are held, not read: their existence is what counts")]
pub(crate) struct ClientProofs {
    pub(crate) head_limits: Proof<HeadLimits>,
    pub(crate) framing: Proof<Framing>,
    pub(crate) client: Proof<ClientStage>,
    pub(crate) host: Proof<Host>,
    pub(crate) https: Proof<Https>,
    pub(crate) path: Proof<Path>,
    pub(crate) docs: Proof<Docs>,
    pub(crate) cors: Proof<Cors>,
}

/// Leave to call the app once.
#[derive(Debug)]
pub struct Admission {
    removal: Removal,
    host: HostField,
    inspector: BodyInspector,
    exchange: Exchange,
    _proofs: Proofs,
}

/// What the app sees differently from what the client sent.
#[derive(Debug)]
pub struct RequestEdits {
    removal: Removal,
    set: SmallVec<[(HeaderName, HeaderValue); 5]>,
}

/// What becomes of the line that the app reads its host from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HostField {
    AsItIs,
    Rewritten,
}

/// Which lines of the request go before ours are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Removal {
    /// The request has none of them.
    Nothing,
    /// Everything that only the edge may say.
    Spoofable,
    /// The same, but for what the trusted proxy says of the path and port in front of it.
    SpoofableButPrefix,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

impl RequestEdits {
    /// Whether a request field must not reach the app.
    pub fn removes(&self, name: &str) -> bool {
        match self.removal {
            Removal::Nothing => false,
            Removal::Spoofable => is_spoofable(name.as_bytes()),
            Removal::SpoofableButPrefix => {
                is_spoofable(name.as_bytes()) && !matches!(name, "x-forwarded-prefix" | "x-forwarded-port")
            }
        }
    }

    /// Whether any field has to be looked at with [`Self::removes`].
    pub fn removes_any(&self) -> bool {
        self.removal != Removal::Nothing
    }

    /// Fields to set, each in place of all lines of its name.
    pub fn set(&self) -> &[(HeaderName, HeaderValue)] {
        &self.set
    }
}

impl Admission {
    pub(crate) fn new(proofs: Proofs, head: &Head<'_>, inspector: BodyInspector, exchange: Exchange) -> Self {
        let removal = match (head.spoofable(), exchange.facts().source) {
            (false, _) => Removal::Nothing,
            (true, Source::TrustedProxy) => Removal::SpoofableButPrefix,
            (true, Source::Connection | Source::Unsolicited) => Removal::Spoofable,
        };
        let known = exchange.facts().host.as_ref().map(HeaderValue::as_bytes);
        let host = match known {
            Some(known) if head.first(Field::Host) != Some(known) => HostField::Rewritten,
            Some(_) | None => HostField::AsItIs,
        };
        Self { removal, host, inspector, exchange, _proofs: proofs }
    }

    /// What to change in the request before the app sees it.
    ///
    /// The app is told about the client by fields that nobody but us has written.
    pub fn edits(&self) -> RequestEdits {
        let facts = self.exchange.facts();
        let mut set: SmallVec<[(HeaderName, HeaderValue); 5]> = SmallVec::new();
        set.push((REQUEST_ID, facts.request_id.header_value()));
        if let Peer::Ip(address) = facts.peer
            && let Ok(value) = HeaderValue::from_str(AddressText::of(address.ip().to_canonical()).as_str())
        {
            set.push((X_FORWARDED_FOR, value));
        }
        set.push((X_FORWARDED_PROTO, HeaderValue::from_static(facts.scheme.as_str())));
        if let Some(host) = &facts.host {
            if self.host == HostField::Rewritten {
                set.push((header::HOST, host.clone()));
            }
            set.push((X_FORWARDED_HOST, host.clone()));
        }
        RequestEdits { removal: self.removal, set }
    }

    /// Whether [`Self::edits`] change what the client has sent: it claims what only the edge may say, or its host
    /// is spelled otherwise. A host that tells the app about the client in another way has nothing to do if not.
    pub fn changes_what_came(&self) -> bool {
        self.removal != Removal::Nothing || self.host == HostField::Rewritten
    }

    /// The name of the exchange.
    pub fn request_id(&self) -> &RequestId {
        &self.exchange.facts().request_id
    }

    /// Of the policy that admits.
    pub fn fingerprint(&self) -> u64 {
        self.exchange.fingerprint()
    }

    /// The client that the app is to see.
    pub fn peer(&self) -> Peer {
        self.exchange.facts().peer
    }

    /// The scheme that the app is to see.
    pub fn scheme(&self) -> buckler_http::connection::Scheme {
        self.exchange.facts().scheme
    }

    /// Goes on: the one half judges the request's body, the other waits for the answer.
    pub fn into_parts(self) -> (BodyInspector, Exchange) {
        (self.inspector, self.exchange)
    }
}
