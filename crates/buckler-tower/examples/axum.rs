//! An axum service behind Buckler.
//!
//! ```text
//! cargo run -p buckler-tower --example axum
//! curl -i http://127.0.0.1:3000/products/7                       # 200, with security header fields
//! curl -i http://127.0.0.1:3000/products/7 -H 'Host: evil.test'  # 400 host_not_allowed
//! curl -i http://127.0.0.1:3000/products/%2e%2e                  # 400 malformed_request
//! curl -i http://127.0.0.1:3000/products --json '{"a":1,"a":2}'  # 422 contract_violation
//! ```

use std::error::Error;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use buckler_engine::Engine;
use buckler_http::connection::{Connection, Peer, Scheme};
use buckler_policy::{Host, Sources};
use buckler_tower::BucklerLayer;
use tower::ServiceBuilder;

const POLICY: &str = r#"
environment = "development"
[server]
hosts = ["localhost", "127.0.0.1"]
[server.tls]
mode = "off"
"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let policy = Sources::new(Host::InProcess).file("buckler.toml", POLICY).load()?.policy;
    let buckler = BucklerLayer::new(Engine::new(&policy));
    let app = Router::new()
        .route("/products/{id}", get(async |Path(id): Path<u32>| Json(id)))
        .route("/products", post(async |Json(product): Json<serde_json::Value>| Json(product)))
        .layer(ServiceBuilder::new().layer(from_fn(tell_the_peer)).layer(buckler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

/// The engine judges by the peer's address; axum keeps it under a type of its own.
async fn tell_the_peer(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Connection { peer: Peer::Ip(peer), scheme: Scheme::Http });
    next.run(request).await
}
