//! Coded bodies.

use buckler_inspect::coding::{Coding, CodingFault, Codings, ExpandLimits, Expanded, Expander, FREE};

/// Small enough to be met by an input of a few bytes.
const LIMITS: ExpandLimits = ExpandLimits { expanded: 1 << 20, ratio: 100 };

/// More than any decoder may have: two windows of 8 MiB that grow, and tables.
const MEMORY: usize = 40 << 20;

/// A body whose first byte chooses the codings: what it expands to is bounded, and the same in whatever pieces it
/// comes; what is refused stays refused.
pub fn content_coding(data: &[u8]) {
    let Some((&choice, body)) = data.split_first() else { return };
    let name = |at: u8| Coding::ALL.get(usize::from(at & 3)).map_or("gzip", |coding| coding.name());
    let names = match choice >> 6 {
        0 => [name(choice), ", ", name(choice >> 2)].concat(),
        _ => name(choice).to_owned(),
    };
    let codings = Codings::parse(names.as_bytes());
    assert!(codings.is_ok(), "{names}");
    let Ok(codings) = codings else { return };
    let whole = expand(codings, [body]);
    if let Ok(expanded) = &whole {
        assert!(expanded.len() as u64 <= LIMITS.expanded);
        assert!(expanded.len() as u64 <= FREE.max(body.len() as u64 * u64::from(LIMITS.ratio)));
    }
    assert!(whole == expand(codings, body.chunks(7)), "in small pieces");
    let (front, back) = body.split_at(body.len() / 2);
    assert!(whole == expand(codings, [front, back]), "in halves");
}

fn expand<'a>(codings: Codings, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, CodingFault> {
    let mut expander = Expander::new(codings, LIMITS);
    let mut out = Vec::new();
    let mut take = |part: &[u8]| {
        out.extend_from_slice(part);
        Ok::<(), CodingFault>(())
    };
    let run = || {
        for mut piece in pieces {
            while let Expanded::Part(taken) = expander.push(piece, &mut take)? {
                piece = piece.get(taken..).unwrap_or_default();
            }
            assert!(expander.memory() <= MEMORY);
        }
        while expander.finish(&mut take)? != Expanded::Whole {}
        Ok(())
    };
    let ended = run();
    assert!(expander.memory() <= MEMORY);
    if let Err(fault) = ended {
        assert_eq!(expander.finish(|_| Ok(())), Err(fault), "a refused body changed its verdict");
        return Err(fault);
    }
    Ok(out)
}
