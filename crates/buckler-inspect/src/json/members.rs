//! Which member names the open objects have already used.
//!
//! All state follows the nesting: opening an object marks a place, closing it drops everything above the
//! mark. [`super`] states the bound on memory and why no hash is involved.

use std::collections::BTreeSet;

use smallvec::SmallVec;

/// Bookkeeping for one member of an open object, in bytes, at most: an entry of 32 bytes in a B-tree whose
/// nodes are less than half full, the share of the nodes above, and the allocator's for a name too long to be
/// stored in place.
pub const MEMBER_BYTES: usize = 128;

const _: () = assert!(size_of::<Name>() <= 32 && size_of::<Seen>() <= 16, "MEMBER_BYTES counts on it");

/// Objects up to this many members are searched linearly: as records of an API are, and sixteen comparisons
/// of a word cost less than one descent into a tree.
const SMALL_OBJECT: usize = 16;

/// A name in a tree; up to 24 bytes (most names) need no allocation of their own.
type Name = SmallVec<[u8; 24]>;

/// The names of all open objects.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Unescaped names of the small open objects, outermost object first, then the name being read.
    names: Vec<u8>,
    /// One entry for each complete name in `names`, in the same order.
    seen: Vec<Seen>,
    /// The names of the large open objects, outermost first.
    large: Vec<Large>,
}

#[derive(Debug, Default)]
struct Large {
    names: BTreeSet<Name>,
    /// Bytes of all of them together.
    bytes: usize,
}

impl Large {
    /// Tells whether the name is new.
    fn insert(&mut self, name: &[u8]) -> bool {
        let new = self.names.insert(Name::from_slice(name));
        self.bytes += if new { name.len() } else { 0 };
        new
    }
}

/// One object that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenObject {
    /// Where its entries in `Members::seen` begin.
    first: u32,
    /// Whether its names have moved to `Members::large`.
    large: bool,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// A digest that differs for most names that differ. Equal digests decide nothing.
    digest: u64,
    /// Where the name ends in `Members::names`; it begins where its predecessor ends.
    end: usize,
}

impl Members {
    pub(super) fn open(&self) -> OpenObject {
        // The count of members is limited by a `u32`; beyond it the index could only be too small, and a
        // comparison with foreign names would refuse, not admit.
        OpenObject { first: u32::try_from(self.seen.len()).unwrap_or(u32::MAX), large: false }
    }

    /// Bytes that all this takes at most.
    pub(super) fn memory(&self) -> usize {
        let large: usize = self.large.iter().map(|large| large.names.len() * MEMBER_BYTES + large.bytes).sum();
        self.names.capacity() + self.seen.capacity() * size_of::<Seen>() + large
    }

    pub(super) fn close(&mut self, object: OpenObject) {
        if object.large {
            self.large.pop();
        }
        self.seen.truncate(object.first as usize);
        self.names.truncate(self.complete());
    }

    /// Adds bytes to the name being read.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.names.extend_from_slice(bytes);
    }

    /// Ends the name being read. Tells whether it is new to `object`, which must be the innermost open one.
    pub(super) fn admit(&mut self, object: &mut OpenObject) -> bool {
        let start = self.complete();
        let name = self.names.get(start..).unwrap_or_default();

        if object.large {
            let new = self.large.last_mut().is_some_and(|large| large.insert(name));
            self.names.truncate(start);
            return new;
        }

        let digest = digest(name);
        let first = object.first as usize;
        let own = self.seen.get(first..).unwrap_or_default();
        let mut from = self.end_of_first(first);
        for seen in own {
            if seen.digest == digest && self.names.get(from..seen.end) == Some(name) {
                return false;
            }
            from = seen.end;
        }
        let crowded = own.len() >= SMALL_OBJECT;
        self.seen.push(Seen { digest, end: self.names.len() });
        if crowded {
            self.enlarge(object);
        }
        true
    }

    fn enlarge(&mut self, object: &mut OpenObject) {
        let first = object.first as usize;
        let mut from = self.end_of_first(first);
        let mut large = Large::default();
        for seen in self.seen.get(first..).unwrap_or_default() {
            large.insert(self.names.get(from..seen.end).unwrap_or_default());
            from = seen.end;
        }
        self.large.push(large);
        self.seen.truncate(first);
        self.names.truncate(self.complete());
        object.large = true;
    }

    /// Where the last complete name ends and the one being read begins.
    fn complete(&self) -> usize {
        self.end_of_first(self.seen.len())
    }

    /// Where the first `count` names end together.
    fn end_of_first(&self, count: usize) -> usize {
        count.checked_sub(1).and_then(|last| self.seen.get(last)).map_or(0, |seen| seen.end)
    }
}

/// Folds the beginning, the end and the length of a name into a word.
fn digest(name: &[u8]) -> u64 {
    let word = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29),
        _ => name.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte)),
    };
    word ^ (name.len() as u64).rotate_left(56)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(members: &mut Members, object: &mut OpenObject, name: &str) -> bool {
        members.extend(name.as_bytes());
        members.admit(object)
    }

    #[test]
    fn names_that_share_a_digest_are_still_told_apart() {
        // Same first and last eight bytes, same length: only the middle differs.
        let (one, other) = ("aaaaaaaa-1-bbbbbbbb", "aaaaaaaa-2-bbbbbbbb");
        assert_eq!(digest(one.as_bytes()), digest(other.as_bytes()));
        let mut members = Members::default();
        let mut object = members.open();
        assert!(admit(&mut members, &mut object, one));
        assert!(admit(&mut members, &mut object, other));
        assert!(!admit(&mut members, &mut object, one));
    }

    #[test]
    fn a_repetition_is_found_before_and_after_an_object_grows_large() {
        for size in 1..=SMALL_OBJECT * 3 {
            for repeated in 0..size {
                let mut members = Members::default();
                let mut outer = members.open();
                assert!(admit(&mut members, &mut outer, "0"), "the outer object has a name of the inner ones");
                let mut object = members.open();
                for index in 0..size {
                    assert!(admit(&mut members, &mut object, &index.to_string()), "{index} of {size}");
                }
                assert!(!admit(&mut members, &mut object, &repeated.to_string()), "{repeated} of {size}");
            }
        }
    }

    #[test]
    fn memory_follows_the_members_and_is_given_back() {
        // R08
        let mut members = Members::default();
        let mut object = members.open();
        assert_eq!(members.memory(), 0);
        for index in 0..1000 {
            assert!(admit(&mut members, &mut object, &format!("{index:040}")));
        }
        let taken = members.memory();
        assert!((1000 * (32 + 40)..1000 * (MEMBER_BYTES + 40) + 10_000).contains(&taken), "{taken}");
        members.close(object);
        assert!(members.memory() < 10_000, "{}", members.memory());
    }

    #[test]
    fn a_large_object_keeps_its_names_while_others_open_and_close_inside() {
        let mut members = Members::default();
        let mut outer = members.open();
        for index in 0..100 {
            assert!(admit(&mut members, &mut outer, &index.to_string()));
            let mut inner = members.open();
            for index in 0..40 {
                assert!(admit(&mut members, &mut inner, &index.to_string()));
            }
            members.close(inner);
        }
        assert!(!admit(&mut members, &mut outer, "0"));
        assert!(!admit(&mut members, &mut outer, "99"));
        members.close(outer);
        assert!(members.large.is_empty() && members.seen.is_empty() && members.names.is_empty());
    }

    #[test]
    fn closed_objects_leave_no_memory_behind() {
        let mut members = Members::default();
        let mut outer = members.open();
        assert!(admit(&mut members, &mut outer, "items"));
        for _ in 0..100_000 {
            let mut item = members.open();
            for name in ["id", "name", "price"] {
                assert!(admit(&mut members, &mut item, name));
            }
            members.close(item);
        }
        assert!(members.names.capacity() <= 64, "{} bytes", members.names.capacity());
        assert!(members.seen.capacity() <= 16, "{} entries", members.seen.capacity());
    }
}
