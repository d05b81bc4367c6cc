//! A gateway on a random port, backends of any behaviour behind it, and a client that writes bytes.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test binary uses its own part of it")]

mod client;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buckler_gateway::upstream::{
    Address, Download, Endpoint, Endpoints, UpstreamError, UpstreamService, UpstreamSettings,
};
use buckler_gateway::{ClientBody, Event, Gateway, GatewaySettings, Listen, Observer};
use buckler_policy::settings::Timeouts;
use buckler_tower::Fault;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;

pub use client::{Answer, Client, fields};

pub const TIMEOUTS: Timeouts = Timeouts {
    header: Duration::from_secs(10),
    body: Duration::from_secs(10),
    body_rate: 1024,
    idle: Duration::from_secs(75),
    upstream: Duration::from_mins(1),
    connect: Duration::from_secs(5),
    drain: Duration::from_secs(30),
};

/// A gateway that runs until it is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub events: Arc<Events>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Running {
    /// Tells it to drain.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has ended.
    pub async fn ended(mut self) {
        self.task.take().unwrap().await.unwrap();
    }

    pub async fn client(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// One exchange over a connection of its own.
    pub async fn ask(&self, request: &str) -> Answer {
        let mut client = self.client().await;
        client.send(request).await;
        client.answer(request.split(' ').next().unwrap()).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Events, as text.
#[derive(Default)]
pub struct Events(Mutex<Vec<String>>);

impl Events {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn any(&self, part: &str) -> bool {
        self.all().iter().any(|event| event.contains(part))
    }
}

impl Observer for Events {
    fn observe(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

/// Serves `endpoints`; errors are answered as the layer does, without its policy.
pub async fn gateway(endpoints: Endpoints, change: impl FnOnce(&mut GatewaySettings)) -> Running {
    let events = Arc::new(Events::default());
    let listen = Listen { address: "127.0.0.1:0".parse().unwrap(), tls: None };
    let mut settings = GatewaySettings::new(vec![listen], TIMEOUTS);
    settings.observer = events.clone();
    change(&mut settings);
    let bound = Gateway::bind(settings).await.unwrap();
    let address = bound.local_addrs()[0];
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let upstream = UpstreamService::new(endpoints);
    let service = tower::service_fn(move |request: Request<ClientBody>| answered(upstream.clone(), request));
    let task = tokio::spawn(bound.serve(service, stopped));
    Running { address, events, stop, task: Some(task) }
}

async fn answered(
    mut upstream: UpstreamService,
    request: Request<ClientBody>,
) -> Result<Response<Either<Download, Full<Bytes>>>, Infallible> {
    let error: UpstreamError = match upstream.call(request).await {
        Ok(response) => return Ok(response.map(Either::Left)),
        Err(error) => error,
    };
    let status = match error.fault() {
        Some(Fault::UpstreamTimeout) => 504,
        Some(Fault::Overloaded) => 503,
        Some(Fault::BodyTimeout) => 408,
        Some(_) => 502,
        None => 400,
    };
    let body = Either::Right(Full::new(Bytes::from(error.to_string())));
    Ok(Response::builder().status(status).body(body).unwrap())
}

/// A gateway before one TCP backend, with the defaults.
pub async fn before(backend: &Backend) -> Running {
    gateway(backend.endpoints(UpstreamSettings::default()), |_| {}).await
}

/// A backend that treats each connection by a script.
pub struct Backend {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Backend {
    /// `script` gets each connection with its number, from 0.
    pub async fn new<F>(script: impl Fn(TcpStream, usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(script(stream, count.fetch_add(1, Ordering::SeqCst)));
            }
        });
        Self { address, connections, task }
    }

    /// Answers every request on a connection with the same bytes.
    pub async fn fixed(answer: &'static str) -> (Self, Requests) {
        Self::answering(move |_| answer.to_owned()).await
    }

    /// Answers every request on a connection with what `answer` makes of it.
    pub async fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (Self, Requests) {
        let requests = Requests::default();
        let record = requests.clone();
        let answer = Arc::new(answer);
        let backend = Self::new(move |stream, _| {
            let (record, answer) = (record.clone(), answer.clone());
            async move {
                let mut client = Client::new(stream);
                while let Some(request) = client.message(false).await {
                    let answer = answer(&request);
                    record.0.lock().unwrap().push(request);
                    if client.stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await;
        (backend, requests)
    }

    pub fn endpoint(&self, settings: UpstreamSettings) -> Arc<Endpoint> {
        let address: Address = format!("http://{}", self.address).parse().unwrap();
        Endpoint::new(address, settings)
    }

    pub fn endpoints(&self, settings: UpstreamSettings) -> Endpoints {
        Endpoints::fixed(vec![self.endpoint(settings)])
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a backend received, request by request, heads and bodies as they came.
#[derive(Clone, Default)]
pub struct Requests(pub Arc<Mutex<Vec<String>>>);

impl Requests {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn last(&self) -> String {
        self.all().pop().unwrap_or_else(|| panic!("no request reached the backend"))
    }
}

/// Waits, by polling, until `condition` holds. Fails only by the test's own end.
pub async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A sender and what waits for it.
pub fn signal() -> (oneshot::Sender<()>, oneshot::Receiver<()>) {
    oneshot::channel()
}
