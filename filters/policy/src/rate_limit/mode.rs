//! Who decides a request: the shared count, or a worker that took a part of it.

use serde::{Deserialize, Serialize};

use super::{Algorithm, Limit};
use crate::Invalid;

/// How near to the shared count requests are decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Each request is counted in Redis.
    #[default]
    Exact,
    /// A worker of Envoy takes tokens from the count in Redis each second, about as many as it used in the last, and gives them out
    /// without asking. The limit is never exceeded. A request can be refused too early, while other workers hold what is left: each
    /// at most an eighth of the limit, and twice of what it used in the last second. A request is asked about all the same while one of
    /// its limits is `exact`.
    Leased,
}

impl Mode {
    // serde hands references to it.
    pub(super) fn is_exact(&self) -> bool {
        *self == Self::Exact
    }
}

impl Limit {
    /// The burst that the shared count allows. Where tokens of a bucket are held, an eighth of the burst is for them: they are used later
    /// than they were counted, when the bucket has grown again.
    #[must_use]
    pub fn store_burst(&self) -> Option<u64> {
        if self.mode == Mode::Exact || self.algorithm != Algorithm::TokenBucket {
            return self.burst;
        }
        let burst = self.burst.unwrap_or(self.requests);
        Some(burst - burst / 8)
    }

    pub(super) fn check_mode(&self) -> Result<(), Invalid> {
        if self.mode == Mode::Exact {
            return Ok(());
        }
        if self.algorithm == Algorithm::Concurrency {
            return Err(Invalid::new("mode", "must be exact where requests under way are counted"));
        }
        if self.count_denied {
            return Err(Invalid::new("mode", "must be exact where refused requests count"));
        }
        if self.store_burst().is_some_and(|burst| self.cost > burst) {
            return Err(Invalid::new("cost", "must be at most seven eighths of the burst with mode leased"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parse, rate_limit::RateLimitPolicy};
    use serde_json::{Value, json};

    fn limit(fields: Value) -> Result<Limit, String> {
        let mut limit =
            json!({"name": "n", "by": "all", "requests": 16, "window_seconds": 60, "mode": "leased"});
        limit.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let policy = parse::<RateLimitPolicy>(json!({"limits": [limit]}).to_string().as_bytes());
        policy.map(|mut policy| policy.limits.remove(0)).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn what_cannot_be_held_is_refused() {
        let refusal = |fields: Value| limit(fields).unwrap_err();
        let under_way = refusal(json!({"algorithm": "concurrency"}));
        assert_eq!(under_way, "limits[0].mode: must be exact where requests under way are counted");
        let denied = refusal(json!({"count_denied": true}));
        assert_eq!(denied, "limits[0].mode: must be exact where refused requests count");
        let costly = refusal(json!({"algorithm": "token_bucket", "cost": 15}));
        assert!(costly.starts_with("limits[0].cost: must be at most seven eighths"), "{costly}");
        assert!(refusal(json!({"mode": "loose"})).starts_with("limits[0].mode: unknown variant `loose`"));
    }

    #[test]
    fn of_a_bucket_an_eighth_is_for_what_is_held() {
        let burst = |fields: Value| limit(fields).unwrap().store_burst();
        assert_eq!(burst(json!({"algorithm": "token_bucket", "cost": 14})), Some(14));
        assert_eq!(burst(json!({"algorithm": "token_bucket", "burst": 7})), Some(7));
        assert_eq!(burst(json!({"algorithm": "token_bucket", "burst": 80, "mode": "exact"})), Some(80));
        assert_eq!(burst(json!({"algorithm": "sliding_window"})), None);
    }
}
