//! Who is told how exchanges ended, and what time it is.

use buckler_engine::{Record, Timestamp};

/// Told of every exchange, once, when it is over. Called on the thread that serves: it must not block.
pub trait Observer: Send + Sync + 'static {
    /// Takes the record of one exchange.
    fn record(&self, record: Record);
}

impl<F: Fn(Record) + Send + Sync + 'static> Observer for F {
    fn record(&self, record: Record) {
        self(record);
    }
}

/// Tells the time.
pub trait Time: Send + Sync + 'static {
    /// Microseconds since the epoch.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemTime;

impl Time for SystemTime {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}
