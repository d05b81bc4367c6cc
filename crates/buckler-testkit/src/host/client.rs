//! A client that writes bytes and reads bytes.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::message::{Answer, Framing, framing, split_head, unframe};

/// Sends a request as it is and reads one answer, interim ones skipped.
pub(super) async fn exchange<S>(stream: S, request: &[u8], is_head: bool) -> io::Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let write = async {
        // A server that refuses need not read on.
        let _refused = writer.write_all(request).await;
        let _flushed = writer.flush().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = read(&mut reader, is_head) => answer,
        () = write => Err(io::ErrorKind::Other.into()),
    }
}

async fn read(reader: &mut (impl AsyncRead + Unpin), is_head: bool) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if reader.read_buf(&mut bytes).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no answer"));
            }
        };
        let mut rest = bytes.split_off(end);
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "the answer's head is no HTTP");
        let (start, lines) = split_head(&bytes).ok_or_else(broken)?;
        let status = start.get(9..12).and_then(|s| std::str::from_utf8(s).ok()).and_then(|s| s.parse().ok());
        let status: u16 = status.ok_or_else(broken)?;
        if (100..200).contains(&status) && status != 101 {
            bytes = rest;
            continue;
        }
        let framing = match framing(&lines).ok_or_else(broken)? {
            _ if is_head || matches!(status, 204 | 304) => Framing::Length(0),
            framing => framing,
        };
        let (mut body, mut ended) = unframe(framing, &rest);
        while !ended {
            match reader.read_buf(&mut rest).await {
                Ok(0) => {
                    ended = framing == Framing::Close;
                    break;
                }
                Ok(_) => (body, ended) = unframe(framing, &rest),
                Err(_) => break,
            }
        }
        return Ok(Answer { status, lines, body, ended });
    }
}
