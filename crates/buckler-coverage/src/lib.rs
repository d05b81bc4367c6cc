//! What protects each route of an app, and what nothing protects.
//!
//! ```text
//! RouteTable   what the app's own process tells of its routes ─┐
//! documents    its OpenAPI documents                          ─┼─► Coverage::of ─► rows, findings, what is silenced
//! Policy       what is enforced in front of it                ─┘
//! ```
//!
//! Nothing is guessed about matching: rows are the routes that the app itself names. Where something can only be
//! judged by a name, the cell says so; where nothing can be read, it says `left to the app`.
//!
//! | module | holds |
//! |---|---|
//! | [`table`] | what the Python side tells |
//! | `document` | what an `OpenAPI` document says of an operation's bounds and answers |
//! | `words` | which names mean administration, signing in, a check, a secret |
//! | `cells` | the five columns |
//! | `rules` | from a route to findings |
//! | [`Coverage`] | all of it together, without what is silenced |

mod cells;
mod coverage;
mod document;
mod rules;
pub mod table;
mod words;

pub use cells::{By, Cell, Cells};
pub use coverage::{Coverage, Finding, Idle, Row, Silenced, Summary};
pub use document::{Answers, Asked, Documents};
pub use table::RouteTable;
