//! How a filter tells which keys were used.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::KeyDigest;
use crate::{Check, Invalid};

/// Where the control plane takes reports, on the port that it serves xDS on.
pub const USAGE_PATH: &str = "/ferrox/v1/key-usage";

/// Most keys in one report.
pub const MAX_KEYS_IN_REPORT: usize = 1_000;

/// To whom the use of keys is reported: by a POST of a [`KeyUsageReport`] from each worker, that is answered with a 2xx.
/// No request waits for it, or fails with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UsageReports {
    /// Envoy's cluster of the receiver.
    pub cluster: String,
    /// Host of the POST. Default: the cluster's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Path of the POST. Default: `/ferrox/v1/key-usage`.
    #[serde(default = "default_path", skip_serializing_if = "is_default_path")]
    pub path: String,
    /// Time between two reports of a worker in seconds, 1 to 3,600. Default: 10.
    #[serde(default = "default_interval", skip_serializing_if = "is_default_interval")]
    pub interval_seconds: u32,
    /// How long the receiver may take in milliseconds, 1 to 60,000. Default: 2,000.
    #[serde(default = "default_timeout", skip_serializing_if = "is_default_timeout")]
    pub timeout_ms: u32,
    /// What the reports name as their gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
}

const DEFAULT_INTERVAL: u32 = 10;
const DEFAULT_TIMEOUT: u32 = 2_000;

fn default_path() -> String {
    USAGE_PATH.to_owned()
}

fn is_default_path(path: &String) -> bool {
    path == USAGE_PATH
}

fn default_interval() -> u32 {
    DEFAULT_INTERVAL
}

fn is_default_interval(seconds: &u32) -> bool {
    *seconds == DEFAULT_INTERVAL
}

fn default_timeout() -> u32 {
    DEFAULT_TIMEOUT
}

fn is_default_timeout(milliseconds: &u32) -> bool {
    *milliseconds == DEFAULT_TIMEOUT
}

impl Check for UsageReports {
    fn check(&self) -> Result<(), Invalid> {
        if self.cluster.is_empty() {
            return Err(Invalid::new("cluster", "must not be empty"));
        }
        let is_text = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if self.authority.as_deref().is_some_and(|authority| !is_text(authority)) {
            return Err(Invalid::new("authority", "must be printable ASCII without spaces"));
        }
        if !self.path.starts_with('/') || !is_text(&self.path) {
            return Err(Invalid::new("path", "must begin with '/' and be printable ASCII without spaces"));
        }
        if !(1..=3_600).contains(&self.interval_seconds) {
            return Err(Invalid::new("interval_seconds", "must be 1 to 3600"));
        }
        if !(1..=60_000).contains(&self.timeout_ms) {
            return Err(Invalid::new("timeout_ms", "must be 1 to 60000"));
        }
        Ok(())
    }
}

/// What one worker of one Envoy saw since its last report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyUsageReport {
    /// The gateway, where the configuration names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// The keys that were used; at most 1,000, each once.
    pub keys: Vec<KeyUsage>,
}

/// The use of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyUsage {
    /// SHA-256 of the key, 64 lower-case hex digits.
    pub sha256: KeyDigest,
    /// Requests that passed with it, at least 1.
    pub requests: u64,
    /// When the last of them came, in seconds since 1970.
    pub last_used: u64,
}

impl Check for KeyUsageReport {
    fn check(&self) -> Result<(), Invalid> {
        if self.keys.len() > MAX_KEYS_IN_REPORT {
            return Err(Invalid::new("keys", format!("must be at most {MAX_KEYS_IN_REPORT}")));
        }
        if let Some(index) = self.keys.iter().position(|key| key.requests == 0) {
            return Err(Invalid::new(format!("keys[{index}].requests"), "must be at least 1"));
        }
        let mut seen = HashSet::new();
        match self.keys.iter().position(|key| !seen.insert(key.sha256)) {
            Some(index) => Err(Invalid::new(format!("keys[{index}].sha256"), "stands twice")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{auth::refusal, parse};

    #[test]
    fn a_report_reads_as_documented() {
        let sha256 = KeyDigest::of(b"abc");
        let json =
            json!({"keys": [{"sha256": sha256.to_string(), "requests": 3, "last_used": 1_700_000_000}]});
        let report: KeyUsageReport = parse(json.to_string().as_bytes()).unwrap();
        assert_eq!(report.keys, [KeyUsage { sha256, requests: 3, last_used: 1_700_000_000 }]);
        assert_eq!(serde_json::to_value(&report).unwrap(), json);
    }

    #[test]
    fn a_report_has_a_bound_and_no_idle_keys() {
        let key = |requests: u64| json!({"sha256": "ab".repeat(32), "requests": requests, "last_used": 1});
        assert_eq!(
            refusal::<KeyUsageReport>(json!({"keys": [key(1), key(0)]})),
            "keys[1].requests: must be at least 1"
        );
        assert_eq!(
            refusal::<KeyUsageReport>(json!({"keys": [key(1), key(2)]})),
            "keys[1].sha256: stands twice"
        );
        let many = vec![key(1); MAX_KEYS_IN_REPORT + 1];
        assert_eq!(refusal::<KeyUsageReport>(json!({"keys": many})), "keys: must be at most 1000");
    }

    #[test]
    fn the_receiver_is_checked() {
        let with = |field: &str, value: serde_json::Value| {
            let mut reports = json!({"cluster": "control"});
            reports[field] = value;
            refusal::<UsageReports>(reports)
        };
        assert_eq!(with("cluster", json!("")), "cluster: must not be empty");
        assert!(with("authority", json!("a b")).starts_with("authority: must be"));
        assert!(with("path", json!("x")).starts_with("path: must begin"));
        assert_eq!(with("interval_seconds", json!(0)), "interval_seconds: must be 1 to 3600");
        assert_eq!(with("timeout_ms", json!(60_001)), "timeout_ms: must be 1 to 60000");
        let reports: UsageReports = parse(br#"{"cluster":"control"}"#).unwrap();
        assert_eq!(
            (reports.path.as_str(), reports.interval_seconds, reports.timeout_ms),
            (USAGE_PATH, 10, 2_000)
        );
    }
}
