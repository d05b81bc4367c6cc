//! The decoders of one body, one behind the other.

use super::brotli::Brotli;
use super::deflate::{Gzip, Zlib};
use super::zstd::Zstd;
use super::{BLOCK, BLOCK_WORK, Coding, CodingFault, Codings, ExpandLimits, FREE, WORK};

/// Expands one body.
#[derive(Debug)]
pub struct Expander {
    limits: ExpandLimits,
    /// In the order of decoding: the coding that was applied last comes first.
    layers: Vec<Layer>,
    /// Bytes that the decoders are fed next.
    block: Vec<u8>,
    /// How far the block has been read.
    at: usize,
    out: Vec<u8>,
    read: u64,
    expanded: u64,
    refused: Option<CodingFault>,
}

/// How far a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expanded {
    /// All that was given has been expanded, as far as it can be yet.
    Whole,
    /// So many bytes were taken, then it was enough for one call: give the rest, which may be nothing, again.
    Part(usize),
}

#[derive(Debug)]
struct Layer {
    decoder: Decoder,
    /// What the layer before has given; unused in the first.
    pending: Vec<u8>,
    at: usize,
}

#[derive(Debug)]
enum Decoder {
    Gzip(Gzip),
    Zlib(Zlib),
    Brotli(Brotli),
    Zstd(Zstd),
}

impl Decoder {
    fn new(coding: Coding) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(Gzip::new()),
            Coding::Deflate => Self::Zlib(Zlib::new()),
            Coding::Brotli => Self::Brotli(Brotli::new()),
            Coding::Zstd => Self::Zstd(Zstd::new()),
        }
    }

    /// Takes some of `input` and fills the empty `out` a bit. `None`: there is nothing to do without more input.
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Option<usize>, CodingFault> {
        match self {
            Self::Gzip(decoder) => decoder.step(input, out),
            Self::Zlib(decoder) => decoder.step(input, out),
            Self::Brotli(decoder) => decoder.step(input, out),
            Self::Zstd(decoder) => decoder.step(input, out),
        }
    }

    fn finish(&mut self) -> Result<(), CodingFault> {
        match self {
            Self::Gzip(decoder) => decoder.finish(),
            Self::Zlib(decoder) => decoder.finish(),
            Self::Brotli(decoder) => decoder.finish(),
            Self::Zstd(decoder) => decoder.finish(),
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Gzip(_) => Gzip::memory(),
            Self::Zlib(_) => Zlib::memory(),
            Self::Brotli(decoder) => decoder.memory(),
            Self::Zstd(decoder) => decoder.memory(),
        }
    }
}

impl Expander {
    /// Expands a body of these codings; without any, it gives out what it is given.
    pub fn new(codings: Codings, limits: ExpandLimits) -> Self {
        let layer = |coding| Layer { decoder: Decoder::new(coding), pending: Vec::new(), at: 0 };
        Self {
            limits,
            layers: codings.iter().rev().map(layer).collect(),
            block: Vec::with_capacity(BLOCK),
            at: 0,
            out: Vec::new(),
            read: 0,
            expanded: 0,
            refused: None,
        }
    }

    /// Takes the next bytes, and hands what they expand to over to `sink`, whose error ends it.
    ///
    /// # Errors
    /// Of the body, which stays refused; or of the sink.
    pub fn push<E: From<CodingFault>>(
        &mut self,
        mut bytes: &[u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Expanded, E> {
        let offered = bytes.len();
        let mut work = WORK;
        loop {
            if self.block.len() == BLOCK {
                if self.drain(&mut work, &mut sink)? == Expanded::Part(0) {
                    return Ok(Expanded::Part(offered - bytes.len()));
                }
                self.block.clear();
                self.at = 0;
                work = work.saturating_sub(BLOCK_WORK);
            }
            if bytes.is_empty() {
                return Ok(Expanded::Whole);
            }
            let room = BLOCK - self.block.len();
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.block.extend_from_slice(now);
            self.read += now.len() as u64;
            bytes = later;
        }
    }

    /// Says that there are no more bytes. [`Expanded::Part`]: call again.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub fn finish<E: From<CodingFault>>(
        &mut self,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Expanded, E> {
        let mut work = WORK;
        if self.drain(&mut work, &mut sink)? == Expanded::Part(0) {
            return Ok(Expanded::Part(0));
        }
        for layer in &mut self.layers {
            if let Err(fault) = layer.decoder.finish() {
                self.refused = Some(fault);
                return Err(fault.into());
            }
        }
        Ok(Expanded::Whole)
    }

    /// Expands what has come, as far as one call may.
    fn drain<E: From<CodingFault>>(
        &mut self,
        work: &mut usize,
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Expanded, E> {
        loop {
            if *work == 0 {
                return Ok(Expanded::Part(0));
            }
            match self.step() {
                Ok(true) => {}
                Ok(false) => return Ok(Expanded::Whole),
                Err(fault) => {
                    self.refused = Some(fault);
                    return Err(fault.into());
                }
            }
            *work = work.saturating_sub(self.out.len());
            sink(&self.out)?;
        }
    }

    /// One step of one decoder, into `out`; false if all of them wait for more.
    fn step(&mut self) -> Result<bool, CodingFault> {
        if let Some(fault) = self.refused {
            return Err(fault);
        }
        self.out.clear();
        let input = self.block.get(self.at..).unwrap_or_default();
        let Some(taken) = step(&mut self.layers, input, &mut self.out)? else { return Ok(false) };
        self.at += taken;
        self.expanded = self.expanded.saturating_add(self.out.len() as u64);
        if self.expanded > self.limits.expanded {
            return Err(CodingFault::TooLarge);
        }
        if self.expanded > FREE.max(self.read.saturating_mul(self.limits.ratio.into())) {
            return Err(CodingFault::TooFar);
        }
        Ok(true)
    }

    /// Bytes that the body has expanded to so far.
    pub fn expanded(&self) -> u64 {
        self.expanded
    }

    /// Bytes of memory that expanding takes at the moment, at most.
    pub fn memory(&self) -> usize {
        let layers = self.layers.iter().map(|layer| layer.decoder.memory() + layer.pending.capacity());
        self.block.capacity() + self.out.capacity() + layers.sum::<usize>()
    }
}

/// The last layer first: what is on its way comes out before more is taken in.
fn step(layers: &mut [Layer], input: &[u8], out: &mut Vec<u8>) -> Result<Option<usize>, CodingFault> {
    let Some((last, before)) = layers.split_last_mut() else {
        out.extend_from_slice(input);
        return Ok((!input.is_empty()).then_some(input.len()));
    };
    if before.is_empty() {
        return last.decoder.step(input, out);
    }
    let pending = last.pending.get(last.at..).unwrap_or_default();
    if let Some(taken) = last.decoder.step(pending, out)? {
        last.at += taken;
        return Ok(Some(0));
    }
    last.pending.clear();
    last.at = 0;
    step(before, input, &mut last.pending)
}
