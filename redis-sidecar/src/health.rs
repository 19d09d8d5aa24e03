//! Says in the log when Redis begins to fail, each way once, and when it works again, rather than for each request.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tracing::{info, warn};

use crate::failure::RedisFailure;

/// Redis works again when nothing failed for this long. Longer than [`crate::link`] ever waits for or between
/// attempts to connect, so that an unreachable Redis never looks quiet.
const QUIET: Duration = Duration::from_secs(3);

/// Whether Redis fails.
#[derive(Debug, Default)]
pub(crate) struct Health {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The ways in which it fails that were told, by their label.
    told: BTreeSet<&'static str>,
    failed_lately: bool,
}

impl Health {
    pub(crate) fn failed(&self, failure: &RedisFailure) {
        if self.is_news(failure) {
            warn!(reason = %failure, "Redis fails");
        }
    }

    /// Watches for recovery, for as long as the future is polled.
    pub(crate) async fn watch(&self) {
        let mut periods = tokio::time::interval(QUIET);
        loop {
            periods.tick().await;
            if self.recovers() {
                info!("Redis works again");
            }
        }
    }

    fn is_news(&self, failure: &RedisFailure) -> bool {
        let mut state = self.state();
        state.failed_lately = true;
        state.told.insert(failure.label())
    }

    /// Called at the end of each period.
    fn recovers(&self) -> bool {
        let mut state = self.state();
        let quiet = !std::mem::take(&mut state.failed_lately);
        quiet && !std::mem::take(&mut state.told).is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GONE: RedisFailure = RedisFailure::Unavailable;

    #[test]
    fn failing_and_recovery_are_each_told_once() {
        let health = Health::default();
        assert!(!health.recovers(), "nothing failed yet");
        assert!(health.is_news(&GONE));
        assert!(!health.is_news(&GONE));
        assert!(!health.recovers(), "the period was not quiet");
        assert!(!health.is_news(&GONE), "still the same failing");
        assert!(!health.recovers());
        assert!(health.recovers());
        assert!(!health.recovers());
        assert!(health.is_news(&GONE));
    }

    #[test]
    fn another_way_to_fail_is_told_as_well() {
        let health = Health::default();
        assert!(health.is_news(&GONE));
        assert!(health.is_news(&RedisFailure::Tls("a".to_owned())));
        assert!(!health.is_news(&RedisFailure::Tls("b".to_owned())), "the same way");
        assert!(!health.is_news(&GONE), "it goes to and fro");
    }
}
