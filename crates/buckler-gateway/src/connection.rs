//! One client connection, from its first byte to its end.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use buckler_http::connection::{Connection, Peer, Scheme};
use buckler_http::wire::WireFault;
use bytes::Bytes;
use http::header::UPGRADE;
use http::{Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use crate::activity::{Activity, ClientDeadlines};
use crate::drain::{DrainWatch, Step};
use crate::early::{EarlyAnswer, HeadFault, serialise};
use crate::event::{Event, Expired, Observer};
use crate::paced::{Pace, PacedBody};
use crate::received::Received;
use crate::stream::Stream;
use crate::tls::clients::ClientCertificate;
use crate::watchdog::Watchdog;
use crate::watched::Watched;
use crate::websocket::UpgradeSlot;
use crate::{BoxError, http2, linger};

/// The body of a request as the service stack gets it.
pub type ClientBody = PacedBody<Received>;

/// What all connections share.
pub(crate) struct Rules {
    pub(crate) http1: http1::Builder,
    pub(crate) http2: http2::Settings,
    pub(crate) deadlines: ClientDeadlines,
    pub(crate) pace: Pace,
    pub(crate) early: Arc<dyn EarlyAnswer>,
    pub(crate) observer: Arc<dyn Observer>,
}

/// How hyper's part of the connection came to an end.
enum End {
    /// The last answer was given, or the client left, or it is time for the tunnel.
    Done(hyper::Result<()>),
    Expired(Expired),
    /// All is answered that came before a head that hyper was not given.
    Withheld(WireFault),
    Cut,
}

/// Both ends of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Ends {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    /// What the client has shown in the handshake.
    pub(crate) certificate: Option<ClientCertificate>,
}

/// The address that a request's connection was accepted on: a request extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalAddress(pub SocketAddr);

/// What a client that has connected and said nothing gets for its first byte once draining has begun: its request may be
/// on the way, and no way around the world takes longer.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// The patience with a connection over which nothing has come yet.
#[derive(Default)]
struct FirstWord(Option<Pin<Box<Sleep>>>);

impl FirstWord {
    fn is_awaited(&mut self, activity: &Activity, cx: &mut Context<'_>) -> bool {
        activity.is_untouched()
            && self.0.get_or_insert_with(|| Box::pin(sleep(FIRST_WORD))).as_mut().poll(cx).is_pending()
    }
}

/// Serves the connection until it ends, tunnel included.
pub(crate) async fn serve<S, R>(
    stream: Stream,
    Ends { peer, local, certificate }: Ends,
    scheme: Scheme,
    service: S,
    rules: &Rules,
    mut drain: DrainWatch,
) where
    S: Service<Request<ClientBody>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    R: Body<Data = Bytes> + 'static,
    R::Error: Into<BoxError>,
{
    let activity = Arc::new(Activity::new());
    let slot = UpgradeSlot::default();
    let facts = Connection { peer: Peer::Ip(peer), scheme };
    let service = PerRequest {
        inner: TowerToHyperService::new(service),
        facts,
        local: LocalAddress(local),
        certificate,
        pace: rules.pace,
        activity: Arc::clone(&activity),
        slot: slot.clone(),
    };
    let socket = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
    let mut connection = rules.http1.serve_connection(socket, service);

    let end = {
        let mut watchdog = Watchdog::new(&*activity, &rules.deadlines);
        let mut told = false;
        let mut first_word = FirstWord::default();
        poll_fn(|cx| {
            match drain.poll_step(cx) {
                Step::Serving => {}
                Step::Draining => {
                    // Told now, hyper would drop a head that has begun to come; it has a deadline of its own.
                    if !told && !activity.is_reading_head() && !first_word.is_awaited(&activity, cx) {
                        Pin::new(&mut connection).graceful_shutdown();
                        told = true;
                    }
                }
                Step::Cut => return Poll::Ready(End::Cut),
            }
            if let Poll::Ready(done) = Pin::new(&mut connection).poll(cx) {
                return Poll::Ready(End::Done(done));
            }
            if let Some(fault) = activity.withheld().filter(|_| activity.is_settled()) {
                return Poll::Ready(End::Withheld(fault));
            }
            watchdog.poll(cx).map(End::Expired)
        })
        .await
    };

    let parts = connection.into_parts();
    let mut socket = parts.io.into_inner();
    match end {
        End::Cut => {
            rules.observer.observe(&Event::Cut { peer });
            socket.into_inner().reset_on_close();
        }
        End::Expired(deadline) => {
            rules.observer.observe(&Event::Expired { peer, deadline });
            match deadline {
                Expired::Idle => linger::close(socket.into_inner(), false).await,
                Expired::Head => refuse(socket.into_inner(), facts, HeadFault::Timeout, rules).await,
                Expired::WriteStall => socket.into_inner().reset_on_close(),
            }
        }
        End::Withheld(fault) => refuse(socket.into_inner(), facts, HeadFault::Wire(fault), rules).await,
        End::Done(done) => {
            if let Some(fault) = activity.withheld().filter(|_| activity.is_upgraded()) {
                drop(slot.take());
                refuse(socket.into_inner(), facts, HeadFault::Wire(fault), rules).await;
            } else if let Some(tunnel) = slot.take().filter(|_| done.is_ok()) {
                socket.carry_closing();
                let carried = tunnel.carry(&mut socket, &parts.read_buf);
                if !until_cut(carried, &mut drain, &activity, rules, peer).await {
                    socket.into_inner().reset_on_close();
                }
            } else if let Some(status) = activity.refused() {
                refuse(socket.into_inner(), facts, HeadFault::from_status(status), rules).await;
            } else if done.is_ok() {
                linger::close(socket.into_inner(), activity.has_unread_body()).await;
            } else {
                // The answer was begun and cannot be finished, or the client is gone.
                socket.into_inner().reset_on_close();
            }
        }
    }
}

/// Carries a tunnel; `false` if it was cut.
async fn until_cut(
    carried: impl Future<Output = std::io::Result<()>>,
    drain: &mut DrainWatch,
    activity: &Activity,
    rules: &Rules,
    peer: SocketAddr,
) -> bool {
    let mut carried = pin!(carried);
    activity.request_begins();
    let mut watchdog = Watchdog::new(activity, &rules.deadlines);
    let cut = poll_fn(|cx| {
        // A side that went away is a tunnel's usual end.
        if carried.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        if drain.poll_cut(cx).is_ready() {
            return Poll::Ready(Some(Event::Cut { peer }));
        }
        watchdog.poll(cx).map(|deadline| Some(Event::Expired { peer, deadline }))
    })
    .await;
    if let Some(event) = &cut {
        rules.observer.observe(event);
    }
    cut.is_none()
}

/// Answers what never became a request.
async fn refuse(mut stream: Stream, facts: Connection, fault: HeadFault, rules: &Rules) {
    let answer = serialise(&rules.early.answer(fault, facts));
    let written = tokio::time::timeout(linger::LINGER, async {
        stream.write_all(&answer).await?;
        stream.flush().await
    });
    if matches!(written.await, Ok(Ok(()))) {
        linger::close(stream, true).await;
    }
}

/// Gives each request what the connection knows, and tells the connection what the request does.
struct PerRequest<S> {
    inner: TowerToHyperService<S>,
    facts: Connection,
    local: LocalAddress,
    certificate: Option<ClientCertificate>,
    pace: Pace,
    activity: Arc<Activity>,
    slot: UpgradeSlot,
}

impl<S, R> hyper::service::Service<Request<Incoming>> for PerRequest<S>
where
    S: Service<Request<ClientBody>, Response = Response<R>> + Clone,
    R: Body,
{
    type Response = Response<Answer<R>>;
    type Error = S::Error;
    type Future = Answering<<TowerToHyperService<S> as hyper::service::Service<Request<ClientBody>>>::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.activity.request_begins();
        let pace = self.pace;
        let mut request = request.map(|body| {
            PacedBody::new(Received::Http1(body), pace)
                .reporting_to(Arc::clone(&self.activity))
                .standing_at(self.activity.place())
        });
        let upgrade = request.headers().contains_key(UPGRADE);
        let extensions = request.extensions_mut();
        // hyper's own way to an upgraded connection: here the connection's task carries the tunnel itself.
        extensions.remove::<OnUpgrade>();
        extensions.insert(self.facts);
        extensions.insert(self.local);
        extensions.insert(self.activity.place().clone());
        if let Some(certificate) = &self.certificate {
            extensions.insert(certificate.clone());
        }
        if upgrade {
            extensions.insert(self.slot.clone());
        }
        Answering { inner: self.inner.call(request), activity: Arc::clone(&self.activity) }
    }
}

pin_project_lite::pin_project! {
    /// Waits for the answer.
    struct Answering<F> {
        #[pin]
        inner: F,
        activity: Arc<Activity>,
    }
}

impl<F, R, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<Answer<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.inner.poll(cx).map(|outcome| {
            outcome.map(|response| {
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    this.activity.upgrade_agreed();
                }
                response.map(|body| Answer { body, activity: Arc::clone(this.activity) })
            })
        })
    }
}

pin_project_lite::pin_project! {
    /// An answer's body that tells when it is done with.
    struct Answer<R> {
        #[pin]
        body: R,
        activity: Arc<Activity>,
    }

    impl<R> PinnedDrop for Answer<R> {
        fn drop(this: Pin<&mut Self>) {
            this.activity.answered();
        }
    }
}

impl<R: Body> Body for Answer<R> {
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<R::Data>, R::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
