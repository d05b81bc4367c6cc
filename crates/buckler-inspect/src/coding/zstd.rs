//! `zstd` (RFC 8878), within the window that content codings have (RFC 9659).
//!
//! The library decodes whole blocks, so a block is collected first; only its length is read here.

use std::fmt;
use std::io::Read as _;

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{CodingFault, MAX_WINDOW, STEP};

/// One zstd frame.
pub(super) struct Zstd {
    decoder: Box<FrameDecoder>,
    /// The part of a header or block that has come.
    pending: Vec<u8>,
    part: Part,
    /// The length of what the frame holds, where its header says so.
    announced: Option<u64>,
    checksum: Checksum,
    given: u64,
    /// What the frame's header asks for.
    window: usize,
    /// What may have come out of the blocks so far, most of which stays in the window.
    decoded: usize,
    blocks: Blocks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Blocks,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checksum {
    Follows,
    Absent,
}

/// Whether a block has been decoded whose tables take room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blocks {
    Plain,
    Compressed,
}

const MAGIC: u32 = 0xFD2F_B528;
/// Magic number and descriptor: behind them the header's length is known.
const DESCRIBED: usize = 5;
const BLOCK_HEADER: usize = 3;
/// Blocks are no larger, neither as they are sent nor expanded (RFC 8878 §3.1.1.2.4).
const MAX_BLOCK: usize = 128 * 1024;
/// The most that the tables, literals and sequences of one block take, however small it is: a block of a few bytes may
/// announce 98,047 sequences of 12 bytes.
const BLOCK_TABLES: usize = 1700 * 1024;

impl Zstd {
    pub(super) fn new() -> Self {
        let mut decoder = Box::new(FrameDecoder::new());
        decoder.set_max_window_size(MAX_WINDOW as u64);
        Self {
            decoder,
            pending: Vec::new(),
            part: Part::Header,
            announced: None,
            checksum: Checksum::Absent,
            given: 0,
            window: 0,
            decoded: 0,
            blocks: Blocks::Plain,
        }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Option<usize>, CodingFault> {
        let taken = match self.part {
            Part::Header => self.header(input)?,
            Part::Blocks if self.decoder.can_collect() > 0 => {
                self.give(out)?;
                0
            }
            Part::Blocks if self.decoder.is_finished() => {
                self.end()?;
                return Ok(Some(0));
            }
            Part::Blocks => self.block(input)?,
            Part::End if input.is_empty() => 0,
            Part::End => return Err(CodingFault::Trailing),
        };
        Ok((taken > 0 || !out.is_empty()).then_some(taken))
    }

    /// Takes what is missing of the first `length` bytes; `None` as long as they are not whole.
    fn collect(&mut self, input: &[u8], length: usize) -> (usize, Option<()>) {
        let missing = length.saturating_sub(self.pending.len());
        let part = input.get(..missing).unwrap_or(input);
        self.pending.extend_from_slice(part);
        (part.len(), (part.len() == missing).then_some(()))
    }

    fn header(&mut self, input: &[u8]) -> Result<usize, CodingFault> {
        let (first, whole) = self.collect(input, DESCRIBED);
        let (Some(()), Some(&descriptor)) = (whole, self.pending.get(DESCRIBED - 1)) else { return Ok(first) };
        let magic = self.pending.first_chunk().map(|magic| u32::from_le_bytes(*magic));
        let frame = Descriptor(descriptor);
        if magic != Some(MAGIC) || frame.is_reserved() {
            return Err(CodingFault::Malformed);
        }
        let (second, whole) = self.collect(input.get(first..).unwrap_or_default(), frame.header_length());
        if whole.is_some() {
            self.decoder.reset(self.pending.as_slice()).map_err(|error| match error {
                FrameDecoderError::WindowSizeTooBig { .. } => CodingFault::TooMuchMemory,
                _ => CodingFault::Malformed,
            })?;
            self.window = if frame.is_single_segment() {
                usize::try_from(self.decoder.content_size()).unwrap_or(usize::MAX)
            } else {
                self.pending.get(DESCRIBED).map_or(0, |&window| window_size(window))
            };
            self.announced = (frame.content_size_length() > 0).then(|| self.decoder.content_size());
            self.checksum = if frame.has_checksum() { Checksum::Follows } else { Checksum::Absent };
            self.pending.clear();
            self.part = Part::Blocks;
        }
        Ok(first + second)
    }

    fn block(&mut self, input: &[u8]) -> Result<usize, CodingFault> {
        let (first, whole) = self.collect(input, BLOCK_HEADER);
        let (Some(()), Some(&[low, middle, high])) = (whole, self.pending.first_chunk()) else { return Ok(first) };
        let header = u32::from_le_bytes([low, middle, high, 0]);
        let (is_last, kind) = (header & 1 == 1, header >> 1 & 3);
        let size = usize::try_from(header >> 3).unwrap_or(usize::MAX);
        // A repeated byte is sent once.
        let length = if kind == 1 { 1 } else { size };
        if size > MAX_BLOCK || kind == 3 {
            return Err(CodingFault::Malformed);
        }
        let checksum = if is_last && self.checksum == Checksum::Follows { 4 } else { 0 };
        let (second, whole) = self.collect(input.get(first..).unwrap_or_default(), BLOCK_HEADER + length + checksum);
        if whole.is_some() {
            if kind == 2 {
                self.blocks = Blocks::Compressed;
            }
            self.decoded = self.decoded.saturating_add(if kind == 2 { MAX_BLOCK } else { size });
            let decoded = self.decoder.decode_blocks(self.pending.as_slice(), BlockDecodingStrategy::UptoBlocks(1));
            decoded.map_err(|_| CodingFault::Malformed)?;
            self.pending.clear();
        }
        Ok(first + second)
    }

    fn give(&mut self, out: &mut Vec<u8>) -> Result<(), CodingFault> {
        out.resize(STEP, 0);
        let given = self.decoder.read(out).map_err(|_| CodingFault::Malformed)?;
        out.truncate(given);
        self.given += given as u64;
        if given == 0 { Err(CodingFault::Malformed) } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), CodingFault> {
        self.part = Part::End;
        let sums = (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
        let summed = self.checksum == Checksum::Absent || sums.0.is_some() && sums.0 == sums.1;
        if summed && self.announced.is_none_or(|length| length == self.given) {
            Ok(())
        } else {
            Err(CodingFault::Malformed)
        }
    }

    pub(super) fn finish(&self) -> Result<(), CodingFault> {
        if self.part == Part::End { Ok(()) } else { Err(CodingFault::Truncated) }
    }

    /// The window grows with what comes out, in powers of two, up to the largest and a few blocks.
    pub(super) fn memory(&self) -> usize {
        let window = self.decoded.saturating_mul(2).min(self.window.next_power_of_two()) + 5 * MAX_BLOCK;
        let tables = if self.blocks == Blocks::Compressed { BLOCK_TABLES } else { 0 };
        let begun = if self.part == Part::Header { 0 } else { window };
        begun + tables + self.pending.capacity()
    }
}

/// RFC 8878 §3.1.1.1.2.
const fn window_size(descriptor: u8) -> usize {
    let base = 1 << (10 + (descriptor >> 3));
    base + base / 8 * (descriptor & 7) as usize
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zstd").field("part", &self.part).finish_non_exhaustive()
    }
}

/// The byte behind the magic number (RFC 8878 §3.1.1.1.1).
#[derive(Debug, Clone, Copy)]
struct Descriptor(u8);

impl Descriptor {
    const fn is_single_segment(self) -> bool {
        self.0 & 0x20 != 0
    }

    const fn is_reserved(self) -> bool {
        self.0 & 0x08 != 0
    }

    const fn has_checksum(self) -> bool {
        self.0 & 0x04 != 0
    }

    const fn content_size_length(self) -> usize {
        match (self.0 >> 6, self.is_single_segment()) {
            (0, false) => 0,
            (0, true) => 1,
            (1, _) => 2,
            (2, _) => 4,
            _ => 8,
        }
    }

    const fn header_length(self) -> usize {
        let window = if self.is_single_segment() { 0 } else { 1 };
        let dictionary = match self.0 & 3 {
            0 => 0,
            1 => 1,
            2 => 2,
            _ => 4,
        };
        DESCRIBED + window + dictionary + self.content_size_length()
    }
}
