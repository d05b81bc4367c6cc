//! The judgement: bytes and facts in; verdicts, edits and records out.
//!
//! No socket, clock, randomness, environment or file is touched here; a host hands in what it knows and does
//! what it is told. One exchange goes like this:
//!
//! ```text
//! Head + Context ──► Engine::open ──► Opening::Answer(Ended)          a refusal, a preflight, a redirect
//!                                ├──► Opening::Consult(Consult)        batch() to a store, its answers to resume()
//!                                └──► Opening::Admit(Admission)
//!                                         │ edits()                   what the app sees
//!                                         ▼ into_parts()
//!                        BodyInspector ◄──┴──► Exchange
//!                         push, finish          │ answer(status, fields)
//!                                               ▼
//!                        AnswerPlan ◄───────► Answering
//!                         remove, add, body     │ close(…)
//!                                               ▼
//!                                             Record
//! ```
//!
//! Each arrow consumes what it starts from: an exchange is answered once, and never ends without a record. An
//! [`Admission`] holds a [`stage::Proof`] of every stage, and only judging makes proofs; so a host that has
//! an admission in its hands has had every check made.
//!
//! | module | holds |
//! |---|---|
//! | [`engine`](Engine) | the stages in their order |
//! | `check` | what each stage decides, one file each; none knows its mode |
//! | `consult` | an exchange that waits for what a store has counted |
//! | `limits` | the limits of the policy, which of them a request counts against, what a store's answers mean, and what clients are told |
//! | `contract` | the app's document, as the policy holds requests to it |
//! | `response` | answers, held to what the document declares and to what may leave |
//! | [`stage`] | names, findings, proofs, and the one place where a mode counts |
//! | [`Reason`] | every reason to refuse, in one table |
//! | [`answer`] | header fields, problem documents, masking |
//! | [`record`] | what is left of an exchange |
//! | [`json`] | how problem documents and lines of the log are written |
//! | [`report`] | what is enforced, monitored and off |
//! | [`explain`] | one request walked through all stages |
//!
//! ```
//! use std::sync::Arc;
//! use buckler_engine::{Context, Engine, Opening, Reason, Timestamp};
//! use buckler_http::{connection::Connection, head::{Head, Version}};
//! use buckler_policy::{Host, Sources};
//!
//! let text = "environment = \"development\"";
//! let policy = Sources::new(Host::Gateway).file("buckler.toml", text).load().unwrap().policy;
//! let engine = Arc::new(Engine::new(&policy));
//! let context = Context { connection: Connection::LOCAL, now: Timestamp(0), nonce: [0; 16] };
//!
//! let mut head = Head::new("GET", b"/../etc/passwd", Version::Http11);
//! head.push(b"host", b"localhost");
//! let Opening::Answer(ended) = engine.open(&head, &context) else { panic!("a dot segment passed") };
//! assert_eq!(ended.reply.status, 308, "a plain request is sent to HTTPS before its path is looked at");
//! ```

mod admission;
pub mod answer;
mod body;
mod check;
mod consult;
mod contract;
mod edited_body;
mod engine;
mod exchange;
pub mod explain;
mod facts;
pub mod json;
mod limits;
mod reason;
pub mod record;
pub mod redact;
pub mod report;
mod response;
mod rules;
pub mod stage;
mod usage;

pub use admission::{Admission, RequestEdits};
pub use answer::{AfterReply, Reply};
pub use body::{BodyInspector, BodyPlan, Judged};
pub use check::client::Clients;
pub use consult::Consult;
pub use contract::faults::{InputFault, Step as InputStep};
pub use edited_body::{EditedBody, EditedField};
pub use engine::{Ended, Engine, Opening};
pub use exchange::{Answering, Ending, Exchange, Traffic};
pub use facts::{Context, RequestId, Timestamp};
pub use limits::fields::Told;
pub use limits::ruling::Ruling;
pub use limits::terms::Terms;
pub use limits::who::{Counted, Who};
pub use reason::{Reason, Severity};
pub use record::Record;
pub use response::judging::Unreadable;
pub use usage::{Requested, Unlisted, Usage};
