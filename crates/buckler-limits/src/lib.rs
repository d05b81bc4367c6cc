//! Rate limits and quotas: how they are written, how they are counted, and what is asked of whoever keeps the counts.
//!
//! Nothing here keeps anything. A store holds one word of [`State`] for each key; [`Allowance::charge`] says what
//! becomes of it. So every store counts by the same arithmetic, and a test needs neither a clock nor a store.
//!
//! ```text
//! "5/minute per ip" ──► Limit ──► Check { subject, allowance, cost } ─┐
//!                                 Check …                            ─┴► Batch ──► store ──► Answers
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`language`] | `"100/hour burst 20 per ip+route"`, read and written |
//! | [`rate`] | GCRA: a rate and its burst |
//! | [`quota`] | so many in a day or a month of UTC |
//! | [`state`] | the one word that is kept of a key, and what it says of itself |
//! | [`subject`] | whose count it is, before a store hashes it |
//! | [`batch`] | all that one request asks, and the answers |
//!
//! ```
//! use buckler_limits::{Limit, Moment, State, Verdict};
//!
//! let limit: Limit = "2/minute per ip".parse()?;
//! let now = Moment(1_750_000_000_000_000);
//! let mut state = State::EMPTY;
//! for expected in [Verdict::Allowed, Verdict::Allowed, Verdict::Refused] {
//!     let charged = limit.allowance.charge(state, now, 1);
//!     assert_eq!(charged.standing.verdict, expected);
//!     state = charged.state;
//! }
//! # Ok::<(), buckler_limits::LimitError>(())
//! ```

pub mod batch;
pub mod language;
pub mod quota;
pub mod rate;
pub mod state;
pub mod subject;

pub use batch::{Answer, Answers, Batch, Check, StoreDown, UnknownStoreDown};
pub use language::{Dimension, Limit, LimitError};
pub use quota::{Quota, Window};
pub use rate::Rate;
pub use state::{Allowance, Charged, Moment, Standing, State, Verdict, whole_seconds};
pub use subject::{LimitId, Subject};
