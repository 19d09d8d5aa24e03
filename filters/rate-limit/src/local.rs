//! The counts of this worker, for when the store does not answer.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use ferrox_policy::sidecar::{LimitCheck, LimitState, LimitsResponse};

/// How often the keys are searched for windows that have ended while there is no room: what bounds the work under a
/// flood of keys.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Fixed windows in memory, with the rules of the sidecar: a window starts with the first request that it counts, and a
/// request is counted by all of its limits or by none.
#[derive(Debug)]
pub(crate) struct LocalCounts {
    capacity: usize,
    windows: HashMap<String, Window>,
    swept: SystemTime,
}

#[derive(Debug)]
struct Window {
    began: SystemTime,
    length: Duration,
    used: u64,
}

impl Window {
    /// How long it goes on; `None` if it has ended. A clock that was set back ends it, lest it last for ever.
    fn left(&self, now: SystemTime) -> Option<Duration> {
        let elapsed = now.duration_since(self.began).ok()?;
        self.length.checked_sub(elapsed).filter(|left| !left.is_zero())
    }
}

impl LocalCounts {
    /// Room for so many keys.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, windows: HashMap::new(), swept: SystemTime::UNIX_EPOCH }
    }

    /// Counts a request against limits with different keys. A key for which there is no room is refused.
    pub(crate) fn count(&mut self, now: SystemTime, checks: &[&LimitCheck]) -> LimitsResponse {
        let mut room = self.room_for(now, checks);
        let mut limits: Vec<_> = checks.iter().map(|check| self.look(now, check, &mut room)).collect();
        let allowed = limits.iter().all(|limit| limit.allowed);
        if allowed {
            for (check, state) in checks.iter().zip(&mut limits) {
                self.add(now, check);
                state.remaining = state.remaining.saturating_sub(1);
            }
        }
        LimitsResponse { allowed, limits }
    }

    /// How many new keys there is room for, after a search for more if there is too little.
    fn room_for(&mut self, now: SystemTime, checks: &[&LimitCheck]) -> usize {
        let wanted = checks.iter().filter(|check| !self.windows.contains_key(&check.key)).count();
        let room = self.capacity.saturating_sub(self.windows.len());
        // A clock that was set back gives an error here, and then it is time as well.
        let early = now.duration_since(self.swept).is_ok_and(|since| since < SWEEP_EVERY);
        if wanted <= room || early {
            return room;
        }
        self.swept = now;
        self.windows.retain(|_, window| window.left(now).is_some());
        self.capacity.saturating_sub(self.windows.len())
    }

    fn look(&self, now: SystemTime, check: &LimitCheck, room: &mut usize) -> LimitState {
        match self.windows.get(&check.key) {
            None if *room == 0 => LimitState { reset_ms: milliseconds(SWEEP_EVERY), ..LimitState::default() },
            None => {
                *room -= 1;
                fresh(check)
            }
            Some(window) => match window.left(now) {
                None => fresh(check),
                Some(left) => LimitState {
                    allowed: window.used < check.limit,
                    remaining: check.limit.saturating_sub(window.used),
                    reset_ms: milliseconds(left),
                    ..LimitState::default()
                },
            },
        }
    }

    fn add(&mut self, now: SystemTime, check: &LimitCheck) {
        let fresh = || Window { began: now, length: Duration::from_millis(check.window_ms), used: 0 };
        let window = self.windows.entry(check.key.clone()).or_insert_with(fresh);
        if window.left(now).is_none() {
            *window = fresh();
        }
        window.used += 1;
    }
}

/// A limit whose window has not begun.
fn fresh(check: &LimitCheck) -> LimitState {
    LimitState { allowed: true, remaining: check.limit, reset_ms: check.window_ms, ..LimitState::default() }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn at(seconds: u64) -> SystemTime {
        START + Duration::from_secs(1_000 + seconds)
    }

    fn check(key: &str, limit: u64) -> LimitCheck {
        LimitCheck::fixed_window(key, limit, 10_000)
    }

    #[test]
    fn a_window_counts_from_its_first_request_and_starts_again() {
        let mut counts = LocalCounts::new(10);
        let two = check("k", 2);
        let mut count = |seconds| {
            let response = counts.count(at(seconds), &[&two]);
            let state = response.limits[0].clone();
            (response.allowed, state.remaining, state.reset_ms)
        };
        assert_eq!(count(0), (true, 1, 10_000));
        assert_eq!(count(4), (true, 0, 6_000));
        assert_eq!(count(9), (false, 0, 1_000));
        assert_eq!(count(10), (true, 1, 10_000));
        assert_eq!(count(11), (true, 0, 9_000));
        assert_eq!(count(12), (false, 0, 8_000));
    }

    #[test]
    fn a_request_is_counted_by_all_or_none() {
        let mut counts = LocalCounts::new(10);
        let (one, five) = (check("a", 1), check("b", 5));
        assert!(counts.count(at(0), &[&one, &five]).allowed);
        let denied = counts.count(at(1), &[&one, &five]);
        assert!(!denied.allowed && !denied.limits[0].allowed && denied.limits[1].allowed);
        assert_eq!(denied.limits[1].remaining, 4);
        assert_eq!(counts.count(at(1), &[&five]).limits[0].remaining, 3);
    }

    #[test]
    fn a_flood_of_keys_is_bounded_and_known_keys_go_on() {
        let mut counts = LocalCounts::new(100);
        let known = check("known", 1_000);
        assert!(counts.count(at(0), &[&known]).allowed);
        let allowed =
            (0..10_000).filter(|n| counts.count(at(0), &[&check(&n.to_string(), 1)]).allowed).count();
        assert_eq!((allowed, counts.windows.len()), (99, 100));
        assert!(counts.count(at(0), &[&known]).allowed);
    }

    #[test]
    fn ended_windows_make_room_at_most_once_a_second() {
        let mut counts = LocalCounts::new(1);
        assert!(counts.count(at(0), &[&check("old", 1)]).allowed);
        // A search that finds nothing; 10 s after the start the window ends.
        assert!(!counts.count(at(9) + Duration::from_millis(500), &[&check("new", 1)]).allowed);
        assert!(!counts.count(at(10), &[&check("new", 1)]).allowed);
        assert!(counts.count(at(11), &[&check("new", 1)]).allowed);
    }

    #[test]
    fn two_new_keys_need_two_places() {
        let mut counts = LocalCounts::new(1);
        let (a, b) = (check("a", 1), check("b", 1));
        assert!(!counts.count(at(0), &[&a, &b]).allowed);
        assert!(counts.windows.is_empty());
        assert!(counts.count(at(0), &[&a]).allowed);
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let mut counts = LocalCounts::new(1);
        let one = check("k", 1);
        assert!(counts.count(at(100), &[&one]).allowed);
        assert!(!counts.count(at(101), &[&one]).allowed);
        assert!(counts.count(at(0), &[&one]).allowed);
    }
}
