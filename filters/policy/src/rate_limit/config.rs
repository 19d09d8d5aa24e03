//! The plugin configuration of the rate-limit filter.

use serde::{Deserialize, Serialize};

use super::{RateLimitPolicy, Stage};
use crate::{Check, Invalid, placement::Placement, sidecar::Sidecar};

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
    /// How many keys a worker remembers that are over a limit, so as to refuse their requests without asking, and as
    /// many of which it holds tokens, with `mode: leased`: 0, none, to 1,000,000. Default: 10,000.
    #[serde(default = "default_known_keys")]
    pub known_keys: usize,
    /// Policies for requests whose route carries none, where there is no Ferrox control plane.
    #[serde(default)]
    pub policies: Placement<RateLimitPolicy>,
}

fn default_local_keys() -> usize {
    10_000
}

fn default_known_keys() -> usize {
    10_000
}

impl Check for RateLimitConfig {
    fn check(&self) -> Result<(), Invalid> {
        self.sidecar.check().map_err(|invalid| invalid.within("sidecar"))?;
        if !(1..=1_000_000).contains(&self.local_keys) {
            return Err(Invalid::new("local_keys", "must be 1 to 1000000"));
        }
        if self.known_keys > 1_000_000 {
            return Err(Invalid::new("known_keys", "must be 0 to 1000000"));
        }
        self.policies.check().map_err(|invalid| invalid.within("policies"))
    }
}
