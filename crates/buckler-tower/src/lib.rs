//! The engine as a tower layer.
