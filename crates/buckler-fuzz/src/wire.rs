//! The bytes of a connection.

use std::time::Duration;

use buckler_http::frames::{Inbound, Outbound};
use buckler_http::wire::{Tracker, WireFault};

/// Read at once or byte by byte, a connection has the same requests and the same fault, and what is clean of a
/// refused piece is taken when it is fed alone.
pub fn wire(data: &[u8]) {
    let whole = Tracker::new().feed(data);
    if let Err(refusal) = whole {
        let clean = data.get(..refusal.clean);
        assert!(clean.is_some_and(|clean| Tracker::new().feed(clean) == Ok(refusal.heads)));
    }

    let mut tracker = Tracker::new();
    let mut heads = 0;
    let fault = data.iter().find_map(|byte| match tracker.feed(std::slice::from_ref(byte)) {
        Ok(more) => {
            heads += more;
            None
        }
        Err(refusal) => Some(refusal.fault),
    });
    assert_eq!(whole.err().map(|refusal| refusal.fault), fault);
    // Byte by byte a handshake is out before it is seen that something comes behind it.
    let expected = whole.unwrap_or_else(|refusal| refusal.heads);
    assert_eq!(heads, expected + usize::from(fault == Some(WireFault::AheadOfUpgrade)));
}

/// Read at once or in pieces, HTTP/2 frames cost the same, a head is being read at the same places, and what we
/// send is understood wherever it is cut.
pub fn frames(data: &[u8]) {
    const MAX_BLOCK: usize = 4096;
    let mut whole = Inbound::new(MAX_BLOCK);
    let mut pieces = Inbound::new(MAX_BLOCK);
    let flood = whole.feed(data, Duration::ZERO).err();
    let cut = data.chunks(7).find_map(|piece| pieces.feed(piece, Duration::ZERO).err());
    assert_eq!(flood, cut);
    if flood.is_none() {
        assert_eq!((whole.is_reading_head(), whole.heads()), (pieces.is_reading_head(), pieces.heads()));
    }

    let mut sent = [Vec::new(), Vec::new()];
    Outbound::new().feed(data, |frame| sent[0].push(frame));
    let mut outbound = Outbound::new();
    data.chunks(5).for_each(|piece| outbound.feed(piece, |frame| sent[1].push(frame)));
    assert_eq!(sent[0], sent[1]);
}
