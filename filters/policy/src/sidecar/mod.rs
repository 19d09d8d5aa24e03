//! The messages between the filters and the Redis sidecar.
//!
//! | request | answers |
//! |---|---|
//! | `POST /v1/limits`, a [`LimitsRequest`] | 200 with a [`LimitsResponse`] |
//! | `POST /v1/limits/return`, a [`ReturnRequest`] | 204 |
//! | `GET /v1/cache/{name}` | 200 with the entry's bytes, 404 |
//! | `PUT /v1/cache/{name}` with [`TTL_HEADER`], the entry's bytes | 204 |
//!
//! `{name}` is 64 lower-case hex digits ([`crate::key::Key::digest`]). Any of them answers 400 for a request
//! that makes no sense, 408 when its body did not come in time, 413 when it is too large, 503 when Redis cannot be used
//! and 504 when it did not answer in time; the body is then a sentence for the log.

mod address;
#[cfg(feature = "judge")]
pub mod judge;
mod limits;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use address::{Address, InvalidAddress};
pub use limits::{LimitCheck, LimitState, LimitsRequest, LimitsResponse, Return, ReturnRequest};

use crate::{Invalid, invalid::Check};

/// Path of a decision on limits.
pub const LIMITS_PATH: &str = "/v1/limits";
/// Path at which what was taken and not used is given back.
pub const RETURN_PATH: &str = "/v1/limits/return";
/// Path of cache entries; a `/` and the entry's name follow.
pub const CACHE_PATH: &str = "/v1/cache";
/// Request header of a `PUT` of a cache entry: seconds until it expires, at least 1.
pub const TTL_HEADER: &str = "x-ferrox-ttl";
/// Optional request header of all of them: milliseconds to wait for Redis, 1 to [`LONGEST_TIMEOUT_MS`]. Without it the sidecar's
/// own setting holds.
pub const TIMEOUT_HEADER: &str = "x-ferrox-timeout-ms";
/// The largest [`TIMEOUT_HEADER`].
pub const LONGEST_TIMEOUT_MS: u32 = 10_000;

/// Where a filter finds the sidecar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Sidecar {
    /// Name of the Envoy cluster that leads to it.
    pub cluster: String,
    /// Longest wait for an answer in milliseconds: 1 to 10,000. Default: 20 for a decision on limits, for which every request waits,
    /// and 100 for an entry of the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

impl Sidecar {
    /// Longest wait for a decision on limits.
    #[must_use]
    pub fn limits_timeout(&self) -> Duration {
        self.timeout_or(20)
    }

    /// Longest wait for an entry of the cache.
    #[must_use]
    pub fn cache_timeout(&self) -> Duration {
        self.timeout_or(100)
    }

    fn timeout_or(&self, default_ms: u32) -> Duration {
        Duration::from_millis(self.timeout_ms.unwrap_or(default_ms).into())
    }
}

impl Check for Sidecar {
    fn check(&self) -> Result<(), Invalid> {
        if self.cluster.is_empty() {
            return Err(Invalid::new("cluster", "must not be empty"));
        }
        // Zero would mean no time-out to Envoy.
        if self.timeout_ms.is_some_and(|ms| !(1..=10_000).contains(&ms)) {
            return Err(Invalid::new("timeout_ms", "must be 1 to 10000"));
        }
        Ok(())
    }
}
