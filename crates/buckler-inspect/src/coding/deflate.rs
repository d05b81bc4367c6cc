//! `gzip` (RFC 1952) and `deflate` (RFC 1950).

use std::fmt;
use std::io::Write as _;

use flate2::write::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

use super::{CodingFault, STEP};

/// One gzip member.
pub(super) struct Gzip {
    decoder: Box<GzDecoder<Vec<u8>>>,
}

/// The window, the tables and the buffer of one decoder, and the names that a header may have.
const GZIP_MEMORY: usize = 128 * 1024;

impl Gzip {
    pub(super) fn new() -> Self {
        Self { decoder: Box::new(GzDecoder::new(Vec::new())) }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Option<usize>, CodingFault> {
        let mut taken = 0;
        if !input.is_empty() {
            taken = self.decoder.write(input).map_err(|_| CodingFault::Malformed)?;
            // It takes nothing more behind the end of its member.
            if taken == 0 {
                return Err(CodingFault::Trailing);
            }
        }
        if self.decoder.header().is_some() {
            self.decoder.flush().map_err(|_| CodingFault::Malformed)?;
        }
        *out = std::mem::take(self.decoder.get_mut());
        Ok((taken > 0 || !out.is_empty()).then_some(taken))
    }

    pub(super) fn finish(&mut self) -> Result<(), CodingFault> {
        let ended = self.decoder.try_finish();
        ended.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => CodingFault::Truncated,
            _ => CodingFault::Malformed,
        })
    }

    pub(super) const fn memory() -> usize {
        GZIP_MEMORY
    }
}

impl fmt::Debug for Gzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gzip").finish_non_exhaustive()
    }
}

/// One zlib stream.
#[derive(Debug)]
pub(super) struct Zlib {
    decoder: Decompress,
    ended: bool,
    /// The first bytes, to see whether they are a raw stream as well.
    first: Vec<u8>,
}

/// The window and the tables of one decoder.
const ZLIB_MEMORY: usize = 48 * 1024;

impl Zlib {
    pub(super) fn new() -> Self {
        Self { decoder: Decompress::new(true), ended: false, first: Vec::with_capacity(RAW_HEADER) }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Option<usize>, CodingFault> {
        if self.ended {
            return if input.is_empty() { Ok(None) } else { Err(CodingFault::Trailing) };
        }
        if let Some(missing) = RAW_HEADER.checked_sub(self.first.len()).filter(|missing| *missing > 0) {
            self.first.extend(input.iter().take(missing));
            if is_stored_block(&self.first) {
                return Err(CodingFault::TwoReadings);
            }
        }
        out.reserve(STEP);
        let before = self.decoder.total_in();
        let status = self.decoder.decompress_vec(input, out, FlushDecompress::None);
        self.ended = status.map_err(|_| CodingFault::Malformed)? == Status::StreamEnd;
        let taken = usize::try_from(self.decoder.total_in() - before).unwrap_or(input.len());
        Ok((taken > 0 || !out.is_empty()).then_some(taken))
    }

    pub(super) fn finish(&self) -> Result<(), CodingFault> {
        if self.ended { Ok(()) } else { Err(CodingFault::Truncated) }
    }

    pub(super) const fn memory() -> usize {
        ZLIB_MEMORY
    }
}

/// A raw stream that begins with a stored block, and the first byte that it stores.
const RAW_HEADER: usize = 6;

/// Whether the header of a zlib stream is, to a decoder of raw streams, that of a stored block (RFC 1951 §3.2.4) whose
/// content begins as JSON or another coding does. It nearly is in any case: the method `8` in the low bits says
/// "stored, not the last". A length and its complement behind it by chance are one in 65,536.
fn is_stored_block(first: &[u8]) -> bool {
    let [_, low, high, not_low, not_high, content] = first else { return false };
    let begins = |byte: u8| byte.is_ascii_whitespace() || byte.is_ascii_digit() || b"{[\"-tfn\x1f\x28x".contains(&byte);
    *low == !*not_low && *high == !*not_high && begins(*content)
}
