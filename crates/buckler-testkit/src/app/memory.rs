//! The app as a service in memory.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use buckler_tower::BoxError;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tower::Service;

use super::Ledger;
use crate::case::AppScript;
use crate::message::Received;

/// A body in pieces.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    left: VecDeque<Bytes>,
    sized: bool,
}

impl Pieces {
    /// These pieces, one frame each. `sized` tells the length beforehand.
    pub fn new(pieces: &[Vec<u8>], sized: bool) -> Self {
        Self { left: pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect(), sized }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.left.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.sized && self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.sized { SizeHint::with_exact(self.left.iter().map(|p| p.len() as u64).sum()) } else { SizeHint::new() }
    }
}

/// The scripted app.
#[derive(Debug, Clone)]
pub struct MemoryApp {
    script: AppScript,
    ledger: Ledger,
}

impl MemoryApp {
    /// An app that does what the script says.
    pub fn new(script: AppScript) -> Self {
        Self { script, ledger: Ledger::default() }
    }

    /// What it received.
    pub fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }
}

impl<B> Service<Request<B>> for MemoryApp
where
    B: Body<Data = Bytes, Error = BoxError> + Send + 'static,
{
    type Response = Response<Pieces>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Pieces>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { script, ledger } = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let lines = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
            let mut received = Received {
                start: format!("{} {}", parts.method, parts.uri),
                lines: lines.collect(),
                body: Vec::new(),
                ended: false,
            };
            let mut body = Box::pin(body);
            let failed = loop {
                match body.frame().await {
                    None => break None,
                    Some(Err(error)) => break Some(error),
                    Some(Ok(frame)) => received.body.extend(frame.into_data().unwrap_or_default()),
                }
            };
            received.ended = failed.is_none();
            ledger.write(received);
            match failed {
                Some(error) => Err(error),
                None => answer(&script),
            }
        })
    }
}

fn answer(script: &AppScript) -> Result<Response<Pieces>, BoxError> {
    let AppScript::Answers { status, lines, body, chunked } = script else {
        return Err("the app fails".into());
    };
    let status = StatusCode::from_u16(*status)?;
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let half = body.len().div_ceil(2).max(1);
    let pieces: Vec<Vec<u8>> =
        body.chunks(if *chunked { half } else { body.len().max(1) }).map(<[u8]>::to_vec).collect();
    let mut response = Response::new(Pieces::new(&pieces, !chunked));
    *response.status_mut() = status;
    for (name, value) in lines {
        response.headers_mut().append(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_bytes(value)?);
    }
    if !chunked && !bodiless && !response.headers().contains_key(http::header::CONTENT_LENGTH) {
        response.headers_mut().insert(http::header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    Ok(response)
}
