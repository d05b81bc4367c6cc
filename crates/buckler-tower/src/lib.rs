//! The engine as a tower layer.

mod fault;

pub use fault::Fault;
