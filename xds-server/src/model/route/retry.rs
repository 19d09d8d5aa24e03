//! When a request is sent again.

use std::collections::BTreeSet;

use ferrox_policy::{Check, Invalid};
use serde::Deserialize;

/// When a request is sent again. A request with a body above 1 MiB never is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// After which outcomes.
    #[serde(default)]
    pub on: BTreeSet<RetryOn>,
    /// After which statuses too: 400 to 599.
    #[serde(default)]
    pub statuses: BTreeSet<u16>,
    /// How often, after the first time: 1 to 10; 1 without one.
    #[serde(default = "once")]
    pub attempts: u32,
    /// Whether requests of methods that are not idempotent (RFC 9110 section 9.2.2), such as POST, are sent again after
    /// every outcome. Without it they are only where the upstream has surely not begun with them: after
    /// `connect-failure`, `refused-stream` and `reset-before-request`.
    #[serde(default, rename = "unsafe")]
    pub not_idempotent: bool,
    /// How long each attempt may take, in milliseconds: 1 to 3600000; without one, the timeout of the route is for all.
    #[serde(default)]
    pub per_try_timeout_ms: Option<u32>,
    /// How long each attempt may be silent, in milliseconds: 1 to 3600000; without one, without end.
    #[serde(default)]
    pub per_try_idle_timeout_ms: Option<u32>,
    /// How long to wait between attempts; from 25 to 250 ms without it.
    #[serde(default)]
    pub back_off: Option<BackOff>,
    /// Wait as `Retry-After` of the answer says, in seconds, if it is no longer than this, in milliseconds: 1 to 3600000.
    /// Without one, the header is not looked at.
    #[serde(default)]
    pub retry_after_max_ms: Option<u32>,
    /// Whether another endpoint is preferred to those that were tried; `true` without one.
    #[serde(default = "yes")]
    pub other_hosts: bool,
}

/// A wait that doubles from attempt to attempt, of which a random part is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackOff {
    /// The first, in milliseconds: 1 to 60000.
    pub base_ms: u32,
    /// The longest, in milliseconds: from `base_ms` to 3600000.
    pub max_ms: u32,
}

/// An outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RetryOn {
    /// A status of 500 or above, or no answer.
    #[serde(rename = "5xx")]
    ServerError,
    /// A status of 502, 503 or 504.
    GatewayError,
    /// No answer: the upstream disconnects, resets, or takes longer than an attempt may.
    Reset,
    /// No answer, and nothing of the request was sent.
    ResetBeforeRequest,
    /// No connection.
    ConnectFailure,
    /// The upstream resets with `REFUSED_STREAM` (RFC 9113 section 8.7).
    RefusedStream,
    /// A status of 409.
    #[serde(rename = "retriable-4xx")]
    Retriable4xx,
    /// gRPC status 1.
    Cancelled,
    /// gRPC status 4.
    DeadlineExceeded,
    /// gRPC status 13.
    Internal,
    /// gRPC status 8.
    ResourceExhausted,
    /// gRPC status 14.
    Unavailable,
}

const fn once() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

impl RetryOn {
    /// As Envoy writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerError => "5xx",
            Self::GatewayError => "gateway-error",
            Self::Reset => "reset",
            Self::ResetBeforeRequest => "reset-before-request",
            Self::ConnectFailure => "connect-failure",
            Self::RefusedStream => "refused-stream",
            Self::Retriable4xx => "retriable-4xx",
            Self::Cancelled => "cancelled",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::Internal => "internal",
            Self::ResourceExhausted => "resource-exhausted",
            Self::Unavailable => "unavailable",
        }
    }

    /// Whether the upstream has surely not begun with the request, so that any method may be sent again.
    #[must_use]
    pub const fn is_before_processing(self) -> bool {
        matches!(self, Self::ConnectFailure | Self::RefusedStream | Self::ResetBeforeRequest)
    }

    /// What of this outcome is such that any method may be sent again.
    const fn before_processing(self) -> &'static [Self] {
        const ALL: [RetryOn; 3] =
            [RetryOn::ResetBeforeRequest, RetryOn::ConnectFailure, RetryOn::RefusedStream];
        match self {
            // To Envoy each of them includes every way to get no answer.
            Self::ServerError | Self::GatewayError | Self::Reset => &ALL,
            Self::ResetBeforeRequest => &[Self::ResetBeforeRequest],
            Self::ConnectFailure => &[Self::ConnectFailure],
            Self::RefusedStream => &[Self::RefusedStream],
            _ => &[],
        }
    }
}

impl Retry {
    /// What holds for methods that are not idempotent, if it differs.
    #[must_use]
    pub fn before_processing(&self) -> Option<Self> {
        let differs = !self.statuses.is_empty() || self.on.iter().any(|on| !on.is_before_processing());
        (differs && !self.not_idempotent).then(|| Self {
            on: self.on.iter().flat_map(|on| on.before_processing()).copied().collect(),
            statuses: BTreeSet::new(),
            ..self.clone()
        })
    }
}

impl Check for Retry {
    fn check(&self) -> Result<(), Invalid> {
        if self.on.is_empty() && self.statuses.is_empty() {
            return Err(Invalid::new("on", "needs at least one outcome, or statuses one status"));
        }
        if self.statuses.iter().any(|status| !(400..=599).contains(status)) {
            return Err(Invalid::new("statuses", "must be 400 to 599"));
        }
        in_range("attempts", Some(self.attempts), 10)?;
        in_range("per_try_timeout_ms", self.per_try_timeout_ms, HOUR_MS)?;
        in_range("per_try_idle_timeout_ms", self.per_try_idle_timeout_ms, HOUR_MS)?;
        in_range("retry_after_max_ms", self.retry_after_max_ms, HOUR_MS)?;
        let Some(back_off) = self.back_off else { return Ok(()) };
        in_range("back_off.base_ms", Some(back_off.base_ms), 60_000)?;
        in_range("back_off.max_ms", Some(back_off.max_ms), HOUR_MS)?;
        match back_off.max_ms < back_off.base_ms {
            true => Err(Invalid::new("back_off.max_ms", "must not be below base_ms")),
            false => Ok(()),
        }
    }
}

const HOUR_MS: u32 = 3_600_000;

fn in_range(field: &str, value: Option<u32>, most: u32) -> Result<(), Invalid> {
    match value.is_none_or(|value| (1..=most).contains(&value)) {
        true => Ok(()),
        false => Err(Invalid::new(field, format!("must be 1 to {most}"))),
    }
}
