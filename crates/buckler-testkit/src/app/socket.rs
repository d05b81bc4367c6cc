//! The app at the end of a socket: it writes down the bytes that it received before anything reads them.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Ledger;
use crate::case::AppScript;
use crate::message::{Framing, Received, framing, split_head, unframe};

/// The scripted app, listening.
#[derive(Debug)]
pub struct SocketApp {
    address: SocketAddr,
    ledger: Ledger,
    tasks: JoinSet<()>,
}

impl SocketApp {
    /// Listens on a free port of the loopback address.
    ///
    /// # Errors
    /// None is to be had.
    pub async fn start(script: AppScript) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let ledger = Ledger::default();
        let mut tasks = JoinSet::new();
        let written = ledger.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, ledger) = (script.clone(), written.clone());
                connections.spawn(async move {
                    // A broken connection is what some cases are about.
                    let _broken = serve(stream, &script, &ledger).await;
                });
            }
        });
        Ok(Self { address, ledger, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it received.
    pub fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }

    /// Ends it and its connections.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn serve(mut stream: TcpStream, script: &AppScript, ledger: &Ledger) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let Some((head, mut rest)) = read_head(&mut stream, bytes).await? else { return Ok(()) };
        let Some((start, lines)) = split_head(&head) else {
            ledger.write(Received {
                start: String::from_utf8_lossy(&head).into_owned(),
                lines: Vec::new(),
                body: rest,
                ended: false,
            });
            return Ok(());
        };
        // A request without a length has no body (RFC 9112 §6.3).
        let framing = match framing(&lines) {
            Some(Framing::Close) | None => Framing::Length(0),
            Some(framing) => framing,
        };
        let (mut body, mut ended) = unframe(framing, &rest);
        while !ended {
            if stream.read_buf(&mut rest).await? == 0 {
                break;
            }
            (body, ended) = unframe(framing, &rest);
        }
        let start = String::from_utf8_lossy(start).into_owned();
        let is_head = start.starts_with("HEAD ");
        // The version is always this one; anything else stays in sight.
        let start = start.strip_suffix(" HTTP/1.1").unwrap_or(&start).to_owned();
        ledger.write(Received { start, lines, body, ended });
        if !ended || !write(&mut stream, script, is_head).await? {
            return Ok(());
        }
        bytes = Vec::new();
    }
}

/// A head and what came with it; `None` at the end.
async fn read_head(stream: &mut TcpStream, mut bytes: Vec<u8>) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok(Some((bytes, rest)));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// Whether the connection goes on.
async fn write(stream: &mut TcpStream, script: &AppScript, is_head: bool) -> io::Result<bool> {
    let (status, lines, body, chunked) = match script {
        AppScript::Fails => return Ok(false),
        AppScript::Verbatim(bytes) => {
            stream.write_all(bytes).await?;
            return Ok(false);
        }
        AppScript::Answers { status, lines, body, chunked } => (*status, lines, body, *chunked),
    };
    let mut answer = format!("HTTP/1.1 {status} .\r\n").into_bytes();
    for (name, value) in lines {
        answer.extend_from_slice(name.as_bytes());
        answer.extend_from_slice(b": ");
        answer.extend_from_slice(value);
        answer.extend_from_slice(b"\r\n");
    }
    let bodiless = is_head || matches!(status, 204 | 304);
    if chunked {
        answer.extend_from_slice(b"transfer-encoding: chunked\r\n");
    } else if !matches!(status, 204 | 304) && !lines.iter().any(|(name, _)| name == "content-length") {
        answer.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    answer.extend_from_slice(b"\r\n");
    if bodiless {
        stream.write_all(&answer).await?;
    } else if chunked {
        for piece in body.chunks(body.len().div_ceil(2).max(1)) {
            answer.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            answer.extend_from_slice(piece);
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(b"0\r\n\r\n");
        stream.write_all(&answer).await?;
    } else {
        answer.extend_from_slice(body);
        stream.write_all(&answer).await?;
    }
    Ok(true)
}
