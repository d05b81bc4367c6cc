//! A case through the gateway, over sockets.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use buckler_engine::{Engine, Record};
use buckler_gateway::tls::{Identity, Tls};
use buckler_gateway::upstream::{Address, Endpoint, Endpoints, UpstreamService, UpstreamSettings};
use buckler_gateway::{Gateway, GatewaySettings, Judged, Listen};
use buckler_http::connection::Scheme;
use buckler_policy::settings::Policy;
use buckler_tower::{BucklerLayer, Settings};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsConnector;
use tower::Layer as _;

use super::client::exchange;
use super::{Observed, Told};
use crate::app::SocketApp;
use crate::case::{Case, Ending, RequestSpec, load_policy};
use crate::message::Answer;

/// How long a case may take: far more than any needs, so that a hang is told from a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a case; `mode` replaces the policy's mode over all.
///
/// # Errors
/// What keeps the case from running, or from ending.
pub async fn run(case: &Case, mode: Option<&str>) -> Result<Observed, String> {
    tokio::time::timeout(PATIENCE, serve(case, mode)).await.map_err(|_| "the exchange did not end".to_owned())?
}

async fn serve(case: &Case, mode: Option<&str>) -> Result<Observed, String> {
    let policy = load_policy(&case.policy, mode)?.policy;
    let app = SocketApp::start(case.app.clone()).await.map_err(|error| error.to_string())?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let observer = move |record: Record| {
        let _gone = tell.send(Told::of(&record));
    };
    let settings = Settings { observer: Arc::new(observer), ..Settings::default() };
    let address: Address = format!("http://{}", app.address()).parse().map_err(|error| format!("{error}"))?;
    let endpoints = Endpoints::fixed(vec![Endpoint::new(address, UpstreamSettings::default())]);
    let layer = BucklerLayer::with(Engine::new(&policy), settings);
    let service = layer.layer(UpstreamService::new(endpoints));

    let identity = match case.request.scheme {
        Scheme::Http => None,
        Scheme::Https => {
            Some(Identity::self_signed(&["localhost".to_owned()], SystemTime::now()).map_err(|e| e.to_string())?)
        }
    };
    let settings = gateway_settings(&case.request, &policy, identity.as_ref(), layer)?;
    let bound = Gateway::bind(settings).await.map_err(|error| error.to_string())?;
    let address = *bound.local_addrs().first().ok_or("the gateway has no address")?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(bound.serve(service, async move { _ = stopped.await }));

    for _ in 0..case.request.before {
        let _answer = ask(&case.request, address, identity.as_ref()).await;
        let _told = tokio::time::timeout(PATIENCE / 2, told.recv()).await;
        app.ledger().clear();
    }
    let answer = ask(&case.request, address, identity.as_ref()).await;
    // Who gets no answer at all is told so by the connection; how it ended stands in the record.
    let told_first = tokio::time::timeout(PATIENCE / 2, told.recv()).await.ok().flatten();
    drop(stop);
    serving.await.map_err(|error| error.to_string())?;
    let received = app.ledger().read();
    app.stop().await;
    let told_first = told_first.ok_or("the exchange left no record")?;
    let answer = match answer {
        Err(_) if told_first.verdict.ending == Ending::Aborted => Answer::NONE,
        answer => answer.map_err(|error| format!("no answer: {error}"))?,
    };
    match told.try_recv() {
        Ok(second) => Err(format!("the exchange left two records: {told_first:?} and {second:?}")),
        Err(_) => Ok(Observed { received, answer, told: told_first }),
    }
}

fn gateway_settings(
    request: &RequestSpec,
    policy: &Policy,
    identity: Option<&Identity>,
    layer: BucklerLayer,
) -> Result<GatewaySettings, String> {
    let peer = peer(request)?;
    let host: IpAddr = if peer.is_ipv6() { "::1".parse() } else { "127.0.0.1".parse() }.map_err(|_| "no address")?;
    let tls = identity.map(Tls::new);
    let mut settings = GatewaySettings::new(vec![Listen { address: (host, 0).into(), tls }], policy.server.timeouts);
    settings.max_connections = policy.server.max_connections;
    settings.max_fields = policy.server.limits.headers;
    settings.max_head = policy.server.limits.head;
    settings.early = Arc::new(Judged(layer));
    Ok(settings)
}

fn peer(request: &RequestSpec) -> Result<IpAddr, String> {
    request.peer.parse().map_err(|_| "over a socket each client has an address; write `Hosts: tower`".to_owned())
}

async fn ask(request: &RequestSpec, address: SocketAddr, identity: Option<&Identity>) -> Result<Answer, String> {
    let text = |error: std::io::Error| error.to_string();
    let from = SocketAddr::from((peer(request)?, 0));
    let socket = if from.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }.map_err(text)?;
    socket.bind(from).map_err(|error| format!("a client at {from} needs an address of this machine: {error}"))?;
    let stream = socket.connect(address).await.map_err(text)?;
    let bytes = [request.head.as_slice(), &request.wire_body].concat();
    let is_head = request.start.starts_with(b"HEAD ");
    let Some(identity) = identity else { return exchange(stream, &bytes, is_head).await.map_err(text) };
    let stream = connector(identity)?.connect(ServerName::try_from("localhost").map_err(|e| e.to_string())?, stream);
    exchange(stream.await.map_err(text)?, &bytes, is_head).await.map_err(text)
}

/// Trusts this certificate and no other.
fn connector(identity: &Identity) -> Result<TlsConnector, String> {
    let mut roots = rustls::RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).map_err(|e| e.to_string())?;
    roots.add(certificate).map_err(|error| error.to_string())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
