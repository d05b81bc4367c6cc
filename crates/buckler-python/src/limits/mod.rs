//! Limits that an app has written itself: `buckler.fastapi.limit`.
//!
//! They are counted where those of the policy are. A request that is one too many is refused by the app, by an exception;
//! its answer says so in a field of ours, by which whichever host the answer passes knows it for a refusal.
//!
//! | module | holds |
//! |---|---|
//! | `limit` | one of them, read |
//! | `counting` | the store, and what of a policy says how it is asked |
//! | `standing` | what came of it, as the app is told; `buckler_engine::Ruling` decides |

mod counting;
mod limit;
mod standing;

pub(crate) use counting::{Counting, Store};
pub(crate) use limit::Limit;
pub(crate) use standing::Standing;
