//! The app behind the service: it gives scripted answers and writes down what it received.

mod memory;
mod socket;

use std::sync::{Arc, Mutex, PoisonError};

pub use memory::{MemoryApp, Pieces};
pub use socket::SocketApp;

use crate::message::Received;

/// What an app received, in order. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Vec<Received>>>);

impl Ledger {
    fn write(&self, received: Received) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(received);
    }

    /// Everything so far.
    pub fn read(&self) -> Vec<Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what was received so far.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
