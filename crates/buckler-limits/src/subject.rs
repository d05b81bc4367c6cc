//! Whose count it is, before a store hashes it: which limit, and what its dimensions say of a request.

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher24;
use smallvec::SmallVec;

/// A limit as stores tell it from others: by all that it says and by where it stands, so that a limit that is changed
/// begins anew, and the same one in another worker, or after a restart, does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LimitId(pub u64);

impl LimitId {
    /// Of the text of a limit and where it stands (`default`, a route). Both are the policy's, so nobody chooses them
    /// to collide.
    pub fn of(place: &str, text: &str) -> Self {
        let mut hasher = SipHasher24::new();
        for part in [place, text] {
            hasher.write_u64(u64::try_from(part.len()).unwrap_or(u64::MAX));
            hasher.write(part.as_bytes());
        }
        Self(hasher.finish())
    }
}

/// Bytes of most subjects: a limit, an address, and a route or the hash of a header.
const USUAL_BYTES: usize = 48;

/// What is hashed to a key. It names clients in clear text and so never leaves the process.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject(SmallVec<[u8; USUAL_BYTES]>);

/// Says nothing of what it holds: a header may be a secret.
impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Subject({} bytes)", self.0.len())
    }
}

impl Subject {
    /// Everybody, under a limit.
    pub fn new(limit: LimitId) -> Self {
        let mut bytes = SmallVec::new();
        bytes.extend_from_slice(&limit.0.to_le_bytes());
        Self(bytes)
    }

    /// Those of whom a dimension says this. Lengths are part of it, so no two lists of parts look the same.
    pub fn push(&mut self, part: &[u8]) {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(part);
    }

    /// Clients of an address: of IPv4 as a whole, of IPv6 by so many of its first bits. IPv4-mapped ones are IPv4.
    pub fn push_address(&mut self, address: IpAddr, ipv6_prefix: u8) {
        match address.to_canonical() {
            IpAddr::V4(address) => self.push(&address.octets()),
            IpAddr::V6(address) => {
                let own = u128::MAX.checked_shr(u32::from(ipv6_prefix)).unwrap_or(0);
                self.push(&(address.to_bits() & !own).to_be_bytes());
            }
        }
    }

    /// All lines of a field, and how many there are: none differs from an empty one, and what one field says from what
    /// the next one does.
    pub fn push_values(&mut self, values: &[&[u8]]) {
        self.push(&values.len().to_le_bytes());
        for value in values {
            self.push(value);
        }
    }

    /// What is to be hashed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
