//! How long a dead worker stays dead.

use std::time::Duration;

/// A crash that one request caused costs the others little more than the app's own start.
const BASE: Duration = Duration::from_millis(100);

/// An app that cannot start is tried twice a minute: soon enough after the mend, too seldom to load the machine.
const CAP: Duration = Duration::from_secs(30);

/// Who served for a minute did start, so its end is a new one and no continuation.
const STABLE: Duration = Duration::from_mins(1);

/// The rule: `base`, doubled with each death in a row, at most `cap`.
#[derive(Debug, Clone, Copy)]
pub struct Restart {
    /// The first pause.
    pub base: Duration,
    /// The longest pause.
    pub cap: Duration,
    /// Serving for so long forgets the deaths before.
    pub stable: Duration,
}

impl Default for Restart {
    fn default() -> Self {
        Self { base: BASE, cap: CAP, stable: STABLE }
    }
}

/// The rule and how many deaths there were in a row.
#[derive(Debug)]
pub(crate) struct Backoff {
    rule: Restart,
    deaths: u32,
}

impl Backoff {
    pub(crate) fn new(rule: Restart) -> Self {
        Self { rule, deaths: 0 }
    }

    /// The pause after a death that followed so long a time of serving.
    pub(crate) fn pause(&mut self, served: Duration) -> Duration {
        if served >= self.rule.stable {
            self.deaths = 0;
        }
        let pause = self.rule.base.saturating_mul(2_u32.saturating_pow(self.deaths)).min(self.rule.cap);
        self.deaths = self.deaths.saturating_add(1);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_are_forgotten() {
        // R09
        let mut backoff = Backoff::new(Restart::default());
        let mut pauses = |served: u64, times: usize| -> Vec<u128> {
            (0..times).map(|_| backoff.pause(Duration::from_secs(served)).as_millis()).collect()
        };
        assert_eq!(pauses(0, 5), [100, 200, 400, 800, 1600]);
        assert_eq!(pauses(59, 1), [3200]);
        assert_eq!(pauses(60, 1), [100]);
        assert_eq!(pauses(0, 1000).last(), Some(&30_000));
    }
}
