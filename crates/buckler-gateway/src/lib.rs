//! The engine as a reverse proxy: listeners, TLS, upstreams, workers.
//!
//! One request's way, with the file that each step lives in:
//!
//! ```text
//! client ─► listen ─► tls ─► connection ── hyper ──► paced ──► buckler-tower (engine) ──► upstream::service
//!              ▲               │    ▲                                                         │
//!           gateway        watchdog │ early: answers to what is no request                    │ hop_by_hop
//!         (drain, slots)            │                                                         ▼
//!                                   └── websocket: joins the halves ◄──── 101 ──── endpoints ─► carrier ─► app
//! ```
//!
//! - [`Gateway`] takes the sockets and serves until it is told to stop; then it drains.
//! - Every client connection is one task. The app's connection is driven by the same task ([`upstream`]), so a
//!   request crosses no thread and a disconnect on either side is felt on the other at once.
//! - Bodies stream through both ways, at most one chunk per direction in memory; what is not read is not asked
//!   for, so a slow side slows the other instead of filling memory.
//! - Each wait has a deadline: [`activity`](ClientDeadlines) for heads, idle connections and readers that take
//!   nothing, [`paced`](PacedBody) for bodies, [`upstream`] for the app. Streams that are open and silent live.
//! - No rule of the policy is here: what is let pass is the engine's to say.
//! - A connection's bytes are judged before hyper gets them ([`buckler_http::wire`]): what could be read in two ways
//!   is refused with 400, and nothing behind it is read. That holds in every mode of the policy.
//!
//! Deployment caveat: the body that the app gets has been re-framed. It comes with the length that the client
//! announced, or in chunks of its own; extensions of chunks are gone.

mod activity;
mod assembly;
mod connection;
mod drain;
mod early;
mod event;
pub mod fetch;
mod gateway;
mod hop_by_hop;
mod http2;
mod inherited;
mod linger;
mod listen;
pub mod log;
mod paced;
mod received;
mod reload;
pub mod secrets;
mod stream;
pub mod tls;
pub mod upstream;
mod watchdog;
mod watched;
mod websocket;
pub mod workers;

pub use activity::{ClientDeadlines, WRITE_STALL};
pub use assembly::{Assembled, AssemblyError, Behind};
pub use connection::{ClientBody, LocalAddress};
pub use early::{EarlyAnswer, HeadFault, Judged, PlainProblem};
pub use event::{Event, Expired, Observer, Unobserved};
pub use gateway::{Bound, Gateway, GatewaySettings, Listen};
pub use http2::{Http2Body, RequestFault};
pub use inherited::Inherited;
pub use linger::{LINGER, LINGER_BYTES};
pub use listen::ListenError;
pub use paced::{Pace, PacedBody};
pub use received::Received;
pub use reload::{Reloaded, Reloader};
pub use websocket::UpgradeSlot;

/// What reads bytes from outside in here, for `buckler-fuzz`; no part of the interface.
#[doc(hidden)]
pub mod fuzzed {
    use http::{HeaderMap, request};

    /// See `websocket`.
    pub fn is_handshake(head: &request::Parts) -> bool {
        crate::websocket::is_handshake(head)
    }

    /// See `hop_by_hop`.
    pub fn request_fields(fields: &mut HeaderMap, handshake: bool) {
        crate::hop_by_hop::request(fields, handshake);
    }

    /// See `hop_by_hop`.
    pub fn response_fields(fields: &mut HeaderMap) {
        crate::hop_by_hop::response(fields, false);
    }
}

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
