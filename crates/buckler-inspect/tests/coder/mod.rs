//! Encoders that others wrote.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test")]

use std::io::{Read as _, Write as _};

use buckler_inspect::coding::{Coding, Codings};

pub(crate) fn encode(coding: Coding, plain: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Deflate => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Brotli => {
            let mut coded = Vec::new();
            brotli::CompressorReader::new(plain, 4096, 5, 22).read_to_end(&mut coded).unwrap();
            coded
        }
        Coding::Zstd => zstd::bulk::compress(plain, 3).unwrap(),
    }
}

pub(crate) fn codings(names: &str) -> Codings {
    Codings::parse(names.as_bytes()).unwrap()
}
