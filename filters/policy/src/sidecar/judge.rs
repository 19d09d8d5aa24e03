//! A judge of those who count: it holds each of their answers against a simple reference. Only for tests, of the script in Redis and
//! of the filter's own counts alike, so that both keep to the same rules.

use std::collections::HashMap;

use super::{LimitCheck, LimitState};
use crate::rate_limit::Algorithm;

/// Judges the answers to questions about one limit each.
#[derive(Debug, Default)]
pub struct Judge(HashMap<String, Reference>);

/// What happened under a key, in microseconds of any origin.
#[derive(Debug)]
enum Reference {
    Fixed { began: u64, used: u64 },
    Sliding { counted: Vec<(u64, u64)> },
    Bucket { tokens: f64, at: u64 },
    UnderWay { until: HashMap<String, u64> },
}

impl Judge {
    /// Holds an answer against the reference, which goes on as the answer says.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub fn judge(&mut self, now: u64, check: &LimitCheck, said: &LimitState) -> Result<(), String> {
        let fresh = || Reference::new(check, now);
        let reference = self.0.entry(check.key.clone()).or_insert_with(fresh);
        reference.pass_time(check, now);
        reference.judge_room(check, said.allowed, now)?;
        if said.allowed || check.count_denied || check.report_only {
            reference.count(check, check.cost + said.taken, now);
        }
        reference.judge_rest(check, said, now)
    }

    /// A request under way has ended.
    pub fn end(&mut self, key: &str, lease: &str) {
        if let Some(Reference::UnderWay { until }) = self.0.get_mut(key) {
            until.remove(lease);
        }
    }
}

impl Reference {
    fn new(check: &LimitCheck, now: u64) -> Self {
        match check.algorithm {
            Algorithm::FixedWindow => Self::Fixed { began: now, used: 0 },
            Algorithm::SlidingWindow => Self::Sliding { counted: Vec::new() },
            Algorithm::TokenBucket => Self::Bucket { tokens: burst(check), at: now },
            Algorithm::Concurrency => Self::UnderWay { until: HashMap::new() },
        }
    }

    fn pass_time(&mut self, check: &LimitCheck, now: u64) {
        match self {
            Self::Fixed { began, used } if *used == 0 || now >= *began + window(check) => {
                (*began, *used) = (now, 0);
            }
            Self::Fixed { .. } | Self::Sliding { .. } => {}
            Self::Bucket { tokens, at } => {
                // A debt is at most a burst.
                let grown = *tokens + (now - *at) as f64 * check.limit as f64 / window(check) as f64;
                (*tokens, *at) = (grown.clamp(-burst(check), burst(check)), now);
            }
            Self::UnderWay { until } => until.retain(|_, until| *until > now),
        }
    }

    fn judge_room(&self, check: &LimitCheck, allowed: bool, now: u64) -> Result<(), String> {
        let need = check.cost.max(1);
        let exactly = |room: bool| match room == allowed {
            true => Ok(()),
            false => Err(format!("allowed {allowed} though {self:?}")),
        };
        match self {
            Self::Fixed { used, .. } => exactly(used + need <= check.limit),
            Self::Sliding { counted } if allowed => {
                let used = within(counted, window(check), now);
                (used + need <= check.limit)
                    .then_some(())
                    .ok_or(format!("{used} and {need} more in a window of {}", check.limit))
            }
            // Refused only if it would not fit with what came a sixteenth before.
            Self::Sliding { counted } => {
                let used = within(counted, window(check) / 16 * 17 + 17, now);
                (used + need > check.limit)
                    .then_some(())
                    .ok_or(format!("refused {need} with {used} of {}", check.limit))
            }
            // Two that reckon in doubles may differ where it is that near.
            Self::Bucket { tokens, .. } if (tokens - need as f64).abs() < 1e-3 => Ok(()),
            Self::Bucket { tokens, .. } => exactly(*tokens >= need as f64),
            Self::UnderWay { until } => {
                let known = check.lease.as_ref().is_some_and(|lease| until.contains_key(lease));
                exactly(known || (until.len() as u64) < check.limit)
            }
        }
    }

    fn count(&mut self, check: &LimitCheck, cost: u64, now: u64) {
        if cost == 0 {
            return;
        }
        match self {
            Self::Fixed { used, .. } => *used += cost,
            Self::Sliding { counted } => counted.push((now, cost)),
            Self::Bucket { tokens, .. } => *tokens -= cost as f64,
            Self::UnderWay { until } => {
                until.extend(check.lease.clone().map(|lease| (lease, now + window(check))));
            }
        }
    }

    fn judge_rest(&self, check: &LimitCheck, said: &LimitState, now: u64) -> Result<(), String> {
        let left = |used: u64| check.limit.saturating_sub(used);
        let (least, most) = match self {
            Self::Fixed { used, .. } => (left(*used), left(*used)),
            Self::Sliding { counted } => (
                left(within(counted, window(check) / 16 * 17 + 17, now)),
                left(within(counted, window(check), now)),
            ),
            Self::Bucket { tokens, .. } => ((tokens - 1e-3).max(0.0) as u64, (tokens + 1e-3).max(0.0) as u64),
            Self::UnderWay { until } => (left(until.len() as u64), left(until.len() as u64)),
        };
        match (least..=most).contains(&said.remaining) {
            true => Ok(()),
            false => Err(format!("{} remain, not {least} to {most}: {self:?}", said.remaining)),
        }
    }
}

/// What was counted in the last so many microseconds.
fn within(counted: &[(u64, u64)], span: u64, now: u64) -> u64 {
    counted.iter().filter(|(at, _)| at + span > now).map(|(_, cost)| cost).sum()
}

fn window(check: &LimitCheck) -> u64 {
    check.window_ms * 1_000
}

fn burst(check: &LimitCheck) -> f64 {
    check.burst.unwrap_or(check.limit) as f64
}
