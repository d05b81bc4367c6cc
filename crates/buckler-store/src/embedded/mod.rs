//! One region of memory that all processes of a machine count in.
//!
//! A key is 16 bytes, an update one compare-exchange of them. So a process that is killed anywhere leaves every key
//! whole; there is no lock that it could keep, nothing is swept, and a request's work has a bound.
//!
//! ```text
//! file    header (a page: what it is, its sizes, the key of the hash) and buckets
//! bucket  512 bytes: claim, 31 cells
//! cell    tag (48 bits) | generation (7) | scale of its limit (9) | state (64)
//! claim   the same head | pending (1) | cell (5) | window (20) | version (38)
//! ```
//!
//! # Which key
//! A subject is hashed by SipHash-2-4 to 128 bits, with a key that is made with the region: one half chooses the bucket,
//! the other gives the tag. Whoever does not know that key can neither aim at a bucket nor read clients out of a file.
//! Two keys of one bucket are taken for one with a chance of 2⁻⁴⁸ for each pair.
//!
//! # A new key
//! Whoever finds no cell for a key chooses one to give it, and writes into the bucket's claim what is to go where, if no
//! key has come in since it began to look (the claim's version says so). The claim is carried out by whoever sees it:
//! if its writer is killed, by the next one who needs room in that bucket. So a key never stands twice, and nobody waits
//! for anybody. The generation, which each new key of a bucket raises, keeps whoever slept in between from writing over
//! what has come since.
//!
//! # Room
//! There are eight buckets to 64 keys that a region is made for, so it is full to a quarter while so many are *live* (not
//! yet free of all they owe). Keys fall into buckets as Poisson says: that any of the 12,500 buckets of a region for
//! 100,000 gets more than 30 has a chance of 7 in a million, and 7 in a hundred thousand for 1,000,000. Until then counts
//! are exact. Beyond it, in the bucket that is full, and there alone:
//!
//! 1. a cell that owes nothing any more is taken; else
//! 2. the one that owes the smallest part of its limit, if that is less than half: it is forgotten, which errs towards
//!    **admitting**, by less than half of a limit's burst each time; else
//! 3. all owe half or more, and none of them is forgotten. The last cell of the bucket, which is for nothing else, goes
//!    from newcomer to newcomer, and each begins with the part that the one before it owes if that is half or more. So
//!    together they are held like one, which errs towards **refusing**.
//!
//! So no flood of fresh keys brings back to a client what it has used beyond half of its limit. Whoever goes on asking is
//! always above half where two or more may come at once, and so stays limited for as long as it goes on. A limit with a
//! burst of one falls below half each time before the next may pass: in a flood that leaves no cell below that, such a key
//! may be forgotten there, and then gets what the last cell gives.
//!
//! # A batch
//! All of it is looked at first; where one refuses, nothing is charged. Else each is charged, and where one refuses at
//! that very moment what was charged is given back. Meanwhile another request may have been refused that would else have
//! passed. What is given back is what was taken; if all of it had come back by itself in the meantime and another request
//! was charged, that key is better off by the time that this batch took.

mod bucket;
mod error;
mod file;
mod header;
mod region;
mod word;

pub use error::RegionError;
pub use file::{Keep, RegionSettings, leave};
pub use region::Region;
