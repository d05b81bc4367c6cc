//! `load ADDR HOST CONNECTIONS REQUESTS [STATUS]`: so many requests in all, over so many connections, each
//! answered before the next. Loopback only, and it stops by itself.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, host, connections, requests, rest @ ..] = arguments.as_slice() else {
        return Err("usage: load ADDR HOST CONNECTIONS REQUESTS [STATUS]".into());
    };
    let address: SocketAddr = address.parse()?;
    if !address.ip().is_loopback() {
        return Err("load goes to loopback only".into());
    }
    let connections: u64 = connections.parse()?;
    let each = requests.parse::<u64>()? / connections.max(1);
    let expected: u16 = rest.first().map_or(Ok(200), |status| status.parse())?;
    let wrong = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..connections {
        tasks.push(tokio::spawn(run(address, host.clone(), each, expected, Arc::clone(&wrong))));
    }
    for task in tasks {
        task.await??;
    }
    let seconds = began.elapsed().as_secs_f64();
    let total = each * connections;
    #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^52")]
    let rate = total as f64 / seconds;
    let wrong = wrong.load(Ordering::Relaxed);
    writeln!(std::io::stdout(), "{{\"requests\":{total},\"wrong\":{wrong},\"per_second\":{rate:.0}}}")?;
    if wrong == 0 { Ok(()) } else { Err("not every answer had the expected status".into()) }
}

async fn run(
    address: SocketAddr,
    host: String,
    requests: u64,
    expected: u16,
    wrong: Arc<AtomicU64>,
) -> Result<(), BoxError> {
    let connect = async || -> Result<http1::SendRequest<Empty<Bytes>>, BoxError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    };
    let mut sender = connect().await?;
    for _ in 0..requests {
        // A refusal may close the connection.
        if sender.ready().await.is_err() {
            sender = connect().await?;
        }
        let request = Request::get("/users/42/orders?page=2")
            .header("host", &host)
            .header("user-agent", "load/1")
            .header("accept", "application/json")
            .header("authorization", "Bearer abcdefghijklmnopqrstuvwxyz0123456789")
            .body(Empty::new())?;
        let response = sender.send_request(request).await?;
        if response.status().as_u16() != expected {
            wrong.fetch_add(1, Ordering::Relaxed);
        }
        response.into_body().collect().await?;
    }
    Ok(())
}
