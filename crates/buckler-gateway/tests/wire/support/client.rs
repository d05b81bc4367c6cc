//! One side of an HTTP/1 connection that writes and reads bytes, and what it read.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// A parsed answer.
#[derive(Debug)]
pub struct Answer {
    pub head: String,
    pub body: Vec<u8>,
    /// The body came to the end that its framing promised.
    pub whole: bool,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{self:?}"))
    }

    pub fn fields(&self, name: &str) -> Vec<&str> {
        fields(&self.head, name)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// The values of a field in a head.
pub fn fields<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": "))
        .filter(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}

/// One side of an HTTP/1 connection, byte by byte.
pub struct Client<S> {
    pub stream: S,
    pub buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    pub async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Reads more; `false` at the end, or a reset.
    pub async fn more(&mut self) -> bool {
        let mut chunk = vec![0; 16 * 1024];
        match self.stream.read(&mut chunk).await {
            Ok(read @ 1..) => {
                self.buffer.extend_from_slice(&chunk[..read]);
                true
            }
            Ok(0) | Err(_) => false,
        }
    }

    /// Everything up to the end.
    pub async fn rest(&mut self) -> String {
        while self.more().await {}
        String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned()
    }

    pub async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.buffer.split_off(end + 4);
                return Some(String::from_utf8(std::mem::replace(&mut self.buffer, rest)).unwrap());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    pub async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.more().await {
                return None;
            }
        }
        let rest = self.buffer.split_off(length);
        Some(std::mem::replace(&mut self.buffer, rest))
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let rest = self.buffer.split_off(end + 2);
                return Some(String::from_utf8(std::mem::replace(&mut self.buffer, rest)).unwrap());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The chunks as they came, framing included, or their content alone.
    async fn chunks(&mut self, decoded: bool) -> Result<Vec<u8>, Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.line().await else { return Err(body) };
            let size = usize::from_str_radix(line.trim().split(';').next().unwrap(), 16).unwrap();
            if !decoded {
                body.extend_from_slice(line.as_bytes());
            }
            if size == 0 {
                loop {
                    let Some(line) = self.line().await else { return Err(body) };
                    body.extend_from_slice(if decoded && line == "\r\n" { b"" } else { line.as_bytes() });
                    if line == "\r\n" {
                        return Ok(body);
                    }
                }
            }
            let Some(chunk) = self.exactly(size + 2).await else {
                body.append(&mut self.buffer);
                return Err(body);
            };
            body.extend_from_slice(if decoded { &chunk[..size] } else { &chunk });
        }
    }

    /// A request as it came, body included; `None` if the connection ends before.
    pub async fn message(&mut self, decoded: bool) -> Option<String> {
        let head = self.head().await?;
        let body = if !fields(&head, "transfer-encoding").is_empty() {
            self.chunks(decoded).await.ok()?
        } else if let Some(length) = fields(&head, "content-length").first() {
            self.exactly(length.parse().unwrap()).await?
        } else {
            Vec::new()
        };
        Some(head + &String::from_utf8_lossy(&body))
    }

    /// An answer to a request of this method.
    pub async fn answer(&mut self, method: &str) -> Answer {
        let Some(head) = self.head().await else {
            return Answer { head: String::new(), body: std::mem::take(&mut self.buffer), whole: false };
        };
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        if method == "HEAD" || matches!(status, 100..=199 | 204 | 304) {
            return Answer { head, body: Vec::new(), whole: true };
        }
        let (body, whole) = if !fields(&head, "transfer-encoding").is_empty() {
            match self.chunks(true).await {
                Ok(body) => (body, true),
                Err(body) => (body, false),
            }
        } else if let Some(length) = fields(&head, "content-length").first() {
            match self.exactly(length.parse().unwrap()).await {
                Some(body) => (body, true),
                None => (std::mem::take(&mut self.buffer), false),
            }
        } else {
            // The end is the close: a reset tells that it is not the real one.
            let whole = loop {
                let mut chunk = vec![0; 16 * 1024];
                match self.stream.read(&mut chunk).await {
                    Ok(0) => break true,
                    Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
                    Err(_) => break false,
                }
            };
            (std::mem::take(&mut self.buffer), whole)
        };
        Answer { head, body, whole }
    }

    /// Whether the other side has closed: nothing more comes.
    pub async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.more().await
    }
}
