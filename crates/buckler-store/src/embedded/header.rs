//! The first page of a region: what it is, and the key of its hash.

use std::fs::File;
use std::hash::Hasher;
use std::os::unix::fs::FileExt;

use siphasher::sip128::{Hasher128, SipHasher24};

use super::bucket::{Bucket, CELLS};
use super::overflow;
use super::word::TAG_BITS;

/// A page, so that buckets begin at the border of one.
pub(super) const HEADER: usize = 4096;

/// The same as a length in the file.
pub(super) const HEADER_BYTES: u64 = HEADER as u64;

/// Of a bucket.
pub(super) const BUCKET_BYTES: u64 = 512;
const _: () = assert!(size_of::<Bucket>() == 512 && size_of::<u128>() * (CELLS + 1 + overflow::WORDS) == 512);

/// Live keys for each bucket: a quarter of its cells (see the chances in the module's docs).
const KEYS_PER_BUCKET: u64 = 8;

/// Most keys of a region: 64 TiB, which no machine has, and sizes do not overflow.
pub(super) const MOST_KEYS: u64 = 1 << 40;

const MAGIC: [u8; 8] = *b"BKLRLIM\n";

/// Of what is behind the magic, and of what cells and claims mean. A region of another one is refused; whoever chooses the
/// file's name puts this into it, so that what is updated can start while what it replaces still serves.
pub const FORMAT: u32 = 2;

/// Bytes of a header that say something.
const SAID: usize = 8 + 4 + 4 + 8 + 16;

/// Bytes of a header that are used: behind what it says, the hash of that.
const USED: usize = SAID + 8;

/// Tells what was damaged, and not what was forged: whoever can write the file can write this. Without it a key that has
/// changed in the file would be a key as good as any, and every client would begin anew.
fn check(said: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write(said);
    hasher.finish128().h1
}

/// What is written into a file, and what is wanted of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    buckets: u64,
}

impl Sizes {
    /// For at least one key and at most [`MOST_KEYS`].
    pub(super) fn of(keys: u64) -> Self {
        Self { buckets: keys.clamp(1, MOST_KEYS).div_ceil(KEYS_PER_BUCKET) }
    }

    pub(super) const fn buckets(self) -> u64 {
        self.buckets
    }

    /// Of the whole file.
    pub(super) const fn bytes(self) -> u64 {
        HEADER_BYTES + self.buckets * BUCKET_BYTES
    }

    /// What [`Self::of`] was told, or a few more.
    pub(super) const fn keys(self) -> u64 {
        self.buckets * KEYS_PER_BUCKET
    }
}

/// What subjects are hashed with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct HashKey([u8; 16]);

/// Says nothing: who knows it can aim at buckets.
impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey")
    }
}

/// Where a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bucket: u64,
    /// Of [`TAG_BITS`], and not zero.
    pub(super) tag: u64,
}

impl HashKey {
    /// A new one.
    ///
    /// # Errors
    /// The machine has no randomness to give.
    pub(super) fn random() -> std::io::Result<Self> {
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(std::io::Error::other)?;
        Ok(Self(key))
    }

    /// The place of `subject` among so many buckets.
    pub(super) fn place(&self, subject: &[u8], buckets: u64) -> Place {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(subject);
        let hash = hasher.finish128();
        let bucket = (u128::from(hash.h1) * u128::from(buckets)) >> 64;
        Place { bucket: u64::try_from(bucket).unwrap_or_default(), tag: (hash.h2 >> (64 - TAG_BITS)).max(1) }
    }
}

/// What stands at the beginning of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// Nothing, or not yet all of it.
    Nothing,
    /// A region of this build.
    Region(Header),
    /// A region that another version or architecture has made.
    Foreign,
    /// Something else.
    Stranger,
}

/// Of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) sizes: Sizes,
    pub(super) key: HashKey,
}

/// Tells apart what numbers in memory look like.
const fn architecture() -> u32 {
    let order = if cfg!(target_endian = "little") { 1 } else { 2 };
    let kind = if cfg!(target_arch = "x86_64") {
        1
    } else if cfg!(target_arch = "aarch64") {
        2
    } else {
        3
    };
    order << 16 | kind
}

impl Header {
    /// Reads what `file` begins with.
    pub(super) fn read(file: &File) -> std::io::Result<Read> {
        let length = file.metadata()?.len();
        if length == 0 {
            return Ok(Read::Nothing);
        }
        let mut bytes = [0; USED];
        if length < HEADER_BYTES {
            return Ok(Read::Stranger);
        }
        file.read_exact_at(&mut bytes, 0)?;
        if bytes == [0; USED] {
            return Ok(Read::Nothing);
        }
        Ok(Self::parse(&bytes, length))
    }

    fn parse(bytes: &[u8; USED], length: u64) -> Read {
        let mut rest = bytes.as_slice();
        if take::<8>(&mut rest) != MAGIC {
            return Read::Stranger;
        }
        let format = u32::from_le_bytes(take(&mut rest));
        let machine = u32::from_le_bytes(take(&mut rest));
        let sizes = Sizes { buckets: u64::from_le_bytes(take(&mut rest)) };
        if (format, machine) != (FORMAT, architecture()) {
            return Read::Foreign;
        }
        let key = HashKey(take(&mut rest));
        let is_whole = bytes.first_chunk::<SAID>().map(|said| check(said)) == Some(u64::from_le_bytes(take(&mut rest)));
        let is_sound = (1..=Sizes::of(MOST_KEYS).buckets).contains(&sizes.buckets) && sizes.bytes() == length;
        if is_whole && is_sound { Read::Region(Self { sizes, key }) } else { Read::Stranger }
    }

    /// Writes it to where it is read, in one piece: from then on the file is a region.
    pub(super) fn write(&self, file: &File) -> std::io::Result<()> {
        let mut bytes = Vec::with_capacity(USED);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&architecture().to_le_bytes());
        bytes.extend_from_slice(&self.sizes.buckets.to_le_bytes());
        bytes.extend_from_slice(&self.key.0);
        bytes.extend_from_slice(&check(&bytes).to_le_bytes());
        file.write_all_at(&bytes, 0)
    }
}

/// The next bytes; zeros where there are none.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let Some((first, behind)) = rest.split_first_chunk::<N>() else { return [0; N] };
    *rest = behind;
    *first
}
