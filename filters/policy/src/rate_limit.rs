//! How much may pass: the policy of a route and the configuration of the rate-limit filter.

use serde::{Deserialize, Serialize};

use crate::{
    Invalid,
    invalid::{Check, check_each},
    placement::Placement,
    sidecar::Sidecar,
};

/// Limits of a route, all of which a request must keep to. A request is counted by all of them or by none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RateLimitPolicy {
    /// 1 to 8 limits with unique names.
    pub limits: Vec<Limit>,
}

/// So many requests in a fixed window, which starts with the first request that it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Name of the limit, unique in the route: 1 to 64 of `a-z`, `0-9`, `-`, `_`. It is shown to clients.
    pub name: String,
    /// Whose requests are counted together.
    pub by: By,
    /// How many requests may pass in a window: 1 to 1,000,000,000.
    pub requests: u64,
    /// Length of the window in seconds: 1 to 2,678,400 (31 days).
    pub window_seconds: u64,
    /// What happens when the sidecar or Redis does not answer. Default: `allow`.
    #[serde(default)]
    pub on_store_failure: OnStoreFailure,
}

/// Whose requests a limit counts together, always within one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The client's address, as Envoy determined it. Decided before authentication.
    Address,
    /// The consumer of an API key, or issuer and subject of a token. Decided after authentication; requests
    /// without an identity share one count.
    Identity,
}

/// What a limit does when its count cannot be had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnStoreFailure {
    /// The request passes this limit.
    #[default]
    Allow,
    /// The request is refused with 503.
    Deny,
    /// Each worker thread of each Envoy counts on its own with the same limit.
    Local,
}

/// How requests are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// A window begins with the first request that it counts, and ends all at once.
    #[default]
    FixedWindow,
    /// No more than the limit in any span of the window's length. A request counts for the length of the window and up to a
    /// sixteenth more.
    SlidingWindow,
    /// Room grows evenly, the whole limit in a window, up to a burst (GCRA, ITU-T I.371 annex A).
    TokenBucket,
    /// Requests under way at once.
    Concurrency,
}

/// Where in the chain an instance of the filter stands. What is cheap and rejects comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Before authentication: the limits by address.
    Address,
    /// After authentication: the limits by identity.
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

impl Limit {
    /// The stage that decides this limit.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self.by {
            By::Address => Stage::Address,
            By::Identity => Stage::Identity,
        }
    }
}

impl RateLimitPolicy {
    /// The limits that a stage decides; `None` where there are none and the filter can be switched off.
    #[must_use]
    pub fn at(&self, stage: Stage) -> Option<Self> {
        let limits: Vec<_> = self.limits.iter().filter(|limit| limit.stage() == stage).cloned().collect();
        (!limits.is_empty()).then_some(Self { limits })
    }
}

impl Check for RateLimitPolicy {
    fn check(&self) -> Result<(), Invalid> {
        if self.limits.is_empty() || self.limits.len() > 8 {
            return Err(Invalid::new("limits", "needs 1 to 8 limits"));
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

impl Check for Limit {
    fn check(&self) -> Result<(), Invalid> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.bytes().all(allowed) {
            return Err(Invalid::new("name", "must be 1 to 64 of a-z, 0-9, '-' and '_'"));
        }
        if !(1..=1_000_000_000).contains(&self.requests) {
            return Err(Invalid::new("requests", "must be 1 to 1000000000"));
        }
        if !(1..=2_678_400).contains(&self.window_seconds) {
            return Err(Invalid::new("window_seconds", "must be 1 to 2678400 (31 days)"));
        }
        Ok(())
    }
}

/// Plugin configuration of the rate-limit filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RateLimitConfig {
    /// Which limits this instance decides.
    pub stage: Stage,
    /// Where the counts are.
    pub sidecar: Sidecar,
    /// How many keys a worker remembers for `on_store_failure: local`: 1 to 1,000,000. Default: 10,000. When they are
    /// all in use, the requests of further keys are refused.
    #[serde(default = "default_local_keys")]
    pub local_keys: usize,
    /// Policies for requests whose route carries none, where there is no Ferrox control plane.
    #[serde(default)]
    pub policies: Placement<RateLimitPolicy>,
}

fn default_local_keys() -> usize {
    10_000
}

impl Check for RateLimitConfig {
    fn check(&self) -> Result<(), Invalid> {
        self.sidecar.check().map_err(|invalid| invalid.within("sidecar"))?;
        if !(1..=1_000_000).contains(&self.local_keys) {
            return Err(Invalid::new("local_keys", "must be 1 to 1000000"));
        }
        self.policies.check().map_err(|invalid| invalid.within("policies"))
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
    fn a_limit_out_of_range_is_refused_by_name() {
        let limit = |field: &str, value: serde_json::Value| {
            let mut limit = json!({"name": "n", "by": "address", "requests": 1, "window_seconds": 1});
            limit[field] = value;
            json!([limit])
        };
        assert!(refusal(limit("requests", json!(0))).starts_with("limits[0].requests"));
        assert!(refusal(limit("window_seconds", json!(2_678_401))).starts_with("limits[0].window_seconds"));
        assert!(refusal(limit("name", json!("A"))).starts_with("limits[0].name"));
        assert!(refusal(limit("by", json!("moon"))).starts_with("limits[0].by: unknown variant `moon`"));
        assert!(refusal(json!([])).starts_with("limits: needs"));
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
