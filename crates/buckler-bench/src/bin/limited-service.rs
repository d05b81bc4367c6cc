//! `limited-service none|buckler|governor LISTEN STORE`: one axum service that answers `hello`, behind a limit of 100 a
//! day for each client, as our layer counts it in the file STORE, or `tower_governor` in its process.
//!
//! `bench/limits_tower.py` runs several of them, and asks how many requests they admit together, and how fast.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, serve};
use buckler_engine::Engine;
use buckler_http::connection::{Connection, Peer, Scheme};
use buckler_policy::{Host, Sources};
use buckler_store::embedded::{Keep, Region, RegionSettings};
use buckler_tower::{BucklerLayer, Settings};
use tokio::net::TcpListener;
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;

type BoxError = Box<dyn Error + Send + Sync>;

/// The limit, as both are told it: a hundred at once, and as many a day, so that none comes back while it is measured.
const POLICY: &str = "environment = \"development\"\n[server]\nhosts = [\"127.0.0.1\"]\n[server.tls]\nmode = \"off\"\n\
                      [limits]\ndefault = [\"100/24h per ip\"]\n";
const COUNT: u32 = 100;
const INTERVAL: Duration = Duration::from_secs(864);

/// Keys of the store, far more than there are clients.
const KEYS: u64 = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, listen, store] = arguments.as_slice() else {
        return Err("usage: limited-service none|buckler|governor LISTEN STORE".into());
    };
    let listener = TcpListener::bind(listen).await?;
    let app = Router::new().route("/{*path}", get(|| async { "hello" }));
    let app = match mode.as_str() {
        "none" => app,
        "buckler" => {
            let policy = Sources::new(Host::InProcess).file("bench.toml", POLICY).load()?.policy;
            let settings = RegionSettings { path: store.into(), keys: KEYS, keep: Keep::WhileUsed };
            let counters = Arc::new(Region::open(&settings)?);
            let layer = BucklerLayer::with(Engine::new(&policy), Settings { counters, ..Settings::default() });
            app.layer(layer).layer(from_fn(connected))
        }
        "governor" => {
            let config = GovernorConfigBuilder::default().period(INTERVAL).burst_size(COUNT).finish();
            app.layer(GovernorLayer::new(Arc::new(config.ok_or("no such limit")?)))
        }
        other => return Err(format!("`{other}` is nothing to be measured").into()),
    };
    serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

/// Tells the layer who is connected.
async fn connected(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Connection { peer: Peer::Ip(peer), scheme: Scheme::Http });
    next.run(request).await
}
