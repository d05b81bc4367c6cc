//! Closing so that the answer arrives.
//!
//! Closing a TCP socket in which unread bytes wait makes the kernel reset the connection, and a reset throws away
//! what the client has not read yet: an upload refused with 413 would look like a broken server. So the sending
//! half is closed first, and what the client still sends is read and thrown away for a bounded while
//! (RFC 9112 §9.6).

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::stream::Stream;

/// How long what a refused client still sends is thrown away: a round trip round the world and a retransmission.
pub const LINGER: Duration = Duration::from_secs(2);

/// How much of it: what a fast client has under way in that time, and no free bandwidth for the others.
pub const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// Bytes thrown away at a time.
const SCRAP: usize = 8 * 1024;

/// Ends the connection politely. With `drain` the client may still be sending.
pub(crate) async fn close(mut stream: Stream, drain: bool) {
    // An error here means that the other side closed first, and then there is nothing left to do.
    let polite = timeout(LINGER, async {
        stream.shutdown().await?;
        if drain {
            let mut scrap = vec![0_u8; SCRAP];
            let mut left = LINGER_BYTES;
            while left > 0 {
                match stream.read(&mut scrap).await? {
                    0 => break,
                    read => left = left.saturating_sub(read),
                }
            }
        }
        std::io::Result::Ok(())
    });
    let _closed_anyway = polite.await;
}
