//! Measurements.
//!
//! | program | answers |
//! |---|---|
//! | `engine-path` | what one judgement costs: nanoseconds, allocations; under callgrind, instructions |
//! | `bare-proxy` | what hyper alone costs as a proxy: the floor that the gateway is compared with |
//! | `trivial-upstream` | the app that costs nothing |
//! | `load` | a bounded number of requests over a bounded number of connections, loopback only |
//!
//! `make bench` runs them side by side and prints ratios; `bench/README.md` says how to read them.

pub mod scenario;
