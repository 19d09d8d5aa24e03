//! The request by which a breaker is closed.

use std::time::Duration;

use ferrox_policy::{Check, Invalid};
use schemars::JsonSchema;
use serde::Deserialize;

use super::http_check::{check_host, check_path, check_statuses};

/// A request whose success closes the breaker of an endpoint, instead of time. Each Envoy sends it to each endpoint every
/// `open_for_ms`, one at a time; a new endpoint gets traffic after its first success. A failure takes no endpoint out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The path of the GET, with its query.
    pub path: String,
    /// The host of the request. Default: the name of the upstream.
    #[serde(default)]
    pub host: Option<String>,
    /// How long an answer may take, in milliseconds: 1 to 10,000. Default: 1,000.
    #[serde(default = "default_timeout_ms")]
    timeout_ms: u32,
    /// The statuses that are a success: 100 to 599. Default: 200 to 299.
    #[serde(default)]
    pub statuses: Vec<u16>,
}

fn default_timeout_ms() -> u32 {
    1000
}

impl Probe {
    /// How long an answer may take: 1 ms to 10 s, since a cluster waits that long for its first probes.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }
}

impl Check for Probe {
    fn check(&self) -> Result<(), Invalid> {
        check_path(&self.path)?;
        check_host(self.host.as_deref())?;
        check_statuses(&self.statuses)?;
        if !(1..=10_000).contains(&self.timeout_ms) {
            return Err(Invalid::new("timeout_ms", "must be 1 to 10000"));
        }
        Ok(())
    }
}
