//! A chunked body (RFC 9112 §7.1).

use super::fault::WireFault;
use super::field::Fields;
use super::scan::{self, skip};

/// Longest size of a chunk, in digits: sixteen are 64 bits.
pub const MAX_SIZE_DIGITS: u8 = 16;

/// Longest extension of one chunk, in bytes. Nobody uses them, but who reads their end elsewhere smuggles with
/// them; the signed uploads of S3, the one known use, need 85.
pub const MAX_EXTENSION: usize = 256;

/// Longest trailers, in bytes: what HTTP/1 parsers take as a rule.
pub const MAX_TRAILERS: usize = 16 * 1024;

#[derive(Debug)]
enum Step {
    Size,
    Extension,
    LineFeed,
    Data,
    DataEnd,
    DataLineFeed,
    Trailers(Fields),
}

#[derive(Debug)]
pub(super) struct Chunks {
    step: Step,
    /// The size that is being read, then the bytes of the chunk that are still to come.
    left: u64,
    digits: u8,
    /// Bytes of the extension, or of the trailers.
    extra: usize,
}

impl Chunks {
    pub(super) const fn new() -> Self {
        Self { step: Step::Size, left: 0, digits: 0, extra: 0 }
    }

    /// Follows the bytes to the end of the body; `true` once it is there, else all of them are taken.
    pub(super) fn advance(&mut self, rest: &mut &[u8]) -> Result<bool, WireFault> {
        while let Some(&byte) = rest.first() {
            match &mut self.step {
                Step::Size => {
                    self.size(byte)?;
                    skip(rest, 1);
                }
                Step::Extension => {
                    let room = MAX_EXTENSION - self.extra;
                    let part = scan::value(rest);
                    skip(rest, part.min(room));
                    self.extra += part.min(room);
                    match rest.first() {
                        None => {}
                        Some(b'\r') if part <= room => {
                            skip(rest, 1);
                            self.step = Step::LineFeed;
                        }
                        Some(b'\n') if part <= room => return Err(WireFault::BareLineFeed),
                        Some(_) => return Err(WireFault::ChunkExtension),
                    }
                }
                Step::LineFeed => {
                    if byte != b'\n' {
                        return Err(WireFault::BareCarriageReturn);
                    }
                    skip(rest, 1);
                    self.extra = 0;
                    self.step = if self.left == 0 { Step::Trailers(Fields::of_trailers()) } else { Step::Data };
                }
                Step::Data => {
                    let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                    skip(rest, here);
                    self.left -= here as u64;
                    if self.left == 0 {
                        self.step = Step::DataEnd;
                    }
                }
                Step::DataEnd if byte == b'\r' => {
                    skip(rest, 1);
                    self.step = Step::DataLineFeed;
                }
                Step::DataLineFeed if byte == b'\n' => {
                    skip(rest, 1);
                    *self = Self::new();
                }
                Step::DataEnd | Step::DataLineFeed => return Err(WireFault::ChunkEnd),
                Step::Trailers(fields) => {
                    let room = rest.len().min(MAX_TRAILERS - self.extra);
                    let mut within = rest.get(..room).unwrap_or_default();
                    if within.is_empty() {
                        return Err(WireFault::Trailers);
                    }
                    let ended = fields.advance(&mut within);
                    // What is wrong is not taken, nor what is behind the end: that is the next request's.
                    let taken = room - within.len();
                    self.extra += taken;
                    skip(rest, taken);
                    if ended? {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    fn size(&mut self, byte: u8) -> Result<(), WireFault> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b';' if self.digits > 0 => {
                self.step = Step::Extension;
                return Ok(());
            }
            b'\r' if self.digits > 0 => {
                self.step = Step::LineFeed;
                return Ok(());
            }
            b'\n' if self.digits > 0 => return Err(WireFault::BareLineFeed),
            _ => return Err(WireFault::ChunkSize),
        };
        if self.digits == MAX_SIZE_DIGITS {
            return Err(WireFault::ChunkSize);
        }
        self.digits += 1;
        self.left = self.left << 4 | u64::from(digit);
        Ok(())
    }
}
