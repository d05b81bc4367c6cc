//! Names of keys: a keyed hash of whose count it is, so that a dump tells nothing of clients and nobody can aim at the
//! key of another.

use std::hash::Hasher as _;

use buckler_limits::{Allowance, Check};
use siphasher::sip128::{Hasher128 as _, SipHasher24};

/// Bytes of a hash key.
pub(crate) const KEY_BYTES: usize = 16;

/// What names are hashed with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct HashKey([u8; KEY_BYTES]);

/// Whether the hash key is kept in Redis, so that all processes have the same one, or derived by each from a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    KeptInRedis,
    Secret,
}

impl HashKey {
    /// A new one.
    pub(crate) fn random() -> Option<Self> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// From a secret that all processes have: no two purposes of one secret share a key.
    pub(crate) fn derive(secret: &[u8]) -> Self {
        let mut hasher = SipHasher24::new_with_key(b"buckler-redis-01");
        hasher.write(secret);
        Self(hasher.finish128().as_bytes())
    }

    /// As Redis keeps it.
    pub(crate) fn to_hex(self) -> String {
        hex(u128::from_be_bytes(self.0))
    }

    pub(crate) fn from_hex(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 2 * KEY_BYTES)?;
        u128::from_str_radix(text, 16).ok().map(|bits| Self(bits.to_be_bytes()))
    }

    /// Of one count. A rate and a quota of one subject are two.
    pub(crate) fn hash(&self, check: &Check) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write_u8(match check.allowance {
            Allowance::Rate(_) => b'r',
            Allowance::Quota(_) => b'q',
        });
        hasher.write(check.subject.as_bytes());
        hasher.finish128().as_u128()
    }

    /// Of all that a request asks.
    pub(crate) fn hash_all(&self, batch: &[Check]) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        for check in batch {
            hasher.write_u128(self.hash(check));
            hasher.write_u32(check.cost);
        }
        hasher.finish128().as_u128()
    }
}

/// Names under one hash tag, so that all counts of an app are in one slot of a cluster and one script can reach them.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: String,
}

impl Names {
    /// `name` holds no brace.
    pub(crate) fn new(name: &str) -> Self {
        Self { prefix: format!("{{buckler:{name}}}:") }
    }

    /// Of what the hash key is kept under.
    pub(crate) fn of_hash_key(&self) -> String {
        format!("{}key", self.prefix)
    }

    pub(crate) fn of(&self, hash: u128) -> String {
        format!("{}{}", self.prefix, hex(hash))
    }
}

fn hex(bits: u128) -> String {
    format!("{bits:032x}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use buckler_limits::{LimitId, Quota, Rate, StoreDown, Subject, Window};

    use super::*;

    fn check(part: &[u8], allowance: Allowance) -> Check {
        let mut subject = Subject::new(LimitId(7));
        subject.push(part);
        Check { subject, allowance, cost: 1, store_down: StoreDown::Open }
    }

    // R13: names differ by hash key, kind and subject, and hold nothing of the subject
    #[test]
    fn names_tell_nothing() {
        let rate = Allowance::Rate(Rate::new(1, Duration::from_secs(1), 1).unwrap());
        let quota = Allowance::Quota(Quota::new(1, Window::Day).unwrap());
        let (one, other) = (HashKey::derive(b"a secret of some length"), HashKey::derive(b"a secret of some lengtH"));
        let address = check(b"192.0.2.1", rate);
        assert_ne!(one.hash(&address), other.hash(&address));
        assert_ne!(one.hash(&address), one.hash(&check(b"192.0.2.1", quota)));
        assert_ne!(one.hash(&address), one.hash(&check(b"192.0.2.2", rate)));
        let name = Names::new("shop").of(one.hash(&address));
        assert_eq!(name.len(), "{buckler:shop}:".len() + 32);
        assert!(name.starts_with("{buckler:shop}:") && !name.contains("192"), "{name}");
    }

    #[test]
    fn hash_keys_survive_being_kept() {
        let key = HashKey::random().unwrap();
        assert!(HashKey::from_hex(key.to_hex().as_bytes()) == Some(key));
        for none in [&b""[..], b"00", b"zz000000000000000000000000000000", &[0xff; 32], &[b'0'; 33]] {
            assert!(HashKey::from_hex(none).is_none());
        }
    }
}
