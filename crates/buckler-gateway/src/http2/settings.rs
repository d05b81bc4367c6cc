//! What the codec is held to, and the names of its codes.

use h2::server::Builder;

/// What a client may have under way on one connection: RFC 9113 §5.1.2 asks for no fewer than 100.
pub(crate) const MAX_CONCURRENT_STREAMS: u32 = 100;

/// What a client may send on one stream before it is read: an upload of a megabyte a second over 125 ms.
const STREAM_WINDOW: u32 = 128 * 1024;

/// What it may send on all of them: two uploads at full speed, and the most that one connection holds of bodies
/// that nobody reads.
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// The least that a receiver must take (RFC 9113 §4.2); larger frames only make others wait.
const MAX_FRAME: u32 = 16 * 1024;

/// What is taken from the app for a stream and not on the wire yet, at most.
const SEND_BUFFER: usize = 64 * 1024;

/// Requests that the client took back before they were looked at.
const RESETS_BEFORE_ACCEPT: usize = 20;

/// Malformed requests on a connection before it is given up: who errs so often errs on purpose.
const MALFORMED_REQUESTS: usize = 20;

/// What the codec counts for each field beside its name and value (RFC 9113 §6.5.2).
const FIELD_OVERHEAD: u32 = 32;

/// The settings of all connections.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    header_list: u32,
    streams: u32,
}

impl Settings {
    /// For heads of so many bytes and fields; both lie above what the policy takes, so that it is the engine who
    /// refuses.
    pub(crate) fn new(max_head: usize, max_fields: usize, streams: u32) -> Self {
        let bytes = u32::try_from(max_head).unwrap_or(u32::MAX);
        let overhead = u32::try_from(max_fields).unwrap_or(u32::MAX).saturating_mul(FIELD_OVERHEAD);
        Self { header_list: bytes.saturating_add(overhead), streams }
    }

    /// The longest list of header fields, in bytes.
    pub(crate) fn header_list(&self) -> usize {
        usize::try_from(self.header_list).unwrap_or(usize::MAX)
    }

    pub(crate) fn codec(&self) -> Builder {
        let mut codec = Builder::new();
        codec
            .max_concurrent_streams(self.streams)
            .max_header_list_size(self.header_list)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(MAX_FRAME)
            .max_send_buffer_size(SEND_BUFFER)
            .max_pending_accept_reset_streams(RESETS_BEFORE_ACCEPT)
            .max_local_error_reset_streams(Some(MALFORMED_REQUESTS));
        codec
    }
}

/// Whether an error code says that the client did something wrong (RFC 9113 §7).
pub(crate) const fn blames_client(code: u32) -> bool {
    matches!(code, 0x1 | 0x3..=0x6 | 0x9 | 0xb | 0xc)
}

/// The name of an error code (RFC 9113 §7).
pub(crate) const fn name(code: u32) -> &'static str {
    match code {
        0x0 => "NO_ERROR",
        0x1 => "PROTOCOL_ERROR",
        0x2 => "INTERNAL_ERROR",
        0x3 => "FLOW_CONTROL_ERROR",
        0x4 => "SETTINGS_TIMEOUT",
        0x5 => "STREAM_CLOSED",
        0x6 => "FRAME_SIZE_ERROR",
        0x7 => "REFUSED_STREAM",
        0x8 => "CANCEL",
        0x9 => "COMPRESSION_ERROR",
        0xa => "CONNECT_ERROR",
        0xb => "ENHANCE_YOUR_CALM",
        0xc => "INADEQUATE_SECURITY",
        0xd => "HTTP_1_1_REQUIRED",
        _ => "an unknown code",
    }
}
