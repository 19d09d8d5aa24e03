//! Says in the log when Redis begins to fail and when it works again, rather than for each request.

use std::{
    sync::atomic::{AtomicBool, Ordering},
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
    failing: AtomicBool,
    failed_lately: AtomicBool,
}

impl Health {
    pub(crate) fn failed(&self, failure: &RedisFailure) {
        if self.begins_to_fail() {
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

    fn begins_to_fail(&self) -> bool {
        self.failed_lately.store(true, Ordering::Relaxed);
        !self.failing.swap(true, Ordering::Relaxed)
    }

    /// Called at the end of each period.
    fn recovers(&self) -> bool {
        let quiet = !self.failed_lately.swap(false, Ordering::Relaxed);
        quiet && self.failing.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_and_recovery_are_each_told_once() {
        let health = Health::default();
        assert!(!health.recovers(), "nothing failed yet");
        assert!(health.begins_to_fail());
        assert!(!health.begins_to_fail());
        assert!(!health.recovers(), "the period was not quiet");
        assert!(!health.begins_to_fail(), "still the same failing");
        assert!(!health.recovers());
        assert!(health.recovers());
        assert!(!health.recovers());
        assert!(health.begins_to_fail());
    }
}
