//! What is done to a body before it is sent: content codings by encoders that others wrote, and damage.

use std::io::{self, Read as _};

use super::text::unescape;

/// One directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Making {
    /// Compressed.
    Coded(Vec<String>),
    /// So many bytes taken off the end.
    Cut(usize),
    /// The byte so far from the end inverted; 1 is the last.
    Flip(usize),
    /// Bytes added at the end.
    Append(Vec<u8>),
}

impl Making {
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn read(word: &str, value: &str) -> Result<Self, String> {
        let number = || value.parse().map_err(|_| format!("`@{word} {value}` needs a number of bytes"));
        match word {
            "coded" => Ok(Self::Coded(value.split(' ').map(str::to_owned).collect())),
            "cut" => number().map(Self::Cut),
            "flip" => number().map(Self::Flip),
            _ => unescape(value).map(Self::Append),
        }
    }

    /// # Errors
    /// What is wrong, in words.
    pub(super) fn apply(&self, mut body: Vec<u8>) -> Result<Vec<u8>, String> {
        match self {
            Self::Coded(codings) => codings.iter().try_fold(body, |body, coding| encode(coding, &body)),
            Self::Cut(bytes) => {
                body.truncate(body.len().checked_sub(*bytes).ok_or("more is cut off than there is")?);
                Ok(body)
            }
            Self::Flip(place) => {
                let byte = body.iter_mut().nth_back(place.checked_sub(1).ok_or("the last byte is the first")?);
                *byte.ok_or("no byte is so far from the end")? ^= 0xff;
                Ok(body)
            }
            Self::Append(bytes) => {
                body.extend_from_slice(bytes);
                Ok(body)
            }
        }
    }
}

/// Compresses as a client, or an app, does.
///
/// # Errors
/// That the coding is not known.
pub(super) fn encode(coding: &str, plain: &[u8]) -> Result<Vec<u8>, String> {
    let level = flate2::Compression::default();
    let coded = match coding {
        "gzip" => written(flate2::write::GzEncoder::new(Vec::new(), level), plain, flate2::write::GzEncoder::finish),
        "deflate" => {
            written(flate2::write::ZlibEncoder::new(Vec::new(), level), plain, flate2::write::ZlibEncoder::finish)
        }
        "raw-deflate" => {
            written(flate2::write::DeflateEncoder::new(Vec::new(), level), plain, flate2::write::DeflateEncoder::finish)
        }
        "br" => {
            let mut coded = Vec::new();
            brotli::CompressorReader::new(plain, 4096, 5, 22).read_to_end(&mut coded).map(|_| coded)
        }
        "zstd" => zstd::stream::encode_all(plain, 3),
        _ => return Err(format!("`{coding}` is no coding that a body can be brought into")),
    };
    coded.map_err(|error| error.to_string())
}

fn written<W: io::Write>(mut encoder: W, plain: &[u8], finish: fn(W) -> io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
    encoder.write_all(plain)?;
    finish(encoder)
}
