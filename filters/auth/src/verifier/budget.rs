//! How long wrong signatures may keep a worker busy.

use std::{
    cell::Cell,
    time::{Duration, SystemTime},
};

use ferrox_host::Host;

/// Of a worker's time, one part in this many at most.
const SHARE: u32 = 5;
/// And so much at once: what a request may have to wait for them.
const MOST: Duration = Duration::from_millis(50);

/// The time that verification took that found a signature wrong. It is forgotten at the rate of its share, and while it is all
/// used up nothing is verified.
///
/// It is measured, since it depends on the algorithm, the key and the machine. What verification of good signatures takes does
/// not count: whoever has those is a client.
#[derive(Debug)]
pub(super) struct Budget {
    used: Cell<Duration>,
    as_of: Cell<SystemTime>,
}

/// Wrong signatures have taken all their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Default for Budget {
    fn default() -> Self {
        Self { used: Cell::default(), as_of: Cell::new(SystemTime::UNIX_EPOCH) }
    }
}

impl Budget {
    /// Whether a signature is good, if there is time to find out.
    pub(super) fn spend(&self, host: &dyn Host, is_good: impl FnOnce() -> bool) -> Result<bool, Exhausted> {
        let begun = host.now();
        // A clock that was set back goes on from there.
        let since = begun.duration_since(self.as_of.replace(begun)).unwrap_or_default();
        let used = self.used.get().saturating_sub(since / SHARE);
        self.used.set(used);
        if used >= MOST {
            return Err(Exhausted);
        }
        let is_good = is_good();
        if !is_good {
            // A clock that was set forward meanwhile takes no more than there is.
            let took = host.now().duration_since(begun).unwrap_or_default().min(MOST);
            self.used.set(used + took);
        }
        Ok(is_good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrox_host::mock::MockHost;

    /// A host on which verification takes a millisecond.
    fn host() -> MockHost {
        let host = MockHost::default();
        host.set_clock_step(Duration::from_millis(1));
        host
    }

    /// How many wrong signatures are verified before the time is used up.
    fn wrong_ones(host: &MockHost, budget: &Budget) -> usize {
        (0..1_000).take_while(|_| budget.spend(host, || false) == Ok(false)).count()
    }

    #[test]
    fn good_signatures_are_verified_without_end() {
        let (host, budget) = (host(), Budget::default());
        assert!((0..10_000).all(|_| budget.spend(&host, || true) == Ok(true)));
    }

    #[test]
    fn when_the_time_is_used_up_nothing_is_verified() {
        let (host, budget) = (host(), Budget::default());
        // 50 of a millisecond each, and what is forgotten meanwhile.
        let verified = wrong_ones(&host, &budget);
        assert!((50..100).contains(&verified), "{verified}");
        host.set_clock_step(Duration::ZERO);
        assert_eq!(budget.spend(&host, || unreachable!()), Err(Exhausted));
    }

    #[test]
    fn wrong_signatures_take_a_fifth_of_the_time() {
        let (host, budget) = (host(), Budget::default());
        wrong_ones(&host, &budget);
        let begun = host.now();
        let verified = (0..10_000).filter(|_| budget.spend(&host, || false).is_ok()).count();
        let share = verified as f64 / host.now().duration_since(begun).unwrap().as_millis() as f64;
        assert!((0.18..=0.2).contains(&share), "{share}");
    }

    #[test]
    fn after_a_while_they_may_take_it_all_again_and_no_more() {
        let (host, budget) = (host(), Budget::default());
        let at_first = wrong_ones(&host, &budget);
        host.advance(Duration::from_secs(3600));
        let later = wrong_ones(&host, &budget);
        assert!(later.abs_diff(at_first) <= 1, "{at_first} {later}");
    }

    #[test]
    fn a_clock_that_is_set_closes_it_for_no_longer_than_it_would_have() {
        let (host, budget) = (host(), Budget::default());
        wrong_ones(&host, &budget);
        host.set_unix_time(1);
        assert_eq!(budget.spend(&host, || unreachable!()), Err(Exhausted));
        host.advance(MOST * SHARE);
        assert_eq!(budget.spend(&host, || false), Ok(false));
        // Forward while a signature is verified.
        let set_forward = || {
            host.advance(Duration::from_secs(3600));
            false
        };
        assert_eq!(budget.spend(&host, set_forward), Ok(false));
        host.advance(MOST * SHARE);
        assert_eq!(budget.spend(&host, || false), Ok(false));
    }
}
