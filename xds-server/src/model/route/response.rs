//! What Envoy answers by itself.

use std::ops::RangeInclusive;

use ferrox_policy::{Check, Invalid};
use serde::Deserialize;

/// What Envoy answers by itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// The status: 200 to 599.
    pub status: u16,
    /// The body, at most 4096 bytes; without one there is none.
    #[serde(default)]
    pub body: String,
    /// `Content-Type` of the body; `text/plain` without one.
    #[serde(default)]
    pub content_type: Option<String>,
}

/// What Envoy answers while a route is being worked on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// The status: 200 to 599; 503 without one.
    #[serde(default = "unavailable")]
    pub status: u16,
    /// The body, at most 4096 bytes; without one there is none.
    #[serde(default)]
    pub body: String,
    /// `Content-Type` of the body; `text/plain` without one.
    #[serde(default)]
    pub content_type: Option<String>,
    /// `Retry-After` (RFC 9110 section 10.2.3) in seconds: 0 to 2678400; without one there is none.
    #[serde(default)]
    pub retry_after_seconds: Option<u32>,
}

const fn unavailable() -> u16 {
    503
}

/// Envoy's `max_direct_response_body_size_bytes` unless it is told otherwise.
const MAX_BODY: usize = 4096;
const MAX_RETRY_AFTER: u32 = 2_678_400;
const STATUS: RangeInclusive<u16> = 200..=599;

impl Check for Response {
    fn check(&self) -> Result<(), Invalid> {
        check_answer(self.status, &self.body, self.content_type.as_deref())
    }
}

impl Check for Maintenance {
    fn check(&self) -> Result<(), Invalid> {
        if self.retry_after_seconds.is_some_and(|seconds| seconds > MAX_RETRY_AFTER) {
            return Err(Invalid::new("retry_after_seconds", format!("must be 0 to {MAX_RETRY_AFTER}")));
        }
        check_answer(self.status, &self.body, self.content_type.as_deref())
    }
}

fn check_answer(status: u16, body: &str, content_type: Option<&str>) -> Result<(), Invalid> {
    if !STATUS.contains(&status) {
        return Err(Invalid::new("status", "must be 200 to 599"));
    }
    if body.len() > MAX_BODY {
        return Err(Invalid::new("body", format!("is longer than {MAX_BODY} bytes")));
    }
    // RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5.
    if matches!(status, 204 | 205 | 304) && !body.is_empty() {
        return Err(Invalid::new("body", format!("cannot be in an answer of status {status}")));
    }
    match content_type {
        Some(value) => {
            super::headers::check_literal(value).map_err(|reason| Invalid::new("content_type", reason))
        }
        None => Ok(()),
    }
}
