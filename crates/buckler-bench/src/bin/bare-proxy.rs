//! `bare-proxy LISTEN UPSTREAM`: what hyper costs as a proxy that decides nothing. One connection to the
//! upstream for each of a client, heads and bodies passed on as they are.

use std::error::Error;

use http::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(upstream)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bare-proxy LISTEN UPSTREAM".into());
    };
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let upstream = upstream.clone();
        tokio::spawn(async move {
            let _closed = serve(stream, &upstream).await;
        });
    }
}

async fn serve(stream: TcpStream, upstream: &str) -> Result<(), BoxError> {
    let upstream = TcpStream::connect(upstream).await?;
    upstream.set_nodelay(true)?;
    let (sender, connection) = client::handshake(TokioIo::new(upstream)).await?;
    tokio::spawn(connection);
    let sender = Mutex::new(sender);
    let pass_on = service_fn(|request: Request<Incoming>| async {
        let mut sender = sender.lock().await;
        sender.ready().await?;
        sender.send_request(request).await
    });
    server::Builder::new().serve_connection(TokioIo::new(stream), pass_on).await?;
    Ok(())
}
