//! The counts of this worker, for when the store does not answer.

mod count;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ferrox_policy::sidecar::{LimitCheck, LimitState, LimitsResponse};

use self::count::{Count, Micros, Standing};

/// How often the keys are searched for counts that are over while there is no room: what bounds the work under a flood of
/// keys.
const SWEEP_EVERY: Micros = 1_000_000;

/// Counts in memory, with the rules of the sidecar: a request is counted by all of its limits or by none.
#[derive(Debug)]
pub(crate) struct LocalCounts {
    capacity: usize,
    keys: HashMap<String, Known>,
    swept: Micros,
}

/// A count, and how long it is worth remembering.
#[derive(Debug)]
struct Known {
    count: Count,
    /// When it was added to last.
    since: Micros,
    /// When all of the limit will be there again.
    until: Micros,
}

impl LocalCounts {
    /// Room for so many keys.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, keys: HashMap::new(), swept: 0 }
    }

    /// Counts a request against limits with different keys. A key for which there is no room is refused.
    pub(crate) fn count(&mut self, now: SystemTime, checks: &[LimitCheck]) -> LimitsResponse {
        let now = micros(now);
        let mut room = self.room_for(now, checks);
        let found: Vec<_> = checks.iter().map(|check| self.look(now, check, &mut room)).collect();
        let has_room = |check: &LimitCheck, found: &Standing| found.free >= check.cost.max(1);
        let passes = |(check, found): (&LimitCheck, &Standing)| check.report_only || has_room(check, found);
        let allowed = checks.iter().zip(&found).all(passes);
        let limits = checks.iter().zip(found).map(|(check, found)| {
            let counts = check.cost > 0 && (allowed || check.count_denied);
            let left = counts.then(|| self.add(now, check)).flatten().unwrap_or(found);
            let has_room = has_room(check, &found);
            LimitState {
                allowed: has_room,
                remaining: left.free,
                reset_ms: left.reset.div_ceil(1_000),
                retry_ms: if has_room { 0 } else { found.retry.div_ceil(1_000).max(1) },
                ..LimitState::default()
            }
        });
        LimitsResponse { allowed, limits: limits.collect() }
    }

    /// Requests under way have ended.
    pub(crate) fn end(&mut self, checks: &[LimitCheck]) {
        for check in checks {
            let (Some(known), Some(lease)) = (self.keys.get_mut(&check.key), &check.lease) else { continue };
            if !known.count.end(lease) {
                self.keys.remove(&check.key);
            }
        }
    }

    /// How many new keys there is room for, after a search for more if there is too little.
    fn room_for(&mut self, now: Micros, checks: &[LimitCheck]) -> usize {
        let wanted = checks.iter().filter(|check| !self.keys.contains_key(&check.key)).count();
        let room = self.capacity.saturating_sub(self.keys.len());
        // With a clock that was set back it is time as well.
        let early = now.checked_sub(self.swept).is_some_and(|since| since < SWEEP_EVERY);
        if wanted <= room || early {
            return room;
        }
        self.swept = now;
        self.keys.retain(|_, known| (known.since..known.until).contains(&now));
        self.capacity.saturating_sub(self.keys.len())
    }

    fn look(&mut self, now: Micros, check: &LimitCheck, room: &mut usize) -> Standing {
        if let Some(known) = self.keys.get_mut(&check.key) {
            known.count.expire(check, now);
            return known.count.standing(check, now);
        }
        if *room == 0 {
            return Standing { free: 0, reset: SWEEP_EVERY, retry: SWEEP_EVERY };
        }
        *room -= 1;
        let mut fresh = Count::new(check.algorithm, now);
        fresh.expire(check, now);
        fresh.standing(check, now)
    }

    /// Counts a request. How the limit stands then; `None` if there is no room for the key.
    fn add(&mut self, now: Micros, check: &LimitCheck) -> Option<Standing> {
        if !self.keys.contains_key(&check.key) && self.keys.len() >= self.capacity {
            return None;
        }
        let fresh = || Known { count: Count::new(check.algorithm, now), since: now, until: now };
        let known = self.keys.entry(check.key.clone()).or_insert_with(fresh);
        known.count.expire(check, now);
        known.count.add(check, now);
        let left = known.count.standing(check, now);
        (known.since, known.until) = (now, now.saturating_add(left.reset));
        Some(left)
    }
}

/// Microseconds since 1970; with a clock that stands there or before, none are known.
fn micros(now: SystemTime) -> Micros {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Micros::try_from(since.as_micros()).unwrap_or(Micros::MAX)
}
