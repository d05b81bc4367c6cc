//! From a loaded policy to a gateway that serves: the parts of this crate put together.
//!
//! ```text
//! Gateway (sockets, deadlines) ─► BucklerLayer (engine) ─► ToApp (edge field) ─► UpstreamService
//!                 │                        │
//!                 └──── incidents ──► Log ◄┘ records
//! ```

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::SystemTime;

use buckler_engine::record::Note;
use buckler_engine::{Engine, Record, Severity};
use buckler_http::connection::Peer;
use buckler_policy::settings::{ContractSource, Http2, Mode, Policy, Requests};
use buckler_store::Counters;
use buckler_tower::{Admitted, Buckler, BucklerLayer, RequestBody, Settings};
use http::{HeaderName, HeaderValue, Request, Response};
use tower_service::Service;

use crate::early::Judged;
use crate::event::{Event, Expired, Observer};
use crate::inherited::{Inherited, Key};
use crate::listen::ListenError;
use crate::log::{Incident, Log};
use crate::reload::Reloader;
use crate::tls::clients::{self, ClientCertificate};
use crate::tls::{Identity, Tls, TlsError};
use crate::upstream::{Download, Endpoints, UpstreamError, UpstreamService};
use crate::workers::edge;
use crate::workers::ticket::{self, TicketKey};
use crate::{Bound, ClientBody, Gateway, GatewaySettings, Listen, LocalAddress};

/// The name of the exchange, which the layer has set.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who stands behind the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Workers that `buckler run` started: they are told what the edge saw by a field of our own.
    Workers,
    /// An app that runs elsewhere and reads `X-Forwarded-*`.
    Upstream,
}

/// Why a gateway does not come to serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssemblyError {
    /// Certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A policy that only another start may serve.
    #[error("`{key}`: this change needs a restart, and without it the rest of the policy must not be served")]
    NeedsRestart {
        /// The key of the policy.
        key: &'static str,
    },
    /// Requests are to be held to a contract that there is not.
    #[error("requests cannot be held to the contract: {why}\nhelp: {CONTRACT_HELP}")]
    Contract {
        /// What is wrong with the document.
        why: String,
    },
}

/// What mends a contract that cannot be used.
const CONTRACT_HELP: &str = "`buckler contract --check` shows what is wrong with a document; `contract.source` or \
                             `--contract` names one for an app that makes none; `requests = \"monitor\"` serves without";

/// The engine of a policy, unless it could only refuse everything, or cannot use a document that somebody has named.
pub(crate) fn engine(policy: &Policy) -> Result<Engine, AssemblyError> {
    let engine = Engine::new(policy);
    let contract = &policy.contract;
    let wanted = contract.requests == Requests::Judged(Mode::Enforce)
        || matches!(contract.source, Some(ContractSource::File(_)));
    match engine.contract_fault().filter(|_| wanted) {
        Some(why) => Err(AssemblyError::Contract { why: why.to_owned() }),
        None => Ok(engine),
    }
}

/// A gateway that holds its sockets and is ready to serve.
#[derive(Debug)]
pub struct Assembled {
    bound: Bound,
    service: Buckler<ToApp>,
    layer: BucklerLayer,
    reloader: Reloader,
    certificate_pem: Option<String>,
}

impl Assembled {
    /// Compiles the policy, whose limits are counted in `counters`, loads the certificate and takes the sockets: those of `inherited` that stand in for an
    /// address of the policy, and new ones for the others.
    ///
    /// # Errors
    /// What is wrong with the certificate, or which address cannot be had.
    pub async fn new(
        policy: &Policy,
        endpoints: Endpoints,
        behind: Behind,
        counters: Arc<dyn Counters>,
        log: Log,
        inherited: Inherited,
    ) -> Result<Self, AssemblyError> {
        let asked = policy.server.listen.iter().map(|address| (*address, Key::Listen));
        let asked = asked.chain(policy.server.http_redirect.map(|address| (address, Key::Redirect)));
        let taken = inherited.stand_in(&asked.collect::<Vec<_>>())?;
        let identity = Identity::of(policy, None, SystemTime::now()).await?;
        for warning in identity.iter().flat_map(|identity| &identity.warnings) {
            log.incident(Incident::Connection { what: warning.clone(), peer: None, severity: Severity::Warning });
        }
        let tls = identity.as_ref().map(|identity| match policy.server.http2 {
            Http2::Offered => Tls::new(identity),
            Http2::Off => Tls::new(identity).without_http2(),
        });
        let secure = policy.server.listen.iter().map(|address| Listen { address: *address, tls: tls.clone() });
        let plain = policy.server.http_redirect.iter().map(|address| Listen { address: *address, tls: None });

        let proxies_named = Arc::new(AtomicBool::new(!policy.server.trusted_proxies.is_empty()));
        let records = Records::new(log.clone(), Arc::clone(&proxies_named));
        let settings = Settings { observer: Arc::new(records), counters, ..Settings::default() };
        let layer = BucklerLayer::with(engine(policy)?, settings);
        let gateway = GatewaySettings {
            max_connections: policy.server.max_connections,
            max_fields: policy.server.limits.headers,
            max_head: policy.server.limits.head,
            max_streams: policy.server.limits.streams,
            early: Arc::new(Judged(layer.clone())),
            observer: Arc::new(Incidents(log)),
            ..GatewaySettings::new(secure.chain(plain).collect(), policy.server.timeouts)
        };
        let bound = Gateway::take_or_bind(gateway, taken).await?;
        if let Some(known) = with_known_port(policy, &bound.local_addrs()) {
            layer.reload(engine(&known)?);
        }
        let to_app = ToApp { inner: UpstreamService::new(endpoints), behind };
        let service = tower_layer::Layer::layer(&layer, to_app);
        let (certificate_pem, shown) = identity.map(|identity| (identity.certificate_pem, identity.shown)).unzip();
        let shown = tls.zip(shown);
        let reloader = Reloader::new(policy, layer.clone(), shown, proxies_named, bound.local_addrs());
        Ok(Self { bound, service, layer, reloader, certificate_pem })
    }

    /// The addresses, with the ports that were really taken; the redirecting one last.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.bound.local_addrs()
    }

    /// The chain that clients are shown, for those that are to trust a self-signed one.
    pub fn certificate_pem(&self) -> Option<&str> {
        self.certificate_pem.as_deref()
    }

    /// The layer, to read what it enforces.
    pub fn layer(&self) -> &BucklerLayer {
        &self.layer
    }

    /// Swaps policy and certificate while it serves.
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// Serves until `shutdown` completes, then drains.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        self.bound.serve(self.service, shutdown).await;
    }
}

/// The policy with the port that redirects name, where only the system could say which one it is.
pub(crate) fn with_known_port(policy: &Policy, taken: &[SocketAddr]) -> Option<Policy> {
    let (asked, got) = (policy.server.listen.first()?, taken.first()?);
    if asked.port() != 0 || policy.server.redirect_port.is_some() {
        return None;
    }
    let mut known = policy.clone();
    known.server.redirect_port = Some(got.port());
    Some(known)
}

/// The innermost service: tells workers what the edge saw, and every app what certificate the client has shown.
#[derive(Debug, Clone)]
struct ToApp {
    inner: UpstreamService,
    behind: Behind,
}

impl Service<Request<RequestBody<ClientBody>>> for ToApp {
    type Response = Response<Download>;
    type Error = UpstreamError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Download>, UpstreamError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UpstreamError>> {
        Service::<Request<RequestBody<ClientBody>>>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, mut request: Request<RequestBody<ClientBody>>) -> Self::Future {
        let known = (request.extensions().get::<Admitted>(), request.extensions().get::<LocalAddress>());
        // A worker refuses what comes without the field, so a fact that is missing fails closed.
        if let (Behind::Workers, (Some(admitted), Some(LocalAddress(local)))) = (self.behind, known) {
            let client = match admitted.peer {
                Peer::Ip(address) => Some(address),
                Peer::Local => None,
            };
            let value = edge::field_value(admitted.scheme, client, *local);
            let ticket = ticket(&request, admitted.fingerprint);
            request.headers_mut().insert(edge::FIELD_NAME, value);
            if let Some(ticket) = ticket {
                request.headers_mut().insert(ticket::FIELD_NAME, ticket);
            }
        }
        if let Some(shown) = request.extensions_mut().remove::<ClientCertificate>() {
            request.headers_mut().insert(clients::FIELD_NAME, shown.field());
        }
        self.inner.call(request)
    }
}

/// What tells a middleware in the worker that it has nothing more to judge.
fn ticket<B>(request: &Request<B>, fingerprint: u64) -> Option<HeaderValue> {
    let request_id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let target = request.uri().path_and_query()?.as_str().as_bytes();
    let judged = ticket::Judged { request_id, method: request.method().as_str(), target, fingerprint };
    TicketKey::of_this_process()?.issue(&judged)
}

/// Writes down every exchange, and says once what nobody would see in the single lines: that a proxy seems to
/// stand in front which the policy does not name.
struct Records {
    log: Log,
    /// Whether the policy names proxies: then whoever else sends forwarding fields is just ignored. A reload may
    /// change it.
    proxies_named: Arc<AtomicBool>,
    warned: AtomicBool,
}

impl Records {
    fn new(log: Log, proxies_named: Arc<AtomicBool>) -> Self {
        Self { log, proxies_named, warned: AtomicBool::new(false) }
    }

    fn warn_of_unnamed_proxy(&self, record: &Record) {
        let Peer::Ip(peer) = record.peer else { return };
        let unsolicited = record.notes.contains(&Note::UnsolicitedForwarding);
        if self.proxies_named.load(Ordering::Relaxed) || !unsolicited || !is_near(peer.ip().to_canonical()) {
            return;
        }
        if !self.warned.swap(true, Ordering::Relaxed) {
            let ip = peer.ip().to_canonical();
            let what = format!(
                "{ip} sends X-Forwarded-* or Forwarded, and no `server.trusted_proxies` names it: the fields are \
                 ignored, so all clients behind it look like one; if it is your proxy, write \
                 trusted_proxies = [\"{ip}\"] in [server]"
            );
            self.log.incident(Incident::Connection { what, peer: Some(peer), severity: Severity::Warning });
        }
    }
}

impl buckler_tower::Observer for Records {
    fn record(&self, record: Record) {
        self.warn_of_unnamed_proxy(&record);
        self.log.record(record);
    }
}

/// Whether an address can be that of a proxy of one's own rather than of somebody who tries.
const fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local(),
    }
}

/// Writes down what happens outside of requests.
struct Incidents(Log);

impl Observer for Incidents {
    fn observe(&self, event: &Event<'_>) {
        let (what, peer, severity) = match event {
            Event::AcceptFailed { listener, error } => {
                (format!("no connection can be accepted at {listener}: {error}"), None, Severity::Error)
            }
            Event::Full { listener } => {
                (format!("as many connections as allowed are open at {listener}"), None, Severity::Error)
            }
            Event::HandshakeFailed { peer, error } => {
                // Whoever is turned away for a certificate may be a customer whose own has run out.
                let denied = error.kind() == io::ErrorKind::PermissionDenied;
                let severity = if denied { Severity::Warning } else { Severity::Info };
                (format!("TLS handshake failed: {error}"), Some(*peer), severity)
            }
            Event::Expired { peer, deadline: Expired::WriteStall } => {
                ("the client stopped reading its answer".to_owned(), Some(*peer), Severity::Warning)
            }
            Event::Flooded { peer, flood } => (flood.to_string(), Some(*peer), Severity::Warning),
            Event::Http2Error { peer, code } => {
                (format!("HTTP/2 error of the client: {code}"), Some(*peer), Severity::Warning)
            }
            Event::Cut { peer } => ("cut off at the end of the drain".to_owned(), Some(*peer), Severity::Warning),
            // The ordinary end of a connection, or written down by the engine.
            Event::Expired { .. } => return,
        };
        self.0.incident(Incident::Connection { what, peer, severity });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R03
    #[test]
    fn only_addresses_of_ones_own_network_are_taken_for_a_forgotten_proxy() {
        for (address, near) in [
            ("172.17.0.1", true),
            ("10.0.0.9", true),
            ("127.0.0.1", true),
            ("fd00::1", true),
            ("::1", true),
            ("203.0.113.9", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_near(address.parse().unwrap()), near, "{address}");
        }
    }
}
