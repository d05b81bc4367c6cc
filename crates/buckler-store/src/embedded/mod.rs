//! One region of memory that all processes of a machine count in.
//!
//! A key is 16 bytes, an update one compare-exchange of them. So a process that is killed anywhere leaves every key
//! whole; there is no lock that it could keep, nothing is swept, and a request's work has a bound.
//!
//! ```text
//! file    header (a page: what it is, its sizes, the key of the hash) and buckets
//! bucket  512 bytes: 29 cells, claim, 4 accounts of 8 bytes
//! cell    tag (47 bits) | large steps (1) | generation (7) | scale of its limit (9) | state (64)
//! claim   the same head | pending (1) | cell (5) | version (58)
//! account state (64)
//! ```
//!
//! # Which key
//! A subject is hashed by SipHash-2-4 to 128 bits, with a key that is made with the region: one half chooses the bucket,
//! the other gives the tag. Whoever does not know that key can neither aim at a bucket nor read clients out of a file.
//! Two keys of one bucket are taken for one with a chance of 2⁻⁴⁷ for each pair.
//!
//! # A new key
//! Whoever finds no cell for a key chooses one to give it, and writes into the bucket's claim what is to go where, if no
//! key has come in since it began to look (the claim's version says so). The claim is carried out by whoever sees it:
//! if its writer is killed, by the next one who needs room in that bucket. So a key never stands twice, and nobody waits
//! for anybody. The generation, which each new key of a bucket raises, keeps whoever slept in between from writing over
//! what has come since. A key that uses much between the choice of its cell and the claim's end keeps it: the claim passes
//! it by, leaves its own generation there, and the newcomer looks for another cell.
//!
//! # Room
//! There are eight buckets to 64 keys that a region is made for, so it is full to a quarter while so many are *live* (not
//! yet free of all they owe). Keys fall into buckets as Poisson says: that any of the 12,500 buckets of a region for
//! 100,000 gets more than 29 has a chance of 3 in a hundred thousand, and 3 in ten thousand for 1,000,000. Until then
//! counts are exact. Beyond it, in the bucket that is full, and there alone:
//!
//! 1. a cell that owes nothing any more is taken; else
//! 2. the one that owes the smallest part of its limit, if that is less than half: it is forgotten, which errs towards
//!    **admitting**, by less than half of a limit's burst each time. Limits of which one request takes half or more (a
//!    burst of one, or of two; a high cost) have large steps, and their keys are never forgotten as long as they owe
//!    anything: what they owe falls below half long before the next request is to pass; else
//! 3. none of them is forgotten. Newcomers are counted together, in one of the bucket's accounts (`overflow`), as if they
//!    were one: which errs towards **refusing**.
//!
//! So no flood of fresh keys brings back to a client what it has used. Whoever goes on asking is always above half, or has
//! large steps, and so stays limited for as long as it goes on; of large steps not one request more passes than the limit
//! says, however the flood and the client go about it. What a flood beyond the size does reach is that newcomers wait,
//! those of a bucket together.
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
mod overflow;
mod region;
mod word;

pub use error::RegionError;
pub use file::{Keep, RegionSettings, leave};
pub use header::FORMAT;
pub use region::Region;
