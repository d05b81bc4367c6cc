//! The bytes of a connection.

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
