//! WebSocket pass-through (RFC 6455).
//!
//! Rules, in order:
//! 1. A handshake is a `GET` over HTTP/1.1 without a body, with `Upgrade: websocket` and `Connection: upgrade`.
//!    Any other upgrade (`h2c`, TLS) is not passed on: the request goes to the app without it.
//! 2. The client has to wait for the answer (RFC 6455 §4.1). What it sends ahead is refused ([`crate::watched`]):
//!    there is no tunnel then, whatever the app says, and not a byte of it reaches the app. An answer that is not
//!    101 with `Upgrade: websocket` is an ordinary one, and the client's next request may follow.
//! 3. Then both halves are joined, each direction through one bounded buffer. The end of one direction is passed
//!    on and the other goes on; an error ends both.
//! 4. There is no idle limit (the protocol has its pings); a side that accepts nothing is cut as any other slow
//!    reader is; and the drain deadline ends what is left.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CONNECTION, HeaderMap, UPGRADE};
use http::{Method, Version, request};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy_bidirectional_with_sizes};

use crate::hop_by_hop::has_token;
use crate::stream::Stream;
use crate::upstream::InFlight;

/// Buffered per direction: one full TLS record.
const BUFFER: usize = 16 * 1024;

/// Whether a request asks for a WebSocket.
pub(crate) fn is_handshake(head: &request::Parts) -> bool {
    head.method == Method::GET
        && head.version == Version::HTTP_11
        && is_websocket(&head.headers)
        && has_token(&head.headers, &CONNECTION, "upgrade")
}

/// Whether a 101 agrees to one.
pub(crate) fn is_acceptance(headers: &HeaderMap) -> bool {
    is_websocket(headers)
}

fn is_websocket(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(UPGRADE).iter();
    match (values.next(), values.next()) {
        (Some(only), None) => only.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket"),
        _ => false,
    }
}

/// A request extension: where the innermost service leaves the app's half of a tunnel for the connection that
/// the request came over. A host that cannot carry tunnels leaves it out, and no upgrade is passed on.
#[derive(Debug, Clone, Default)]
pub struct UpgradeSlot(Arc<Mutex<Option<Tunnel>>>);

impl UpgradeSlot {
    pub(crate) fn fill(&self, tunnel: Tunnel) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
    }

    pub(crate) fn take(&self) -> Option<Tunnel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The app's half of an accepted WebSocket.
#[derive(Debug)]
pub(crate) struct Tunnel {
    app: Stream,
    /// What the app sent right behind its 101.
    read: Bytes,
    _in_flight: InFlight,
}

impl Tunnel {
    pub(crate) fn new(app: Stream, read: Bytes, lease: InFlight) -> Self {
        Self { app, read, _in_flight: lease }
    }

    /// Joins the halves until both directions have ended. `sent_ahead` is what the client has sent
    /// since the app agreed.
    pub(crate) async fn carry<C>(mut self, client: &mut C, sent_ahead: &[u8]) -> std::io::Result<()>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        if !self.read.is_empty() {
            client.write_all(&self.read).await?;
            client.flush().await?;
        }
        if !sent_ahead.is_empty() {
            self.app.write_all(sent_ahead).await?;
        }
        copy_bidirectional_with_sizes(client, &mut self.app, BUFFER, BUFFER).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(lines: &[(&str, &str)]) -> request::Parts {
        let mut request = Request::builder();
        for (name, value) in lines {
            request = match *name {
                ":method" => request.method(*value),
                ":version" => request.version(Version::HTTP_10),
                name => request.header(name, *value),
            };
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_a_websocket_handshake_is_one() {
        let cases: &[(&[(&str, &str)], bool)] = &[
            (&[("upgrade", "h2c"), ("connection", "upgrade")], false),
            (&[("upgrade", "TLS/1.0"), ("connection", "upgrade")], false),
            (&[("upgrade", "websocket, h2c"), ("connection", "upgrade")], false),
            (&[("upgrade", "websocket"), ("upgrade", "h2c"), ("connection", "upgrade")], false),
            (&[("upgrade", "websocket")], false),
            (&[("upgrade", "websocket"), ("connection", "close")], false),
            (&[(":method", "POST"), ("upgrade", "websocket"), ("connection", "upgrade")], false),
            (&[(":version", "1.0"), ("upgrade", "websocket"), ("connection", "upgrade")], false),
            (&[("upgrade", "WebSocket"), ("connection", "keep-alive, Upgrade")], true),
        ];
        for (lines, expected) in cases {
            assert_eq!(is_handshake(&head(lines)), *expected, "{lines:?}");
        }
    }
}
