//! One count, by the rules of the sidecar's script.

use std::collections::{BTreeMap, HashMap};

use ferrox_policy::{rate_limit::Algorithm, sidecar::LimitCheck};

/// Microseconds since 1970, or of a span.
pub(super) type Micros = u64;

/// Parts of a sliding window that are counted for themselves.
const PARTS: u64 = 16;

/// What is remembered of a key.
#[derive(Debug)]
pub(super) enum Count {
    /// Since when the window is counted, and what.
    Fixed { began: Micros, used: u64 },
    /// What came in which sixteenth of a window.
    Sliding(BTreeMap<u64, u64>),
    /// When the bucket will be full again.
    Bucket { full: f64 },
    /// Until when each request under way counts.
    UnderWay(HashMap<String, Micros>),
}

/// How a limit stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// How many more may pass.
    pub(super) free: u64,
    /// Until all may pass again.
    pub(super) reset: Micros,
    /// Until the request that was asked about can pass, if it cannot now.
    pub(super) retry: Micros,
}

impl Count {
    /// Of a key of which nothing is known.
    pub(super) fn new(algorithm: Algorithm, now: Micros) -> Self {
        match algorithm {
            Algorithm::FixedWindow => Self::Fixed { began: now, used: 0 },
            Algorithm::SlidingWindow => Self::Sliding(BTreeMap::new()),
            Algorithm::TokenBucket => Self::Bucket { full: 0.0 },
            Algorithm::Concurrency => Self::UnderWay(HashMap::new()),
        }
    }

    /// Forgets what is over.
    pub(super) fn expire(&mut self, check: &LimitCheck, now: Micros) {
        let window = check.window_ms.saturating_mul(1_000);
        match self {
            // What counts begins it. A clock that was set back ends it, lest it last for ever.
            Self::Fixed { began, used } => {
                if *used == 0 || now < *began || now - *began >= window {
                    (*began, *used) = (now, 0);
                }
            }
            Self::Sliding(parts) => {
                let current = now / part_of(window);
                parts.retain(|part, _| *part <= current && *part + PARTS >= current);
            }
            Self::Bucket { full } => {
                // Further ahead is a clock that was set back, or a policy that was changed; a debt is bounded so, too.
                let longest = 2.0 * burst_of(check) * interval_of(check);
                *full = full.max(now as f64).min(now as f64 + longest);
            }
            Self::UnderWay(leases) => {
                leases.retain(|_, until| *until > now && *until - now <= window);
            }
        }
    }

    /// How a limit stands, after [`Count::expire`].
    pub(super) fn standing(&self, check: &LimitCheck, now: Micros) -> Standing {
        let window = check.window_ms.saturating_mul(1_000);
        let need = check.cost.max(1);
        match self {
            Self::Fixed { began, used } => {
                let reset = window.saturating_sub(now.saturating_sub(*began));
                Standing { free: check.limit.saturating_sub(*used), reset, retry: reset }
            }
            Self::Sliding(parts) => sliding(parts, check.limit, need, now, part_of(window)),
            Self::Bucket { full } => {
                let (interval, ahead) = (interval_of(check), full - now as f64);
                let room = burst_of(check) * interval - ahead;
                Standing {
                    free: (room / interval + 1e-6).max(0.0) as u64,
                    reset: ahead.ceil() as u64,
                    retry: (need as f64 * interval - room).max(0.0).ceil() as u64,
                }
            }
            Self::UnderWay(leases) => {
                let used = leases.len() as u64;
                let first = leases.values().min().map_or(window, |until| until.saturating_sub(now));
                let reset = if leases.is_empty() { 0 } else { window };
                Standing { free: check.limit.saturating_sub(used), reset, retry: first }
            }
        }
    }

    /// Counts a request.
    pub(super) fn add(&mut self, check: &LimitCheck, now: Micros) {
        let window = check.window_ms.saturating_mul(1_000);
        match self {
            Self::Fixed { used, .. } => *used = used.saturating_add(check.cost),
            Self::Sliding(parts) => *parts.entry(now / part_of(window)).or_default() += check.cost,
            Self::Bucket { full } => *full += check.cost as f64 * interval_of(check),
            Self::UnderWay(leases) => {
                if let Some(lease) = &check.lease {
                    leases.insert(lease.clone(), now.saturating_add(window));
                }
            }
        }
    }

    /// A request under way has ended. Whether any is left.
    pub(super) fn end(&mut self, lease: &str) -> bool {
        let Self::UnderWay(leases) = self else { return true };
        leases.remove(lease);
        !leases.is_empty()
    }

    /// How many things it remembers.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Fixed { .. } | Self::Bucket { .. } => 1,
            Self::Sliding(parts) => parts.len(),
            Self::UnderWay(leases) => leases.len(),
        }
    }
}

fn sliding(parts: &BTreeMap<u64, u64>, limit: u64, need: u64, now: Micros, part: Micros) -> Standing {
    // A part has left with the seventeenth after it.
    let leaves = |number: u64| (number + PARTS + 1).saturating_mul(part).saturating_sub(now);
    let mut used: u64 = parts.values().sum();
    let free = limit.saturating_sub(used);
    let reset = parts.last_key_value().map_or(0, |(number, _)| leaves(*number));
    let mut retry = reset;
    for (number, count) in parts {
        used -= count;
        if used.saturating_add(need) <= limit {
            retry = leaves(*number);
            break;
        }
    }
    Standing { free, reset, retry }
}

/// A sixteenth of a window, at least a microsecond.
fn part_of(window: Micros) -> Micros {
    (window / PARTS).max(1)
}

/// Microseconds in which one request more may pass.
fn interval_of(check: &LimitCheck) -> f64 {
    check.window_ms as f64 * 1_000.0 / check.limit.max(1) as f64
}

fn burst_of(check: &LimitCheck) -> f64 {
    check.burst.unwrap_or(check.limit) as f64
}
