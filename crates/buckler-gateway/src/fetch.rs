//! A document with an address, asked for once or again and again.
//!
//! Rules:
//! 1. One connection, one request, [`DEADLINE`] for all of it; TLS as for upstreams, verified by the platform's roots.
//! 2. No redirect is followed: where the document is, the operator says, and nobody who answers in its place.
//! 3. No more is read than was asked for, and nothing under a content coding.
//! 4. What has not changed is not sent again: `ETag` and `Last-Modified` of the answer before go into the question
//!    (RFC 9110 §13.1); and what is sent again byte for byte is no change either.
//! 5. No error holds the address's query, or anything of the answer.

use std::time::Duration;

use buckler_policy::settings::{Document, DocumentUrl, Transport};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::upstream::{self, Address, Authority, ConnectError, RESPONSE_HEAD};

/// For all of it, from the look-up of the name to the last byte. The largest documents have some ten MiB.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "who asks has to deal with both")]
pub enum Fetched {
    /// Another document than before.
    New(Document),
    /// The one of before.
    Unchanged,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The exchange broke down.
    #[error("the answer failed: {0}")]
    Exchange(#[from] hyper::Error),
    /// The address cannot be asked for.
    #[error("the address cannot be asked for: {0}")]
    Address(#[from] http::Error),
    /// It leads elsewhere.
    #[error("the answer is {0}; redirects are not followed: name the address that it leads to")]
    Redirected(StatusCode),
    /// Any other answer than the document.
    #[error("the answer is {0}")]
    Status(StatusCode),
    /// It came compressed, unasked.
    #[error("the answer has a content coding, which was not asked for")]
    Coded,
    /// It is too long.
    #[error("the document has more than {most} bytes")]
    TooLarge {
        /// The bound.
        most: usize,
    },
    /// The body ended before its end.
    #[error("the answer was cut off")]
    CutOff,
    /// It took too long.
    #[error("it took more than {} s", DEADLINE.as_secs())]
    TooLate,
}

/// Asks for one document, and knows the one that it got last.
#[derive(Debug, Clone)]
pub struct Fetcher {
    url: DocumentUrl,
    most: usize,
    last: Option<Last>,
}

/// What was got last, and what tells whether it has changed.
#[derive(Debug, Clone)]
struct Last {
    document: Document,
    etag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
}

impl Fetcher {
    /// For documents of at most so many bytes.
    pub fn new(url: DocumentUrl, most: usize) -> Self {
        Self { url, most, last: None }
    }

    /// Where it asks.
    pub fn url(&self) -> &DocumentUrl {
        &self.url
    }

    /// Asks once.
    ///
    /// # Errors
    /// Why there is no document; what was got last stays what a later one is compared with.
    pub async fn fetch(&mut self) -> Result<Fetched, FetchError> {
        timeout(DEADLINE, self.ask()).await.unwrap_or(Err(FetchError::TooLate))
    }

    async fn ask(&mut self) -> Result<Fetched, FetchError> {
        let authority = Authority { host: self.url.host().to_owned(), port: self.url.port() };
        let address = match self.url.transport() {
            Transport::Tls => Address::Https(authority),
            Transport::Plain => Address::Http(authority),
        };
        let stream = upstream::connect(&address, DEADLINE).await?;
        let (mut sender, connection) = Builder::new()
            .max_header_size(RESPONSE_HEAD)
            .max_buf_size(RESPONSE_HEAD)
            .handshake(TokioIo::new(stream))
            .await?;
        // Ends with this function, whatever the other side does.
        let mut driving = JoinSet::new();
        driving.spawn(connection);
        let response = sender.send_request(self.request()?).await?;
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED && self.last.is_some() {
            return Ok(Fetched::Unchanged);
        }
        if status.is_redirection() {
            return Err(FetchError::Redirected(status));
        }
        if status != StatusCode::OK {
            return Err(FetchError::Status(status));
        }
        self.read(response).await
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, http::Error> {
        let last = self.last.as_ref();
        let mut request = Request::get(self.url.target())
            .header(header::HOST, self.url.authority())
            .header(header::USER_AGENT, "buckler")
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::CONNECTION, "close");
        if let Some(etag) = last.and_then(|last| last.etag.as_ref()) {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        if let Some(modified) = last.and_then(|last| last.modified.as_ref()) {
            request = request.header(header::IF_MODIFIED_SINCE, modified);
        }
        request.body(Empty::new())
    }

    async fn read(&mut self, response: Response<Incoming>) -> Result<Fetched, FetchError> {
        let (head, body) = response.into_parts();
        let coding = head.headers.get(header::CONTENT_ENCODING);
        if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(FetchError::Coded);
        }
        let too_large = || FetchError::TooLarge { most: self.most };
        if usize::try_from(body.size_hint().lower()).map_or(true, |length| length > self.most) {
            return Err(too_large());
        }
        let bytes = match Limited::new(body, self.most).collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
            Err(_) => return Err(FetchError::CutOff),
        };
        let document = Document::new(&*bytes);
        let is_same = self.last.as_ref().is_some_and(|last| last.document == document);
        let field = |name| head.headers.get(name).cloned();
        let (etag, modified) = (field(header::ETAG), field(header::LAST_MODIFIED));
        self.last = Some(Last { document: document.clone(), etag, modified });
        Ok(if is_same { Fetched::Unchanged } else { Fetched::New(document) })
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use buckler_policy::settings::{ContractSource, Policy};
    use buckler_policy::{Host, Sources};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn url(address: SocketAddr) -> DocumentUrl {
        let source = format!("[contract]\nsource = \"http://{address}/o.json?t=CANARY\"");
        let policy: Policy = Sources::new(Host::Gateway)
            .file("t.toml", format!("environment = \"development\"\n{source}"))
            .load()
            .unwrap()
            .policy;
        let Some(ContractSource::Url(url)) = policy.contract.source else { panic!("no address") };
        url
    }

    /// Answers one connection after the other with these bytes, and gives back what was asked.
    async fn server(answers: Vec<String>) -> (SocketAddr, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut question = [0; 4096];
                let read = stream.read(&mut question).await.unwrap();
                asked.push(String::from_utf8_lossy(&question[..read]).into_owned());
                // Who has heard enough hangs up.
                stream.write_all(answer.as_bytes()).await.ok();
            }
            asked
        });
        (address, serving)
    }

    fn answer(status: &str, fields: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
    }

    // R40
    #[tokio::test]
    async fn what_is_no_document_is_an_error_that_tells_no_secret() {
        for (given, told) in [
            (answer("302 Found", "Location: http://169.254.169.254/CANARY\r\n", ""), "redirects are not followed"),
            (answer("304 Not Modified", "", ""), "redirects are not followed"),
            (answer("404 Not Found", "", "CANARY"), "404 Not Found"),
            (answer("206 Partial Content", "", "{}"), "206 Partial Content"),
            (answer("200 OK", "Content-Encoding: gzip\r\n", "{}"), "content coding"),
            (answer("200 OK", "", "12345678901"), "more than 10 bytes"),
            ("HTTP/1.1 200 OK\r\n\r\n12345678901".to_owned(), "more than 10 bytes"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\n".to_owned(), "more than 10 bytes"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}".to_owned(), "cut off"),
            ("SSH-2.0-CANARY\r\n".to_owned(), "the answer failed"),
            (String::new(), "the answer failed"),
            (format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n{{}}", "x".repeat(100_000)), "the answer failed"),
        ] {
            let (address, serving) = server(vec![given.clone()]).await;
            let error = Fetcher::new(url(address), 10).fetch().await.unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("CANARY"), "{error}");
            assert_eq!(serving.await.unwrap().len(), 1);
        }
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = Fetcher::new(url(nobody), 10).fetch().await.unwrap_err().to_string();
        assert!(error.contains("cannot connect") && !error.contains("CANARY"), "{error}");
    }

    // R40
    #[tokio::test(start_paused = true)]
    async fn who_does_not_answer_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let error = Fetcher::new(url(listener.local_addr().unwrap()), 10).fetch().await.unwrap_err();
        assert!(matches!(error, FetchError::TooLate), "{error}");
    }

    // R40
    #[tokio::test]
    async fn what_has_not_changed_is_not_sent_again() {
        let tagged = "ETag: \"1\"\r\nLast-Modified: Sat, 01 Nov 2025 00:00:00 GMT\r\n";
        let (address, serving) = server(vec![
            answer("200 OK", tagged, "{}"),
            answer("304 Not Modified", "", ""),
            answer("503 Service Unavailable", "", ""),
            answer("200 OK", "", "{}"),
            answer("200 OK", "", "[]"),
        ])
        .await;
        let mut fetcher = Fetcher::new(url(address), 10);
        assert_eq!(fetcher.fetch().await.unwrap(), Fetched::New(Document::new(*b"{}")));
        assert_eq!(fetcher.fetch().await.unwrap(), Fetched::Unchanged);
        assert!(matches!(fetcher.fetch().await, Err(FetchError::Status(_))));
        assert_eq!(fetcher.fetch().await.unwrap(), Fetched::Unchanged);
        assert_eq!(fetcher.fetch().await.unwrap(), Fetched::New(Document::new(*b"[]")));
        let asked = serving.await.unwrap();
        assert!(asked[0].starts_with(&format!("GET /o.json?t=CANARY HTTP/1.1\r\nhost: {address}\r\n")), "{}", asked[0]);
        for (question, conditional) in asked.iter().zip([false, true, true, true, false]) {
            let has = |part: &str| question.contains(part);
            assert_eq!((has("if-none-match: \"1\""), has("if-modified-since: Sat,")), (conditional, conditional));
            assert!(!has("authorization") && !has("cookie"));
        }
    }
}
