//! How long expanding 10 MiB takes, scanned as JSON on the way, and the longest single call:
//! `cargo run --release -p buckler-inspect --example expansion`.
#![expect(clippy::disallowed_types, reason = "the decoders read no clock; what measures them does")]

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use buckler_inspect::coding::{Coding, CodingFault, Codings, ExpandLimits, Expanded, Expander};
use buckler_inspect::json::{JsonLimits, JsonScanner};

/// Size of each body, expanded: the largest that the defaults let in.
const BODY: usize = 10 << 20;
/// What one read of a socket brings.
const CHUNK: usize = 16 << 10;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (name, plain) in [("API records", records()), ("spaces", vec![b' '; BODY])] {
        for coding in Coding::ALL {
            let body = encode(coding, &plain)?;
            let (mut best, mut longest) = (Duration::MAX, Duration::MAX);
            for _ in 0..5 {
                let (whole, call) = expand(coding, &body).map_err(io::Error::other)?;
                best = best.min(whole);
                longest = longest.min(call);
            }
            let sent = body.len();
            writeln!(out, "{name:<12} {:<8} {sent:>8} bytes  {best:>8.1?}  longest call {longest:.1?}", coding.name())?;
        }
    }
    Ok(())
}

fn expand(coding: Coding, body: &[u8]) -> Result<(Duration, Duration), CodingFault> {
    let limits = ExpandLimits { expanded: BODY as u64, ratio: u32::MAX };
    let codings = Codings::parse(coding.name().as_bytes()).map_err(|_| CodingFault::Malformed)?;
    let mut expander = Expander::new(codings, limits);
    let mut scanner = JsonScanner::new(JsonLimits { depth: 32, keys: u32::MAX, string: u32::MAX });
    let mut sink = |part: &[u8]| scanner.push(part).map_err(|_| CodingFault::Malformed);
    let mut longest = Duration::ZERO;
    let mut timed = |call: &mut dyn FnMut() -> Result<Expanded, CodingFault>| {
        let start = Instant::now();
        let expanded = call();
        longest = longest.max(start.elapsed());
        expanded
    };
    let start = Instant::now();
    for mut piece in body.chunks(CHUNK) {
        while let Expanded::Part(taken) = timed(&mut || expander.push(piece, &mut sink))? {
            piece = piece.get(taken..).unwrap_or_default();
        }
    }
    while timed(&mut || expander.finish(&mut sink))? != Expanded::Whole {}
    Ok((start.elapsed(), longest))
}

fn encode(coding: Coding, plain: &[u8]) -> io::Result<Vec<u8>> {
    let level = flate2::Compression::default();
    match coding {
        Coding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(plain)?;
            encoder.finish()
        }
        Coding::Deflate => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(plain)?;
            encoder.finish()
        }
        Coding::Brotli => {
            let mut coded = Vec::new();
            brotli::CompressorReader::new(plain, 4096, 5, 22).read_to_end(&mut coded).map(|_| coded)
        }
        Coding::Zstd => zstd::stream::encode_all(plain, 3),
    }
}

fn records() -> Vec<u8> {
    let mut text = String::from("[");
    for id in 0_u64.. {
        let (price, stock) = (id * 7919 % 10_007, id * 104_729 % 997);
        let item = format!(
            r#"{{"id":{id},"name":"Teapot {stock}","price":{price}.90,"in_stock":{},"owner":"user{}@example.com"}}"#,
            stock % 3 > 0,
            id * 31 % 5_003
        );
        if text.len() + item.len() + 2 > BODY {
            break;
        }
        if id > 0 {
            text.push(',');
        }
        text.push_str(&item);
    }
    text.push(']');
    text.into_bytes()
}
