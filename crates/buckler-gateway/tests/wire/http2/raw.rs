//! An HTTP/2 client that says what it likes, frame by frame.

use std::sync::Arc;
use std::time::SystemTime;

use buckler_gateway::GatewaySettings;
use buckler_gateway::tls::{Identity, Tls};
use buckler_gateway::upstream::Endpoints;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Running, gateway};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A gateway with TLS, and what its clients need to trust it.
pub(crate) struct Secure {
    pub(crate) running: Running,
    config: Arc<ClientConfig>,
}

impl Secure {
    pub(crate) async fn new(endpoints: Endpoints, change: impl FnOnce(&mut GatewaySettings)) -> Self {
        let identity = Identity::self_signed(&[], SystemTime::now()).unwrap();
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let running = gateway(endpoints, |settings| {
            settings.listen[0].tls = Some(Tls::new(&identity));
            change(settings);
        })
        .await;
        Self { running, config: Arc::new(config) }
    }

    pub(crate) async fn dial(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(self.running.address).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::clone(&self.config)).connect(name, tcp).await
    }

    pub(crate) async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = self.dial().await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        stream
    }

    /// A connection whose settings have been exchanged.
    pub(crate) async fn raw(&self) -> Raw {
        self.raw_with(&[]).await
    }

    pub(crate) async fn raw_with(&self, settings: &[(u16, u32)]) -> Raw {
        let mut raw = Raw { stream: self.connect().await, buffer: Vec::new() };
        let payload: Vec<u8> =
            settings.iter().flat_map(|(id, value)| id.to_be_bytes().into_iter().chain(value.to_be_bytes())).collect();
        raw.bytes(PREFACE).await;
        raw.send(SETTINGS, 0, 0, &payload).await;
        raw.send(SETTINGS, ACK, 0, &[]).await;
        raw
    }

    /// A well-behaved client, and the task that drives its connection.
    pub(crate) async fn client(&self) -> h2::client::SendRequest<bytes::Bytes> {
        let (client, connection) = h2::client::handshake(self.connect().await).await.unwrap();
        tokio::spawn(connection);
        client.ready().await.unwrap()
    }
}

/// A frame as it came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Raw {
    pub(crate) stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Raw {
    /// Writes; a connection that is gone takes it as well as any other.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        let _gone = self.stream.write_all(bytes).await;
        let _gone = self.stream.flush().await;
    }

    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.bytes(&frame(kind, flags, stream, payload)).await;
    }

    /// A request without a body, with these fields.
    pub(crate) async fn get(&mut self, stream: u32, fields: &[(&str, &str)]) {
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &block(fields)).await;
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.whole() {
                return Some(frame);
            }
            let mut chunk = vec![0; 16 * 1024];
            match self.stream.read(&mut chunk).await {
                Ok(read @ 1..) => self.buffer.extend_from_slice(&chunk[..read]),
                Ok(0) | Err(_) => return None,
            }
        }
    }

    fn whole(&mut self) -> Option<Frame> {
        let header = self.buffer.get(..9)?;
        let length = usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
        let kind = header[3];
        let stream = u32::from_be_bytes([header[5] & 0x7f, header[6], header[7], header[8]]);
        let payload = self.buffer.get(9..9 + length)?.to_vec();
        self.buffer.drain(..9 + length);
        Some(Frame { kind, stream, payload })
    }

    /// The next frame of one of these kinds; `None` at the end of the connection.
    pub(crate) async fn wait_for(&mut self, kinds: &[u8]) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if kinds.contains(&frame.kind) {
                return Some(frame);
            }
        }
    }

    /// How the stream ended: its status, or the code it was reset with. The connection's end is `None`.
    pub(crate) async fn outcome(&mut self, stream: u32) -> Option<Outcome> {
        loop {
            let frame = self.wait_for(&[HEADERS, RST_STREAM, GOAWAY]).await?;
            match frame.kind {
                GOAWAY => return Some(Outcome::GoAway(code(&frame.payload[4..]))),
                _ if frame.stream != stream => {}
                RST_STREAM => return Some(Outcome::Reset(code(&frame.payload))),
                _ => return Some(Outcome::Status(status(&frame.payload))),
            }
        }
    }

    /// Reads to the end; the code of the last `GOAWAY` on the way.
    pub(crate) async fn end(&mut self) -> Option<u32> {
        let mut last = None;
        while let Some(frame) = self.next().await {
            if frame.kind == GOAWAY {
                last = Some(code(&frame.payload[4..]));
            }
        }
        last
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Status(u16),
    Reset(u32),
    GoAway(u32),
}

fn code(payload: &[u8]) -> u32 {
    u32::from_be_bytes([payload[0], payload[1], payload[2], payload[3]])
}

/// The `:status` that begins a block: from the static table, or a literal with the table's name (RFC 7541).
fn status(block: &[u8]) -> u16 {
    let mut block = block;
    // Updates of the table's size stand in front.
    while block[0] & 0xe0 == 0x20 {
        block = &block[1..];
    }
    match block[0] {
        0x88 => 200,
        0x89 => 204,
        0x8a => 206,
        0x8b => 304,
        0x8c => 400,
        0x8d => 404,
        0x8e => 500,
        // Huffman-coded digits: 0, 1, 2 have five bits (0, 1, 2), the others six (25 = 3 … 31 = 9).
        _ => {
            let bytes = &block[2..2 + usize::from(block[1] & 0x7f)];
            if block[1] & 0x80 == 0 {
                return std::str::from_utf8(bytes).unwrap().parse().unwrap();
            }
            let mut bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| u16::from(byte >> at & 1)));
            let mut digit = || {
                let five = (0..5).fold(0, |sum, _| sum << 1 | bits.next().unwrap());
                if five < 3 { five } else { (five << 1 | bits.next().unwrap()) - 22 }
            };
            (0..3).fold(0, |sum, _| sum * 10 + digit())
        }
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Header fields as literals that no table keeps (RFC 7541 §6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            let length = text.len();
            if length < 127 {
                block.push(u8::try_from(length).unwrap());
            } else {
                block.push(127);
                let mut rest = length - 127;
                while rest >= 128 {
                    block.push(u8::try_from(rest % 128).unwrap() | 128);
                    rest /= 128;
                }
                block.push(u8::try_from(rest).unwrap());
            }
            block.extend(text.as_bytes());
        }
    }
    block
}

pub(crate) const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "localhost")];

/// The usual pseudo-header fields, these instead of or beside them, and further ones.
pub(crate) fn with<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let (pseudo, others): (Vec<_>, Vec<_>) = fields.iter().copied().partition(|(name, _)| name.starts_with(':'));
    let mut all: Vec<(&str, &str)> =
        GET.into_iter().filter(|(name, _)| !pseudo.iter().any(|(other, _)| other == name)).collect();
    all.extend(pseudo);
    all.extend(others);
    all
}
