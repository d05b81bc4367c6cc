//! The way to the app.
//!
//! ```text
//! UpstreamService ── picks ──► Endpoints ── least in flight ──► Endpoint ── pool ──► Carrier (one connection)
//!       │                          └─ all full: Line (fair, short) ─┘                   │
//!       └────────────── Request<Upload> ───────────────────────────────────────────────►│
//!                       Response<Download> ◄────────────────────────────────────────────┘
//! ```
//!
//! A [`carrier::Carrier`] is not a task of its own. Whoever holds it drives it: the future that waits for the
//! response, then the response's body. So a request stays in one task from the client's socket to the app's,
//! and when the client goes away, what it waited for is dropped in the same moment, with the connection in it:
//! the app sees the disconnect. A connection that was used up to a clean end goes back to its endpoint's pool;
//! in doubt it is closed.

mod address;
mod carrier;
mod connect;
mod download;
mod endpoint;
mod endpoints;
mod error;
mod fair_queue;
mod line;
mod load;
mod place;
mod service;
mod upload;

pub use address::{Address, AddressError, Authority};
pub use connect::ConnectError;
pub use download::Download;
pub use endpoint::Endpoint;
pub use endpoints::{Endpoints, WAIT_FOR_WORKER, WAITING_REQUESTS};
pub use error::UpstreamError;
pub use line::{LONGEST_LINE, LONGEST_WAIT};
pub use place::{PATIENCE, Place};
pub use service::UpstreamService;

pub(crate) use connect::connect;
pub(crate) use endpoint::InFlight;

use std::num::NonZeroU32;
use std::time::Duration;

/// Idle connections are closed after this. One second less than uvicorn's own default, so that it is us who
/// close first and a request rarely meets a connection that is going away.
pub const POOL_IDLE: Duration = Duration::from_secs(4);

/// Idle connections kept per endpoint. An event-loop worker gains nothing from more, and each is a descriptor
/// in two processes.
pub const POOL_SIZE: usize = 64;

/// The longest head of an answer. What a large set of cookies needs, twice.
pub const RESPONSE_HEAD: usize = 64 * 1024;

/// Header fields of an answer: as many as hyper takes if it is told nothing. Told the same, it would clear a table of so
/// many for each answer.
pub const RESPONSE_FIELDS: usize = 100;

/// Time limits and bounds towards the app.
#[derive(Debug, Clone, Copy)]
pub struct UpstreamSettings {
    /// For the connection to be made.
    pub connect: Duration,
    /// From the app having got what the client sent so far to the first byte of its answer. The clock stands
    /// while the client is the one who is waited for.
    pub first_byte: Duration,
    /// See [`POOL_IDLE`].
    pub pool_idle: Duration,
    /// See [`POOL_SIZE`].
    pub pool_size: usize,
    /// Requests in flight to one endpoint; what comes on top stands in a [line](LONGEST_LINE). `None` sets no bound.
    /// Tunnels and event streams are not among them: they mostly wait, and `server.max_connections` bounds them.
    pub concurrency: Option<NonZeroU32>,
}

impl Default for UpstreamSettings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_mins(1),
            pool_idle: POOL_IDLE,
            pool_size: POOL_SIZE,
            concurrency: None,
        }
    }
}
