//! HTTP/2 towards the client (RFC 9113), agreed on by ALPN alone.
//!
//! ```text
//! client ─► socket ─► h2 ─► request ─► exchange ─► the same service as for HTTP/1
//!             │                           │
//!          traffic (floods, deadlines)   body
//! ```
//!
//! Rules, in order:
//! 1. One connection is one task, its requests included: when it goes, they go.
//! 2. What the codec bounds is bounded by [`settings`](self): streams, windows, header lists, buffers. What it
//!    does not, [`buckler_http::frames`] counts as it passes ([`socket`]): a flood closes the connection, is
//!    written down, and nothing more of it is read.
//! 3. A request is handed on only if it can be said in HTTP/1.1 without being another one ([`request`]).
//! 4. An answer is read from the app as the client's windows open, and who keeps them shut is given up
//!    ([`exchange`]). So a stalled stream holds one chunk, not an answer.
//! 5. What the codec refused by itself (a malformed request is a stream reset, RFC 9113 §8.1.1) is written down
//!    by its code.
//! 6. Deadlines are those of HTTP/1: a head that was begun, a connection without a request, a client that takes
//!    nothing. Draining is `GOAWAY`: what was begun is answered (§6.8).
//!
//! Not offered, so nobody has to judge it: server push, `h2c`, and tunnels for web sockets (RFC 8441) – browsers
//! take an HTTP/1.1 connection for those.
//!
//! Deployment caveat: a fragment behind `:path` (which no client may send) is cut off by the codec before anything
//! here sees it; the app gets what was judged, without it.

mod body;
mod exchange;
mod request;
mod settings;
mod socket;
mod traffic;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use buckler_http::connection::{Connection as Facts, Peer, Scheme};
use buckler_http::frames::Flood;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use h2::server::{Connection, Handshake, SendResponse};
use h2::{Reason, RecvStream};
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::BoxError;
use crate::connection::{ClientBody, Ends, LocalAddress, Rules};
use crate::drain::{DrainWatch, Step};
use crate::early::HeadFault;
use crate::event::{Event, Expired};
use crate::linger::LINGER;
use crate::stream::Stream;
use crate::watchdog::Watchdog;

pub use body::Http2Body;
pub use request::RequestFault;
pub(crate) use settings::{MAX_CONCURRENT_STREAMS, Settings};

use exchange::{Common, Exchange};
use socket::Socket;
use traffic::Traffic;

/// Requests taken in before those that are there get their turn.
const ACCEPTED_AT_ONCE: usize = 16;

/// How a connection came to an end.
enum End {
    /// Nothing is left to do, or nobody to do it for.
    Done,
    Flooded(Flood),
    Expired(Expired),
    Cut,
}

/// Serves the connection until it ends.
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
    let traffic = Arc::new(Traffic::new(rules.http2.header_list()));
    let facts = Facts { peer: Peer::Ip(peer), scheme };
    let local = LocalAddress(local);
    let common = Common { facts, local, certificate: certificate.as_ref(), rules, traffic: &traffic, peer };
    let exchange = Exchange { service, common };
    let handshake = rules.http2.codec().handshake(Socket::new(stream, Arc::clone(&traffic)));
    let begin = move |request, respond| exchange.clone().answer(request, respond);
    let mut serving = Serving { phase: Phase::Handshake(handshake), exchanges: FuturesUnordered::new(), begin };

    let end = {
        let mut watchdog = Watchdog::new(&*traffic, &rules.deadlines);
        let mut told = false;
        poll_fn(|cx| {
            match drain.poll_step(cx) {
                Step::Serving => {}
                Step::Draining => told = told || serving.goes_away(&traffic),
                Step::Cut => return Poll::Ready(End::Cut),
            }
            let mut done = serving.poll(cx);
            if done.is_pending() && !told && drain.is_draining() && serving.is_open() {
                // The handshake has just ended: now there is somebody to tell.
                told = serving.goes_away(&traffic);
                done = serving.poll(cx);
            }
            for code in traffic.take_codes() {
                rules.observer.observe(&Event::Http2Error { peer, code: settings::name(code) });
            }
            if let Some(flood) = traffic.flood() {
                return Poll::Ready(End::Flooded(flood));
            }
            if done.is_ready() {
                return Poll::Ready(End::Done);
            }
            watchdog.poll(cx).map(End::Expired)
        })
        .await
    };

    // Whatever is under way ends here: each leaves its record.
    let Serving { phase, exchanges, begin: _ } = serving;
    drop(exchanges);
    match end {
        End::Done => {}
        End::Cut => {
            rules.observer.observe(&Event::Cut { peer });
            phase.close(Reason::NO_ERROR).await;
        }
        End::Flooded(flood) => {
            rules.observer.observe(&Event::Flooded { peer, flood });
            phase.close(Reason::ENHANCE_YOUR_CALM).await;
        }
        End::Expired(deadline) => {
            rules.observer.observe(&Event::Expired { peer, deadline });
            match deadline {
                Expired::Idle => phase.close(Reason::NO_ERROR).await,
                // The answer itself has no stream to go to, its record is what counts.
                Expired::Head => {
                    let _recorded = rules.early.answer(HeadFault::Timeout, facts);
                    phase.close(Reason::ENHANCE_YOUR_CALM).await;
                }
                Expired::WriteStall => drop(phase),
            }
        }
    }
}

/// How far the connection is.
enum Phase {
    Handshake(Handshake<Socket, Bytes>),
    Open(Connection<Socket, Bytes>),
}

impl Phase {
    /// Says why, and closes.
    async fn close(self, reason: Reason) {
        let Self::Open(mut connection) = self else { return };
        connection.abrupt_shutdown(reason);
        // Whether it hears us is the client's affair.
        let _closed_anyway = tokio::time::timeout(LINGER, poll_fn(|cx| connection.poll_closed(cx))).await;
    }
}

/// The connection and the requests on it.
struct Serving<F, B> {
    phase: Phase,
    exchanges: FuturesUnordered<F>,
    /// Makes an exchange of a request.
    begin: B,
}

impl<F, B> Serving<F, B>
where
    F: Future<Output = ()>,
    B: Fn(Request<RecvStream>, SendResponse<Bytes>) -> F,
{
    /// Ready when the connection has ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let connection = match &mut self.phase {
                Phase::Handshake(handshake) => match std::task::ready!(Pin::new(handshake).poll(cx)) {
                    Ok(connection) => {
                        self.phase = Phase::Open(connection);
                        continue;
                    }
                    Err(_) => return Poll::Ready(()),
                },
                Phase::Open(connection) => connection,
            };
            let mut again = false;
            for _ in 0..ACCEPTED_AT_ONCE {
                match connection.poll_accept(cx) {
                    Poll::Ready(Some(Ok((request, respond)))) => {
                        self.exchanges.push((self.begin)(request, respond));
                        again = true;
                    }
                    Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                    Poll::Pending => break,
                }
            }
            // An exchange that ends has usually left something to be sent.
            while let Poll::Ready(Some(())) = self.exchanges.poll_next_unpin(cx) {
                again = true;
            }
            if !again {
                return Poll::Pending;
            }
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_))
    }

    /// Tells the client that no further request is taken; `false` as long as there is nobody to tell.
    fn goes_away(&mut self, traffic: &Traffic) -> bool {
        match &mut self.phase {
            Phase::Handshake(_) => {
                traffic.expect_head();
                false
            }
            Phase::Open(connection) => {
                connection.graceful_shutdown();
                true
            }
        }
    }
}
