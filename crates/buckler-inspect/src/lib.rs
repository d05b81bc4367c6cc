//! Incremental inspectors for request bodies: bytes in, verdicts out, no buffering.
//!
//! A body that the application is about to parse is judged here first, while it streams past. An inspector
//! is sans-I/O: the caller hands it chunks as they arrive and stops forwarding at the first fault. It keeps
//! no copy of the body, does no recursion, needs no randomness and no clock, and its verdict depends on the
//! bytes alone, never on how the network cut them into chunks.
//!
//! Two things are wanted of every inspector:
//!
//! - **Agreement.** What it lets through means the same to every conforming parser behind it. Input that two
//!   parsers read differently (a member named twice, half of a surrogate pair, a byte order mark) is refused,
//!   because whoever checked one reading may not be the one who acts on it.
//! - **Cost in proportion.** Time is linear in the body, up to the logarithmic factor that its docs name, and
//!   memory has a bound that its docs state, whatever the sender chooses to send.
//!
//! # Inspectors
//!
//! [`json`]: a JSON text under RFC 8259, narrowed by I-JSON (RFC 7493), within limits for depth, members and
//! strings. [`json::JsonEditor`] passes one on without the members that its rules take away, and holds back no more than
//! the name that it reads.
//!
//! ```
//! use buckler_inspect::json::{JsonFault, JsonLimits, JsonScanner};
//!
//! let mut scanner = JsonScanner::new(JsonLimits::default());
//! scanner.push(br#"{"name": "teapot", "#)?;
//! scanner.push(br#""price": 12.50}"#)?;
//! assert_eq!(scanner.finish()?.keys, 2);
//!
//! // The same member twice, once in disguise: refused where the second name begins.
//! let mut scanner = JsonScanner::new(JsonLimits::default());
//! let verdict = scanner.push(br#"{"role": "user", "\u0072ole": "admin"}"#);
//! assert_eq!(verdict, Err(JsonFault::DuplicateMember { offset: 17 }));
//! # Ok::<(), JsonFault>(())
//! ```

pub mod coding;
pub mod json;

pub use json::{JsonFault, JsonLimits, JsonScanner, JsonSummary};
