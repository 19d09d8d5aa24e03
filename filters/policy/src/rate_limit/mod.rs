//! How much may pass: the policy of a route and the configuration of the rate-limit filter.

mod by;
mod config;
mod exempt;
mod limit;
mod methods;
mod mode;
mod template;
mod word_or_list;

use serde::{Deserialize, Serialize};

pub use self::{
    by::{By, Part, Whose},
    config::RateLimitConfig,
    exempt::Exempt,
    limit::{Algorithm, Limit, OnStoreFailure},
    methods::{MethodKind, Methods},
    mode::Mode,
    template::PathTemplate,
};
use crate::{
    Invalid,
    invalid::{Check, check_each},
};

/// Limits of a route, all of which a request must keep to. A request that passes is counted by all of them, one that is refused only by
/// those with `count_denied`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RateLimitPolicy {
    /// 1 to 8 limits with unique names.
    pub limits: Vec<Limit>,
    /// Longest wait for a decision in milliseconds, after which each limit does what its `on_store_failure` says: 1 to 1,000.
    /// Default: the filter's `sidecar.timeout_ms`, which is 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

/// Where in the chain an instance of the filter stands. What is cheap and rejects comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Before authentication: the limits by address, those of everybody, and those by parts of which none is of an identity.
    Address,
    /// After authentication: the limits by identity, or by parts of it.
    Identity,
}

impl Stage {
    /// Both stages in the order of the chain.
    pub const ALL: [Self; 2] = [Self::Address, Self::Identity];

    /// Name of the filter in Envoy's chain, and of its namespace in a route's metadata.
    #[must_use]
    pub fn filter(self) -> &'static str {
        match self {
            Self::Address => "ferrox.rate_limit.address",
            Self::Identity => "ferrox.rate_limit.identity",
        }
    }
}

impl RateLimitPolicy {
    /// The limits that a stage decides; `None` where there are none and the filter can be switched off.
    #[must_use]
    pub fn at(&self, stage: Stage) -> Option<Self> {
        let limits: Vec<_> = self.limits.iter().filter(|limit| limit.stage() == stage).cloned().collect();
        (!limits.is_empty()).then_some(Self { limits, ..*self })
    }
}

impl Check for RateLimitPolicy {
    fn check(&self) -> Result<(), Invalid> {
        if self.limits.is_empty() || self.limits.len() > 8 {
            return Err(Invalid::new("limits", "needs 1 to 8 limits"));
        }
        if self.timeout_ms.is_some_and(|ms| !(1..=1_000).contains(&ms)) {
            return Err(Invalid::new("timeout_ms", "must be 1 to 1000"));
        }
        check_each("limits", &self.limits)?;
        for (index, limit) in self.limits.iter().enumerate() {
            if self.limits.iter().take(index).any(|earlier| earlier.name == limit.name) {
                return Err(Invalid::new(
                    format!("limits[{index}].name"),
                    format!("'{}' stands twice", limit.name),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;
    use serde_json::json;

    fn refusal(limits: serde_json::Value) -> String {
        parse::<RateLimitPolicy>(json!({ "limits": limits }).to_string().as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_policy_without_limits_is_refused() {
        assert!(refusal(json!([])).starts_with("limits: needs"));
    }

    #[test]
    fn nobody_waits_longer_than_a_second_for_a_decision() {
        let policy = |timeout_ms: u32| {
            let limit = json!({"name": "n", "by": "address", "requests": 1, "window_seconds": 1});
            parse::<RateLimitPolicy>(
                json!({"limits": [limit], "timeout_ms": timeout_ms}).to_string().as_bytes(),
            )
        };
        for wrong in [0, 1_001] {
            assert_eq!(policy(wrong).unwrap_err().to_string(), "timeout_ms: must be 1 to 1000");
        }
        let longest = policy(1_000).unwrap();
        assert_eq!(longest.at(Stage::Address).unwrap().timeout_ms, Some(1_000));
    }

    #[test]
    fn two_limits_of_one_name_are_refused() {
        let limit = json!({"name": "n", "by": "address", "requests": 1, "window_seconds": 1});
        assert_eq!(refusal(json!([limit, limit])), "limits[1].name: 'n' stands twice");
    }

    #[test]
    fn each_stage_sees_its_own_limits() {
        let policy: RateLimitPolicy = parse(
            json!({"limits": [
                {"name": "a", "by": "address", "requests": 1, "window_seconds": 1},
                {"name": "b", "by": "identity", "requests": 2, "window_seconds": 1},
            ]})
            .to_string()
            .as_bytes(),
        )
        .unwrap();
        assert_eq!(policy.at(Stage::Address).unwrap().limits[0].name, "a");
        assert_eq!(policy.at(Stage::Identity).unwrap().limits[0].name, "b");
        let only_address = policy.at(Stage::Address).unwrap();
        assert_eq!(only_address.at(Stage::Identity), None);
    }
}
