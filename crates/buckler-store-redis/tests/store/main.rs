//! The store against private servers, which each test starts and ends. Where the machine has none, that is said and the
//! tests are skipped; where `CI` is set, they fail.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test"
)]

mod arithmetic;
mod cluster;
mod counting;
mod leases;
mod logins;
mod outages;
mod processes;
mod proxy;
mod runtimes;
mod server;
mod tls;
mod traffic;
