//! Listeners, connections and their end, put together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use buckler_http::connection::Scheme;
use buckler_policy::settings::Timeouts;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body::Body;
use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use tower_service::Service;

use crate::activity::{ClientDeadlines, WRITE_STALL};
use crate::connection::{ClientBody, Ends, Rules, serve};
use crate::drain::Drain;
use crate::early::{EarlyAnswer, PlainProblem};
use crate::event::{Event, Observer, Unobserved};
use crate::listen::{self, Backoff, ListenError};
use crate::paced::Pace;
use crate::stream::Stream;
use crate::tls::Tls;
use crate::{BoxError, http2};

/// hyper's own bounds of a head lie above those of the policy by this factor, so that it is the engine who
/// refuses (and who, in monitor mode, does not).
const PARSER_SLACK: usize = 2;

/// hyper takes no smaller buffer.
const SMALLEST_BUFFER: usize = 8 * 1024;

/// An address to listen on.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Where. Port 0 takes any that is free.
    pub address: SocketAddr,
    /// `None` speaks plain HTTP.
    pub tls: Option<Tls>,
}

/// What a gateway needs to know beside its service.
#[derive(Clone)]
pub struct GatewaySettings {
    /// Where to listen; one with TLS and one that redirects to it, usually.
    pub listen: Vec<Listen>,
    /// `server.timeouts`
    pub timeouts: Timeouts,
    /// See [`WRITE_STALL`].
    pub write_stall: Duration,
    /// `server.max_connections`
    pub max_connections: usize,
    /// `server.limits.headers`
    pub max_fields: usize,
    /// `server.limits.head`, in bytes.
    pub max_head: usize,
    /// `server.limits.streams`: requests under way on one HTTP/2 connection.
    pub max_streams: u32,
    /// Answers what never becomes a request.
    pub early: Arc<dyn EarlyAnswer>,
    /// Sees what happens outside of requests.
    pub observer: Arc<dyn Observer>,
}

impl GatewaySettings {
    /// Settings with the policy's deadlines, and defaults for the rest.
    pub fn new(listen: Vec<Listen>, timeouts: Timeouts) -> Self {
        Self {
            listen,
            timeouts,
            write_stall: WRITE_STALL,
            max_connections: 10_000,
            max_fields: 100,
            max_head: 32 * 1024,
            max_streams: http2::MAX_CONCURRENT_STREAMS,
            early: Arc::new(PlainProblem),
            observer: Arc::new(Unobserved),
        }
    }
}

impl std::fmt::Debug for GatewaySettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewaySettings")
            .field("listen", &self.listen)
            .field("timeouts", &self.timeouts)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// The data plane of Buckler.
#[derive(Debug)]
pub struct Gateway;

impl Gateway {
    /// Takes the sockets, all or none.
    ///
    /// # Errors
    /// [`ListenError`] for the first address that cannot be had.
    pub async fn bind(settings: GatewaySettings) -> Result<Bound, ListenError> {
        Self::take_or_bind(settings, Vec::new()).await
    }

    /// As [`bind`](Self::bind), with sockets that are there already in the places of some.
    pub(crate) async fn take_or_bind(
        settings: GatewaySettings,
        taken: Vec<Option<std::net::TcpListener>>,
    ) -> Result<Bound, ListenError> {
        let mut listeners = Vec::with_capacity(settings.listen.len());
        let mut taken = taken.into_iter();
        for Listen { address, tls } in &settings.listen {
            let (listener, owner) = match taken.next().flatten() {
                Some(listener) => {
                    let listener = TcpListener::from_std(listener);
                    (listener.map_err(|source| ListenError::Other { address: *address, source })?, Owner::Manager)
                }
                None => (listen::bind(*address).await?, Owner::Us),
            };
            let local = listener.local_addr().map_err(|source| ListenError::Other { address: *address, source })?;
            listeners.push(Bind { listener, owner, local, tls: tls.clone() });
        }
        Ok(Bound { listeners, settings })
    }
}

/// Who has a listener when we have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Nobody.
    Us,
    /// The service manager, who hands it to the next of us.
    Manager,
}

#[derive(Debug)]
struct Bind {
    listener: TcpListener,
    owner: Owner,
    local: SocketAddr,
    tls: Option<Tls>,
}

/// A gateway that has its sockets and does not serve yet: clients that connect already wait in the kernel.
#[derive(Debug)]
pub struct Bound {
    listeners: Vec<Bind>,
    settings: GatewaySettings,
}

impl Bound {
    /// The addresses, with the ports that were really taken.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|bind| bind.local).collect()
    }

    /// Serves until `shutdown` completes, then drains: no new connection, what is in flight is answered, and
    /// after the drain deadline what is left is cut.
    pub async fn serve<S, R>(self, service: S, shutdown: impl Future<Output = ()>)
    where
        S: Service<Request<ClientBody>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        let shared = Arc::new(Shared::new(&self.settings));
        let accepting = TaskTracker::new();
        for bind in self.listeners {
            accepting.spawn(accept(bind, service.clone(), Arc::clone(&shared)));
        }
        accepting.close();

        shutdown.await;
        shared.drain.begin();
        accepting.wait().await;
        shared.connections.close();
        if tokio::time::timeout(self.settings.timeouts.drain, shared.connections.wait()).await.is_err() {
            shared.drain.cut();
            shared.connections.wait().await;
        }
    }
}

struct Shared {
    rules: Rules,
    slots: Arc<Semaphore>,
    connections: TaskTracker,
    drain: Drain,
}

impl Shared {
    fn new(settings: &GatewaySettings) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .header_read_timeout(None)
            .max_headers(settings.max_fields.saturating_mul(PARSER_SLACK))
            // The buffer alone is no bound: it may grow past its size by what one read brings.
            .max_header_size(settings.max_head.saturating_mul(PARSER_SLACK))
            .max_buf_size(settings.max_head.saturating_mul(PARSER_SLACK).max(SMALLEST_BUFFER));
        let timeouts = &settings.timeouts;
        Self {
            rules: Rules {
                http1,
                http2: http2::Settings::new(
                    settings.max_head.saturating_mul(PARSER_SLACK),
                    settings.max_fields.saturating_mul(PARSER_SLACK),
                    settings.max_streams,
                ),
                deadlines: ClientDeadlines {
                    header: timeouts.header,
                    idle: timeouts.idle,
                    write_stall: settings.write_stall,
                },
                pace: Pace { grace: timeouts.body, rate: timeouts.body_rate },
                early: Arc::clone(&settings.early),
                observer: Arc::clone(&settings.observer),
            },
            slots: Arc::new(Semaphore::new(settings.max_connections.min(Semaphore::MAX_PERMITS))),
            connections: TaskTracker::new(),
            drain: Drain::new(),
        }
    }
}

async fn accept<S, R>(bind: Bind, service: S, shared: Arc<Shared>)
where
    S: Service<Request<ClientBody>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let admit = |tcp, peer, slot: Option<OwnedSemaphorePermit>, service: S| {
        let tls = bind.tls.clone();
        let connection = Arc::clone(&shared);
        shared.connections.spawn(async move {
            let _slot = slot;
            connect(tcp, peer, tls, service, &connection).await;
        });
    };
    let mut backoff = Backoff::default();
    loop {
        if shared.slots.available_permits() == 0 {
            shared.rules.observer.observe(&Event::Full { listener: bind.local });
        }
        let accepted = async {
            let slot = Arc::clone(&shared.slots).acquire_owned().await.ok();
            (slot, bind.listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            biased;
            () = shared.drain.begun() => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((tcp, peer)) => {
                backoff.reset();
                admit(tcp, peer, slot, service.clone());
            }
            Err(error) => {
                let Some(pause) = backoff.pause(&error) else { continue };
                drop(slot);
                shared.rules.observer.observe(&Event::AcceptFailed { listener: bind.local, error: &error });
                tokio::time::sleep(pause).await;
            }
        }
    }
    if bind.owner == Owner::Manager {
        return;
    }
    // Who has connected already would be reset with the listener, and may have sent a request.
    while let Ok(slot) = Arc::clone(&shared.slots).try_acquire_owned()
        && let Some(Ok((tcp, peer))) = bind.listener.accept().now_or_never()
    {
        admit(tcp, peer, Some(slot), service.clone());
    }
}

async fn connect<S, R>(tcp: TcpStream, peer: SocketAddr, tls: Option<Tls>, service: S, shared: &Shared)
where
    S: Service<Request<ClientBody>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    R: Body<Data = Bytes> + 'static,
    R::Error: Into<BoxError>,
{
    // A socket that takes no options is gone already.
    let (Ok(()), Ok(local)) = (listen::prepare(&tcp), tcp.local_addr()) else { return };
    let (stream, scheme, certificate) = match tls {
        None => (Stream::Tcp(tcp), Scheme::Http, None),
        Some(tls) => match tls.accept(tcp).await {
            Ok((stream, certificate)) => (stream, Scheme::Https, certificate),
            Err(error) => {
                shared.rules.observer.observe(&Event::HandshakeFailed { peer, error: &error });
                return;
            }
        },
    };
    let ends = Ends { peer, local, certificate };
    let drain = shared.drain.watch();
    if stream.is_http2() {
        // Boxed: HTTP/1 connections, of which there may be many, need not carry its size.
        Box::pin(http2::serve(stream, ends, scheme, service, &shared.rules, drain)).await;
    } else {
        serve(stream, ends, scheme, service, &shared.rules, drain).await;
    }
}
