//! What a connection was flooded with.

use super::scanner;

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Flood {
    /// Requests taken back before they were answered.
    #[error("flood of RST_STREAM frames: requests taken back (rapid reset)")]
    Resets,
    /// Changes of settings.
    #[error("flood of SETTINGS frames")]
    Settings,
    /// Pings.
    #[error("flood of PING frames")]
    Pings,
    /// Priorities, which nobody heeds any more.
    #[error("flood of PRIORITY frames")]
    Priorities,
    /// Windows opened by next to nothing.
    #[error("flood of WINDOW_UPDATE frames")]
    WindowUpdates,
    /// Data without any.
    #[error("flood of empty DATA frames")]
    EmptyData,
    /// Header fields in crumbs.
    #[error("flood of CONTINUATION frames")]
    Continuations,
    /// A block of header fields without an end in sight.
    #[error("flood of header fields: a block longer than this service takes")]
    HeaderBlock,
    /// Frames of other kinds.
    #[error("flood of frames of no use")]
    Others,
}

impl Flood {
    /// Every flood.
    pub const ALL: &'static [Self] = &[
        Self::Resets,
        Self::Settings,
        Self::Pings,
        Self::Priorities,
        Self::WindowUpdates,
        Self::EmptyData,
        Self::Continuations,
        Self::HeaderBlock,
        Self::Others,
    ];

    pub(super) const fn of(kind: u8) -> Self {
        match kind {
            scanner::RST_STREAM => Self::Resets,
            scanner::SETTINGS => Self::Settings,
            scanner::PING => Self::Pings,
            scanner::PRIORITY => Self::Priorities,
            scanner::WINDOW_UPDATE => Self::WindowUpdates,
            scanner::DATA => Self::EmptyData,
            scanner::CONTINUATION => Self::Continuations,
            _ => Self::Others,
        }
    }
}
