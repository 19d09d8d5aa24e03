//! The store in small: one count, by the rules of the sidecar's scripts.

use std::collections::BTreeMap;

use super::*;

/// One count. Times are microseconds.
pub(super) enum Count {
    Fixed { began: u64, used: u64 },
    Sliding(BTreeMap<u64, u64>),
    Bucket { full: f64 },
}

impl Count {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::FixedWindow => Self::Fixed { began: 0, used: 0 },
            Algorithm::SlidingWindow => Self::Sliding(BTreeMap::new()),
            _ => Self::Bucket { full: 0.0 },
        }
    }

    /// Counts a request and takes tokens, if there is room for the request.
    pub(super) fn decide(&mut self, now: u64, check: &LimitCheck) -> LimitState {
        let window = check.window_ms * 1_000;
        let free = self.free(now, check, window);
        let allowed = free >= check.cost.max(1);
        let taken = if allowed { check.take.min((free - check.cost) / 8) } else { 0 };
        let added = if allowed { check.cost + taken } else { 0 };
        let (reset, mark) = self.add(now, check, window, added);
        LimitState {
            allowed,
            remaining: free - added,
            reset_ms: reset.div_ceil(1_000),
            retry_ms: u64::from(!allowed),
            taken,
            mark: if taken > 0 { mark } else { 0 },
        }
    }

    fn free(&mut self, now: u64, check: &LimitCheck, window: u64) -> u64 {
        match self {
            Self::Fixed { began, used } => {
                if *used == 0 || now >= *began + window {
                    (*began, *used) = (now, 0);
                }
                check.limit - *used
            }
            Self::Sliding(parts) => {
                let current = now / (window / 16);
                parts.retain(|part, _| *part + 16 >= current);
                check.limit - parts.values().sum::<u64>()
            }
            Self::Bucket { full } => {
                let interval = window as f64 / check.limit as f64;
                *full = full.max(now as f64);
                let room = check.burst.unwrap_or(check.limit) as f64 * interval - (*full - now as f64);
                (room / interval + 1e-6).max(0.0) as u64
            }
        }
    }

    /// The time to all of the limit, and the mark.
    fn add(&mut self, now: u64, check: &LimitCheck, window: u64, added: u64) -> (u64, u64) {
        match self {
            Self::Fixed { began, used } => {
                *used += added;
                (*began + window - now, *began)
            }
            Self::Sliding(parts) => {
                let part = window / 16;
                if added > 0 {
                    *parts.entry(now / part).or_default() += added;
                }
                ((now / part + 17) * part - now, now / part)
            }
            Self::Bucket { full } => {
                *full += added as f64 * window as f64 / check.limit as f64;
                ((*full - now as f64).ceil() as u64, 1)
            }
        }
    }

    pub(super) fn give_back(&mut self, back: &Return) {
        match self {
            Self::Fixed { began, used } if *began == back.mark => *used -= back.tokens,
            Self::Fixed { .. } => {}
            Self::Sliding(parts) => {
                if let Some(count) = parts.get_mut(&back.mark) {
                    *count -= back.tokens;
                }
            }
            Self::Bucket { .. } => panic!("a bucket takes nothing back"),
        }
    }
}
