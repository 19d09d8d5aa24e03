//! When keys are fetched, and by whom: what the VMs of one Envoy agree on.

use serde::{Deserialize, Serialize};

/// Milliseconds, of a duration or since 1970.
pub(super) type Millis = u64;

/// Longest time between two fetches.
pub(super) const DAY: Millis = 86_400_000;
/// Shortest time between two fetches that unknown keys ask for.
const BETWEEN_ASKS: Millis = 30_000;
/// How long after a first failure the next try is; twice as long after each further one.
const FIRST_RETRY: Millis = 1_000;
/// Longest time from one failure to the next try.
const LAST_RETRY: Millis = 60_000;

/// The state of one set of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Plan {
    /// Grows with each set that differs from the one before; 0 while there is none.
    pub(super) version: u64,
    /// When the set was fetched last.
    pub(super) fetched: Millis,
    /// Failures since then.
    pub(super) failures: u32,
    due: Millis,
    /// Until then a VM fetches; also the name of its lease. A VM that dies holds nobody up for longer.
    leased_until: Millis,
    asked: Millis,
}

impl Plan {
    /// Whether somebody should fetch.
    pub(super) fn is_due(&self, now: Millis) -> bool {
        is_over(self.due, now) && is_over(self.leased_until, now)
    }

    /// Takes the lease, if somebody should fetch.
    pub(super) fn take(&mut self, now: Millis, until: Millis) -> bool {
        let is_due = self.is_due(now);
        if is_due {
            self.leased_until = until;
        }
        is_due
    }

    /// Whether a lease is still the one that counts: an answer that comes too late must not replace what others fetched.
    pub(super) fn is_held(&self, lease: Millis) -> bool {
        self.leased_until == lease
    }

    /// The holder of the lease fetched keys that last so long. They are fetched anew before that.
    pub(super) fn succeed(&mut self, now: Millis, is_new: bool, lasts: Millis, random: u64) {
        *self = Self {
            version: self.version + u64::from(is_new),
            fetched: now,
            failures: 0,
            due: now.saturating_add(part(lasts.min(DAY), 75..=95, random)),
            leased_until: 0,
            asked: self.asked,
        };
    }

    /// The holder of the lease failed.
    pub(super) fn fail(&mut self, now: Millis, random: u64) {
        let wait = FIRST_RETRY << self.failures.min(6);
        self.due = now.saturating_add(part(wait.min(LAST_RETRY), 50..=100, random));
        self.failures = self.failures.saturating_add(1);
        self.leased_until = 0;
    }

    /// A token named a key that is not known. Whether it has keys fetched, which it has at most every 30 seconds.
    pub(super) fn ask(&mut self, now: Millis) -> bool {
        let was_asked = now.checked_sub(self.asked).is_some_and(|since| since < BETWEEN_ASKS);
        if was_asked || !is_over(self.leased_until, now) {
            return false;
        }
        self.asked = now;
        self.due = now;
        true
    }
}

/// Whether a time is over. One that is further away than any can be was set by a clock that has been set back since.
fn is_over(time: Millis, now: Millis) -> bool {
    time.checked_sub(now).is_none_or(|left| left == 0 || left > DAY)
}

/// A part of a time, by chance within these percent, so that not all Envoys fetch at once.
fn part(time: Millis, percent: std::ops::RangeInclusive<u64>, random: u64) -> Millis {
    let span = percent.end() - percent.start() + 1;
    time * (percent.start() + random % span) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_700_000_000_000;
    const LEASE: Millis = NOW + 6_000;

    fn fetched(lasts: Millis, random: u64) -> Plan {
        let mut plan = Plan::default();
        assert!(plan.take(NOW, LEASE));
        plan.succeed(NOW, true, lasts, random);
        plan
    }

    #[test]
    fn keys_are_fetched_at_once_and_by_one() {
        let mut plan = Plan::default();
        assert!(plan.take(NOW, LEASE));
        assert!(plan.is_held(LEASE));
        assert!(!plan.take(NOW + 1, LEASE + 1));
        assert!(plan.is_held(LEASE));
    }

    #[test]
    fn a_lease_that_is_over_is_taken_by_another() {
        let mut plan = Plan::default();
        plan.take(NOW, LEASE);
        assert!(!plan.take(LEASE - 1, LEASE + 6_000));
        assert!(plan.take(LEASE, LEASE + 6_000));
        assert!(!plan.is_held(LEASE));
    }

    #[test]
    fn keys_are_fetched_anew_before_they_are_too_old() {
        for random in 0..1_000 {
            let plan = fetched(300_000, random);
            assert!(!plan.is_due(NOW + 224_999) && plan.is_due(NOW + 285_000), "{random}");
        }
        // Not all at once.
        let due = |random| fetched(300_000, random).due;
        assert_ne!(due(0), due(1));
        assert!(fetched(u64::MAX, 20).is_due(NOW + DAY));
    }

    #[test]
    fn failures_are_further_and_further_apart_and_keep_what_is_there() {
        let mut plan = fetched(1_000, 0);
        let mut now = NOW + 1_000;
        for (failures, longest) in [(1, 1_000), (2, 2_000), (3, 4_000), (7, 60_000), (100, 60_000)] {
            while plan.failures < failures {
                now += 60_000;
                assert!(plan.take(now, now + 6_000));
                plan.fail(now, u64::from(failures) * 7);
            }
            assert!(!plan.is_due(now + longest / 2 - 1) && plan.is_due(now + longest), "{failures}");
        }
        assert_eq!((plan.version, plan.fetched), (1, NOW));
        plan.take(now + 60_000, now + 66_000);
        plan.succeed(now + 60_000, false, 1_000, 0);
        assert_eq!((plan.version, plan.failures, plan.fetched), (1, 0, now + 60_000));
    }

    #[test]
    fn unknown_keys_have_keys_fetched_at_most_every_thirty_seconds() {
        let mut plan = fetched(300_000, 0);
        assert!(plan.ask(NOW + 1));
        assert!(plan.is_due(NOW + 1));
        plan.take(NOW + 1, LEASE);
        assert!(!plan.ask(NOW + 2));
        plan.succeed(NOW + 3, false, 300_000, 0);
        assert!(!plan.ask(NOW + 30_000));
        assert!(!plan.is_due(NOW + 30_000));
        assert!(plan.ask(NOW + 30_001));
        assert!(plan.is_due(NOW + 30_001));
    }

    #[test]
    fn who_fetches_is_not_asked_to() {
        let mut plan = Plan::default();
        plan.take(NOW, LEASE);
        assert!(!plan.ask(NOW));
        assert!(plan.ask(LEASE));
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nobody_up() {
        let plan = fetched(300_000, 0);
        assert!(plan.is_due(NOW - 2 * DAY));
        let mut leased = Plan::default();
        leased.take(NOW, LEASE);
        assert!(leased.is_due(NOW - 2 * DAY));
        let mut asked = fetched(300_000, 0);
        asked.ask(NOW);
        assert!(asked.ask(NOW - 1));
    }
}
