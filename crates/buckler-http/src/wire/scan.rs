//! How far bytes of one kind go.
//!
//! Almost all bytes of a head are passed over here, so the loops test a block at a time in a form that compilers
//! turn into vector instructions.

use crate::token::is_tchar;

/// Bytes tested at a time: one 128-bit register.
const BLOCK: usize = 16;

/// Looked up, because names are short: a block would cost more than it saves.
static TOKEN: [bool; 256] = token_table();

#[expect(clippy::indexing_slicing, reason = "evaluated while compiling, where a wrong index is an error")]
const fn token_table() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = is_tchar(byte);
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

/// How many bytes at the beginning are `tchar`.
pub(super) fn token(bytes: &[u8]) -> usize {
    let ends = |byte: &u8| !TOKEN.get(usize::from(*byte)).copied().unwrap_or_default();
    bytes.iter().position(ends).unwrap_or(bytes.len())
}

/// How many bytes at the beginning may stand in a field value.
pub(super) fn value(bytes: &[u8]) -> usize {
    run(bytes, |b| (b < 0x20 && b != b'\t') || b == 0x7f)
}

/// How many bytes at the beginning may stand in a request target. Those beyond ASCII are no URI's either, but
/// everybody sees the same ones: they are for the judges of the path. A fragment is for nobody but the client, and
/// parsers drop it without a word, so that another target than this one would be judged.
pub(super) fn target(bytes: &[u8]) -> usize {
    run(bytes, |b| b <= b' ' || b == 0x7f || b == b'#')
}

fn run(bytes: &[u8], ends: impl Fn(u8) -> bool) -> usize {
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let clean = blocks.iter().take_while(|block| !block.iter().fold(false, |any, b| any | ends(*b))).count() * BLOCK;
    let rest = bytes.get(clean..).unwrap_or_default();
    clean + rest.iter().position(|b| ends(*b)).unwrap_or(rest.len())
}

/// Takes `count` bytes off the front.
pub(super) fn skip(rest: &mut &[u8], count: usize) {
    *rest = rest.get(count..).unwrap_or_default();
}

/// Takes `count` bytes off the front and returns them.
pub(super) fn take<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
    *rest = after;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_at_the_first_byte_that_may_not_stand_there() {
        for byte in 0..=255_u8 {
            for at in [0, 1, 15, 16, 17, 40] {
                let mut bytes = vec![b'a'; 50];
                bytes[at] = byte;
                let ends = |allowed: bool| if allowed { 50 } else { at };
                assert_eq!(value(&bytes), ends(crate::token::is_field_value(&[byte])), "{byte:#x} at {at}");
                assert_eq!(token(&bytes), ends(is_tchar(byte)), "{byte:#x} at {at}");
                assert_eq!(target(&bytes), ends(byte > 0x20 && byte != 0x7f && byte != b'#'), "{byte:#x} at {at}");
            }
        }
    }
}
