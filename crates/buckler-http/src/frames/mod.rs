//! HTTP/2 frames counted, not decoded (RFC 9113 §4).
//!
//! A codec bounds what frames may cost in memory. What it does not bound is work: a connection can be kept busy
//! with frames that ask for nothing (`PING`, `SETTINGS`, `PRIORITY`), or with requests that are taken back before
//! they are answered, for as long as its bytes last. So the frame headers are looked at as they pass, nine bytes
//! each, and nothing else is; what they mean is the codec's to say.
//!
//! Rules, in order:
//! 1. Every frame that moves no data costs something ([`Cost`](allowance)); the cheaper it is to send in relation
//!    to what it makes us do, the more. Answers that we send earn it back, and so does time.
//! 2. Who has spent more than it had is flooding, and the frame that was too much gives it its name.
//! 3. A block of header fields has a length that it may not pass, however many frames it is spread over.
//!
//! The bounds are far above what browsers, load generators and gRPC need, and far below what hurts.

mod allowance;
mod flood;
mod inbound;
mod outbound;
mod scanner;

#[cfg(test)]
mod tests;

pub use allowance::{BURST, REFILL_PER_SECOND};
pub use flood::Flood;
pub use inbound::Inbound;
pub use outbound::{Outbound, Sent};
