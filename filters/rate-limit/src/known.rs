//! Keys that are known to be over their limit: until that can have changed, a worker refuses their requests by itself.

use std::{
    collections::HashMap,
    mem,
    time::{Duration, SystemTime},
};

use ferrox_policy::{
    rate_limit::Algorithm,
    sidecar::{LimitCheck, LimitState, LimitsResponse},
};

/// Longest time for which a key is refused without a question: who runs Redis can take a count away.
pub(crate) const LONGEST: Duration = Duration::from_secs(10);
/// The same where workers hold tokens: what they do not use comes back.
pub(crate) const LONGEST_LEASED: Duration = Duration::from_secs(1);

/// What a worker knows to be over its limit. Of two generations of keys the older is forgotten when the younger is full, and a key that
/// is asked about is young: what is forgotten was not needed for long.
#[derive(Debug)]
pub(crate) struct KnownOver {
    capacity: usize,
    young: HashMap<String, Over>,
    old: HashMap<String, Over>,
}

/// How a key stood, and for which limit.
#[derive(Debug, Clone)]
struct Over {
    since: SystemTime,
    lasts: Duration,
    limit: u64,
    window_ms: u64,
    burst: Option<u64>,
    /// What there was no room for.
    need: u64,
    state: LimitState,
}

impl KnownOver {
    /// Room for so many keys.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, young: HashMap::new(), old: HashMap::new() }
    }

    /// Remembers for so long at most which limits had no room, by an answer to what was asked at this time.
    pub(crate) fn learn(
        &mut self,
        asked: SystemTime,
        checks: &[LimitCheck],
        response: &LimitsResponse,
        longest: Duration,
    ) {
        for (check, state) in checks.iter().zip(&response.limits) {
            if !state.allowed && may_be_known(check) {
                self.put(check.key.clone(), Over::new(asked, check, state, longest));
            }
        }
    }

    /// How the limits stand of which it is known that they refuse the request, in the place of each, and of those that
    /// are only reported; `None` if the store must decide, also where a refused request is to be counted.
    pub(crate) fn refused(
        &mut self,
        now: SystemTime,
        checks: &[LimitCheck],
    ) -> Option<Vec<Option<LimitState>>> {
        if checks.iter().any(|check| check.count_denied) {
            return None;
        }
        let states: Vec<_> = checks.iter().map(|check| self.state(now, check)).collect();
        let refuses = |(check, state): (&LimitCheck, &Option<_>)| state.is_some() && !check.report_only;
        checks.iter().zip(&states).any(refuses).then_some(states)
    }

    fn state(&mut self, now: SystemTime, check: &LimitCheck) -> Option<LimitState> {
        if !may_be_known(check) {
            return None;
        }
        let over = self.young.get(&check.key).or_else(|| self.old.get(&check.key))?;
        if over.is_past(now) {
            self.young.remove(&check.key);
            self.old.remove(&check.key);
            return None;
        }
        let state = over.state_for(now, check);
        if let Some(over) = self.old.remove(&check.key) {
            self.put(check.key.clone(), over);
        }
        state
    }

    fn put(&mut self, key: String, over: Over) {
        if self.capacity == 0 {
            return;
        }
        self.old.remove(&key);
        self.young.insert(key, over);
        if self.young.len() * 2 >= self.capacity {
            self.old = mem::take(&mut self.young);
        }
    }
}

/// Not of requests under way, any of which can end at any time.
fn may_be_known(check: &LimitCheck) -> bool {
    !check.count_denied && check.algorithm != Algorithm::Concurrency
}

impl Over {
    fn new(asked: SystemTime, check: &LimitCheck, state: &LimitState, longest: Duration) -> Self {
        Self {
            since: asked,
            lasts: Duration::from_millis(state.retry_ms).min(longest),
            limit: check.limit,
            window_ms: check.window_ms,
            burst: check.burst,
            need: check.cost.max(1),
            state: state.clone(),
        }
    }

    /// How it stands now for this check; `None` if there may be room.
    fn state_for(&self, now: SystemTime, check: &LimitCheck) -> Option<LimitState> {
        // Another route, or a new policy, may count under the same key with a larger limit, or may need less.
        let is_of = (self.limit, self.window_ms, self.burst) == (check.limit, check.window_ms, check.burst);
        if !is_of || check.cost.max(1) < self.need {
            return None;
        }
        let passed = now.duration_since(self.since).ok()?;
        let passed = u64::try_from(passed.as_millis()).ok()?;
        Some(LimitState {
            reset_ms: self.state.reset_ms.saturating_sub(passed),
            retry_ms: self.state.retry_ms.saturating_sub(passed).max(1),
            ..self.state.clone()
        })
    }

    /// Whether there can be room again. With a clock that was set back nobody knows.
    fn is_past(&self, now: SystemTime) -> bool {
        now.duration_since(self.since).map_or(true, |passed| passed >= self.lasts)
    }
}

#[cfg(test)]
mod tests;
