//! Tokens that a worker took from the shared counts at once, to give them out without a question.
//!
//! Whatever is held is counted already, so that no limit is ever exceeded, whoever dies when. It is taken and given back at ticks, by calls
//! that no client can end.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use ferrox_policy::{
    rate_limit::Algorithm,
    sidecar::{LimitCheck, LimitState, LimitsRequest, LimitsResponse, Return},
};

/// Longest time for which tokens are held: until the next tick, and some time for one that is late.
const LONGEST: Duration = Duration::from_secs(2);
/// How long nothing is taken of a key after an answer was lost, and maybe tokens with it.
const PAUSE: Duration = Duration::from_secs(10);
/// A worker holds at most so small a part of a limit.
const PART: u64 = 8;
/// For fewer requests than these in a period it is not worth while.
const FEWEST: u64 = 2;
/// How many limits are asked about at once, and how many questions a tick has at most.
const AT_ONCE: usize = 8;
const MOST_QUESTIONS: usize = 64;

/// What a worker holds.
#[derive(Debug)]
pub(crate) struct Leases {
    capacity: usize,
    keys: HashMap<String, Lease>,
}

/// What a tick asks for.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) takes: Vec<LimitsRequest>,
    pub(crate) returns: Vec<Return>,
}

/// What is held of one key.
#[derive(Debug)]
struct Lease {
    check: LimitCheck,
    /// What is to be held at the beginning of a period.
    size: u64,
    /// What the requests of this period cost.
    used: u64,
    /// Whether there was too little for one of them.
    short: bool,
    lots: Vec<Lot>,
    /// How the rest of the limit stood when something was taken last, and when that was.
    stood: (SystemTime, LimitState),
    /// Whether a take is under way.
    taking: bool,
    /// When an answer was lost.
    lost: Option<SystemTime>,
}

/// Tokens that were taken together.
#[derive(Debug)]
struct Lot {
    tokens: u64,
    mark: u64,
    since: SystemTime,
    until: SystemTime,
}

impl Leases {
    /// Room for so many keys.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, keys: HashMap::new() }
    }

    /// Lets a request pass by what is held of each of its limits, and tells how they stand; `None` if of one too little is.
    pub(crate) fn pass(&mut self, now: SystemTime, checks: &[LimitCheck]) -> Option<Vec<LimitState>> {
        let covers =
            |check: &LimitCheck| self.keys.get(&check.key).is_some_and(|lease| lease.covers(now, check));
        if !checks.iter().all(covers) {
            return None;
        }
        let spend =
            |check: &LimitCheck| self.keys.get_mut(&check.key).map(|lease| lease.spend(now, check.cost));
        checks.iter().map(spend).collect()
    }

    /// The store is asked about a request.
    pub(crate) fn asked(&mut self, now: SystemTime, check: &LimitCheck) {
        if self.keys.len() >= self.capacity && !self.keys.contains_key(&check.key) {
            return;
        }
        let lease = self.keys.entry(check.key.clone()).or_insert_with(|| Lease::new(now, check));
        lease.short |= !lease.covers(now, check);
        lease.used = lease.used.saturating_add(check.cost);
        // The policy may have changed since.
        if lease.lots.is_empty() && !lease.taking {
            lease.check = check.clone();
        }
    }

    /// A period is over.
    pub(crate) fn tick(&mut self, now: SystemTime) -> Due {
        let mut due = Due::default();
        let mut wanted = Vec::new();
        self.keys.retain(|_, lease| {
            let (size, used) = (lease.next_size(), lease.used);
            (lease.size, lease.used, lease.short) = (size, 0, false);
            due.returns.extend(lease.give_back(now));
            if used >= FEWEST && wanted.len() < AT_ONCE * MOST_QUESTIONS {
                wanted.extend(lease.take(now));
            }
            used > 0 || lease.taking || !lease.lots.is_empty() || lease.is_paused(now)
        });
        due.takes = wanted.chunks(AT_ONCE).map(question).collect();
        due
    }

    /// What was asked for at this time was answered.
    pub(crate) fn took(&mut self, asked: SystemTime, request: &LimitsRequest, response: &LimitsResponse) {
        for (check, state) in request.limits.iter().zip(&response.limits) {
            let Some(lease) = self.keys.get_mut(&check.key) else { continue };
            lease.taking = false;
            lease.stood = (asked, state.clone());
            if state.taken > 0 {
                let until = asked + lasts(check, state);
                lease.lots.push(Lot { tokens: state.taken, mark: state.mark, since: asked, until });
            }
        }
    }

    /// Nobody knows whether what was asked for was taken.
    pub(crate) fn lost(&mut self, now: SystemTime, request: &LimitsRequest) {
        for check in &request.limits {
            if let Some(lease) = self.keys.get_mut(&check.key) {
                (lease.taking, lease.lost, lease.size) = (false, Some(now), 0);
            }
        }
    }
}

/// Each takes what it can, whatever the others have.
fn question(wanted: &[LimitCheck]) -> LimitsRequest {
    LimitsRequest { limits: wanted.to_vec(), charge: true }
}

/// How long tokens may be held, from the moment of the question on, which is before the store took them.
fn lasts(check: &LimitCheck, state: &LimitState) -> Duration {
    let milliseconds = match check.algorithm {
        // To the end of the window that counts them.
        Algorithm::FixedWindow => state.reset_ms.saturating_sub(1),
        // To the end of the sixteenth that counts them, which leaves the window a whole window later. The time was rounded up.
        Algorithm::SlidingWindow => state.reset_ms.saturating_sub(check.window_ms).saturating_sub(1),
        // As long as an eighth takes to grow: for that the burst of the store is smaller than that of the limit.
        Algorithm::TokenBucket => {
            let grown = most_held(check).saturating_mul(check.window_ms);
            grown.checked_div(check.limit).unwrap_or(0)
        }
        Algorithm::Concurrency => 0,
    };
    Duration::from_millis(milliseconds).min(LONGEST)
}

/// How much of a limit a worker may hold.
fn most_held(check: &LimitCheck) -> u64 {
    check.burst.unwrap_or(check.limit) / PART
}

impl Lease {
    fn new(now: SystemTime, check: &LimitCheck) -> Self {
        Self {
            check: check.clone(),
            size: 0,
            used: 0,
            short: false,
            lots: Vec::new(),
            stood: (now, LimitState::default()),
            taking: false,
            lost: None,
        }
    }

    fn held(&self, now: SystemTime) -> u64 {
        self.lots.iter().filter(|lot| lot.is_good(now)).map(|lot| lot.tokens).sum()
    }

    /// Tokens that were taken for another limit, as before a change of the policy, are not used for this.
    fn covers(&self, now: SystemTime, check: &LimitCheck) -> bool {
        let is_same = (self.check.limit, self.check.window_ms, self.check.burst)
            == (check.limit, check.window_ms, check.burst);
        is_same && self.held(now) >= check.cost
    }

    /// Gives out tokens, of which enough are there.
    fn spend(&mut self, now: SystemTime, cost: u64) -> LimitState {
        self.used = self.used.saturating_add(cost);
        let mut left = cost;
        for lot in self.lots.iter_mut().filter(|lot| lot.is_good(now)) {
            let spent = left.min(lot.tokens);
            lot.tokens -= spent;
            left -= spent;
        }
        let (at, stood) = &self.stood;
        let passed = now.duration_since(*at).unwrap_or_default().as_millis();
        LimitState {
            allowed: true,
            remaining: stood.remaining.saturating_add(self.held(now)),
            reset_ms: stood.reset_ms.saturating_sub(u64::try_from(passed).unwrap_or(u64::MAX)),
            ..LimitState::default()
        }
    }

    /// As much as was used where that was not there, half where that would have been enough; never more than twice what was used.
    fn next_size(&self) -> u64 {
        let size = match self.used {
            used if used >= FEWEST && self.short => used.max(self.size),
            used if used < FEWEST || used < self.size / 2 => self.size / 2,
            _ => self.size,
        };
        size.min(self.used.saturating_mul(2)).min(most_held(&self.check))
    }

    /// Gives up what is past its time, and what is more than is to be held.
    fn give_back(&mut self, now: SystemTime) -> Vec<Return> {
        let (mut kept, size) = (0, self.size);
        let (good, past) = std::mem::take(&mut self.lots).into_iter().partition(|lot: &Lot| {
            let is_kept = lot.is_good(now) && lot.tokens > 0 && kept < size;
            kept += if is_kept { lot.tokens } else { 0 };
            is_kept
        });
        self.lots = good;
        past.into_iter().filter_map(|lot: Lot| self.returned(&lot)).collect()
    }

    /// What comes back of tokens. A bucket fills by itself, and what came back could be held anew: there would be no bound on what
    /// is held at once.
    fn returned(&self, lot: &Lot) -> Option<Return> {
        let comes_back = lot.tokens > 0 && self.check.algorithm != Algorithm::TokenBucket;
        comes_back.then(|| Return {
            key: self.check.key.clone(),
            algorithm: self.check.algorithm,
            limit: self.check.limit,
            window_ms: self.check.window_ms,
            tokens: lot.tokens,
            mark: lot.mark,
            lease: None,
        })
    }

    /// What is to be taken, if anything.
    fn take(&mut self, now: SystemTime) -> Option<LimitCheck> {
        let take = self.size.saturating_sub(self.held(now));
        if take == 0 || self.taking || self.is_paused(now) {
            return None;
        }
        self.taking = true;
        // Whether there is room is told and decides nothing.
        Some(LimitCheck { cost: 0, take, report_only: true, ..self.check.clone() })
    }

    fn is_paused(&self, now: SystemTime) -> bool {
        self.lost.is_some_and(|lost| now.duration_since(lost).is_ok_and(|since| since < PAUSE))
    }
}

impl Lot {
    /// Whether its tokens may be given out. With a clock that was set back nobody knows.
    fn is_good(&self, now: SystemTime) -> bool {
        (self.since..self.until).contains(&now)
    }
}

#[cfg(test)]
mod tests;
