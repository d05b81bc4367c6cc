//! The engine as a tower layer: the host for Rust services, and the one that the gateway stands on.
//!
//! ```text
//! Request ─► collect head ─► Engine::open ─► counted ─┬─► Answer ───────────────────────────► Response
//!                                                     └─► Admit ─► edit ─► inner service ─► plan ─► Response
//!                                                         │ RequestBody               │ AnswerBody
//!                                                         └ judged piece by piece     └ counted, recorded at its end
//! ```
//!
//! # Rules
//! 1. The peer and its scheme are read from a [`Connection`](buckler_http::connection::Connection) in the
//!    request's extensions; without one the peer is nobody in particular, over plain HTTP.
//! 2. JSON bodies are kept until they have passed, so the inner service never sees a refused one; all
//!    together they may take [`Settings::held_bytes`]. Any other body streams.
//! 3. A refusal in the middle of a stream breaks the inner service's body and answers the client.
//! 4. Limits are counted in [`Settings::counters`]; where those of several machines are asked, the request waits for the
//!    answer, and nothing else does.
//! 5. An inner service that fails, or panics while it is called, is answered for; see [`Fault`].
//!
//! # Deployment caveat
//! Deadlines are the server's: put them round the connection. Whatever stands between the server and this layer
//! must not change the path, since the judged bytes are the bytes that are passed on.
//!
//! ```
//! use buckler_engine::Engine;
//! use buckler_policy::{Host, Sources};
//! use buckler_tower::BucklerLayer;
//! use http::{Request, Response};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let text = "environment = \"development\"\n[server.tls]\nmode = \"off\"";
//! let policy = Sources::new(Host::Gateway).file("buckler.toml", text).load().unwrap().policy;
//! let app = service_fn(async |_request| Ok::<_, std::convert::Infallible>(Response::new(String::from("hello"))));
//! let service = BucklerLayer::new(Engine::new(&policy)).layer(app);
//!
//! let allowed = Request::get("/").header("host", "localhost").body(String::new()).unwrap();
//! assert_eq!(service.clone().oneshot(allowed).await.unwrap().status(), 200);
//!
//! let refused = Request::get("/").header("host", "evil.example").body(String::new()).unwrap();
//! assert_eq!(service.oneshot(refused).await.unwrap().status(), 400);
//! # }
//! ```

mod answer_body;
mod consult;
mod fault;
mod future;
mod head;
mod held_answer;
mod judge;
mod layer;
mod nonce;
mod observer;
mod request_body;
pub mod room;

pub use answer_body::AnswerBody;
pub use fault::Fault;
pub use future::ResponseFuture;
pub use judge::BodyRefused;
pub use layer::{Admitted, Buckler, BucklerLayer, Settings};
pub use nonce::Nonces;
pub use observer::{Observer, SystemTime, Time};
pub use request_body::RequestBody;

/// Any error that a body or a service may end in.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
