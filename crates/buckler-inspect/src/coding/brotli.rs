//! `br` (RFC 7932).

use std::fmt;

use brotli_decompressor::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, SliceWrapper as _, StandardAlloc,
};

use super::other_reading::OtherReading;
use super::{CodingFault, MAX_WINDOW, STEP};

type State = BrotliState<Counted, Counted, Counted>;

/// One brotli stream.
pub(super) struct Brotli {
    state: Box<State>,
    ended: bool,
    given: usize,
    plain: OtherReading,
}

impl Brotli {
    pub(super) fn new() -> Self {
        // Strict: a window beyond 16 MiB is a dialect that only some decoders read.
        let state = BrotliState::new_strict(Counted::new(), Counted::new(), Counted::new());
        Self { state: Box::new(state), ended: false, given: 0, plain: OtherReading::new() }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Option<usize>, CodingFault> {
        if self.ended {
            return if input.is_empty() { Ok(None) } else { Err(CodingFault::Trailing) };
        }
        let (mut available_in, mut taken) = (input.len(), 0);
        let (mut available_out, mut given, mut total) = (STEP, 0, 0);
        out.resize(STEP, 0);
        let may = TABLES.saturating_add(self.given.saturating_mul(TABLES_RATIO));
        let state = &mut self.state;
        (state.alloc_u8.may, state.alloc_u32.may, state.alloc_hc.may) = (may, may, may);
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut taken,
            input,
            &mut available_out,
            &mut given,
            out,
            &mut total,
            &mut self.state,
        );
        out.truncate(given);
        self.given += given;
        match result {
            BrotliResult::ResultSuccess => self.ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultFailure if self.is_refused() => return Err(CodingFault::TooMuchMemory),
            BrotliResult::ResultFailure => return Err(CodingFault::Malformed),
        }
        self.plain.push(input.get(..taken).unwrap_or_default())?;
        Ok((taken > 0 || given > 0).then_some(taken))
    }

    fn is_refused(&self) -> bool {
        let state = &self.state;
        state.alloc_u8.refused || state.alloc_u32.refused || state.alloc_hc.refused
    }

    pub(super) fn finish(&mut self) -> Result<(), CodingFault> {
        if !self.ended {
            return Err(CodingFault::Truncated);
        }
        self.plain.finish()
    }

    pub(super) fn memory(&self) -> usize {
        let state = &self.state;
        size_of::<State>() + state.alloc_u8.held + state.alloc_u32.held + state.alloc_hc.held
    }
}

impl fmt::Debug for Brotli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brotli").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// What one stream may ever take for its tables, whatever it gives back between its blocks.
const TABLES: usize = 32 * 1024 * 1024;

/// And for each byte that it has given out so far. Twenty bytes can be a block with a megabyte of tables, which take a
/// hundred microseconds to fill; ordinary blocks of a hundred bytes take a few KiB.
const TABLES_RATIO: usize = 512;

/// Memory of the heap that is counted, and refused beyond what one decoder may have.
#[derive(Debug)]
struct Counted {
    held: usize,
    /// All that was ever taken, and how much that may be at the moment.
    ever: usize,
    may: usize,
    refused: bool,
}

/// What the ring buffer has beside the window.
const SLACK: usize = 4 * 1024;

impl Counted {
    const fn new() -> Self {
        Self { held: 0, ever: 0, may: TABLES, refused: false }
    }
}

impl<T: Clone + Default> Allocator<T> for Counted {
    type AllocatedMemory = <StandardAlloc as Allocator<T>>::AllocatedMemory;

    fn alloc_cell(&mut self, len: usize) -> Self::AllocatedMemory {
        let bytes = len.saturating_mul(size_of::<T>());
        // An empty cell is how this library is told that there is no memory.
        self.ever = self.ever.saturating_add(bytes);
        if bytes > MAX_WINDOW + SLACK || self.ever > self.may {
            self.refused = true;
            return Self::AllocatedMemory::default();
        }
        self.held += bytes;
        StandardAlloc::default().alloc_cell(len)
    }

    fn free_cell(&mut self, cell: Self::AllocatedMemory) {
        self.held = self.held.saturating_sub(size_of_val(cell.slice()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(memory: &mut Counted, bytes: usize) -> usize {
        let cell = Allocator::<u8>::alloc_cell(memory, bytes);
        let taken = cell.slice().len();
        Allocator::<u8>::free_cell(memory, cell);
        taken
    }

    // R08: blocks of a few bytes whose tables are given back after each
    #[test]
    fn tables_out_of_proportion_are_refused_though_they_are_given_back() {
        const TABLE: usize = 1 << 20;
        let mut memory = Counted::new();
        let fit = (0..1000).take_while(|_| take(&mut memory, TABLE) == TABLE).count();
        assert_eq!(fit, TABLES / TABLE);
        assert!(memory.refused && memory.held == 0, "{memory:?}");
        // What has come out since makes room for more.
        memory.may += TABLES_RATIO * 4096;
        assert_eq!(take(&mut memory, 1024), 1024);
    }

    #[test]
    fn no_window_is_beyond_the_largest() {
        assert_eq!(take(&mut Counted::new(), MAX_WINDOW + SLACK), MAX_WINDOW + SLACK);
        assert_eq!(take(&mut Counted::new(), MAX_WINDOW + SLACK + 1), 0);
    }
}
