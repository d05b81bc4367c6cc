//! What the tests share: literate cases, what records them, and the hosts that they run through.
//!
//! ```text
//! cases/*.md ──► case::load ──► Case ──┬─► host::Tower   (in memory) ──┬─► Observed ──► judge::compare ──► complaints
//!                                      └─► host::Gateway (a socket)  ──┘        └─────► monitor::compare
//! ```
//!
//! A case is prose, a policy, a request, and what has to come of it: the verdict, the answer, and what the app
//! received. The format is described in `cases/README.md`; the reader refuses what it does not understand, so
//! that no case is dropped in silence.
//!
//! | module | holds |
//! |---|---|
//! | [`case`] | the format and its reader |
//! | [`message`] | HTTP messages as lines and bytes |
//! | [`app`] | the app behind the service: scripted answers, and a record of what it received |
//! | [`host`] | the ways to run a case |
//! | [`judge`] | expected against observed |
//! | [`monitor`] | the enforcing run against the monitoring one |
//! | [`threats`] | the table of `THREATS.md` |

pub mod app;
pub mod case;
pub mod host;
pub mod judge;
pub mod message;
pub mod monitor;
pub mod threats;
