//! Questions about limits and what is said to them.

use serde::{Deserialize, Serialize};

use crate::rate_limit::Algorithm;

/// Asks to count one request against each of some limits: all of them, or none when one has no room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsRequest {
    /// 1 to 8 limits with different keys.
    pub limits: Vec<LimitCheck>,
    /// Counts whether or not there is room: what is counted has happened already, as the cost that a response told.
    #[serde(default, skip_serializing_if = "is_false")]
    pub charge: bool,
}

/// One limit to count against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitCheck {
    /// Key of the count, by [`crate::key`]. A key is always asked about with the same algorithm.
    pub key: String,
    /// How it is counted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub algorithm: Algorithm,
    /// How many requests may pass in a window, or may be under way at once, at least 1.
    pub limit: u64,
    /// Length of the window in milliseconds, at least 1; of a [`Algorithm::Concurrency`] how long a request that is never ended
    /// counts.
    pub window_ms: u64,
    /// Of a [`Algorithm::TokenBucket`], how many requests may come at once, at least 1. Default: `limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// What the request counts. Default: 1. With 0 nothing is counted, and there is room where there is room for 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub cost: u64,
    /// The answer tells whether there is room, and nothing depends on it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub report_only: bool,
    /// A request that is refused, by this limit or by another, counts here all the same.
    #[serde(default, skip_serializing_if = "is_false")]
    pub count_denied: bool,
    /// How many more than the cost the asker would like to take and give out itself. It gets at most an eighth of what is left.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub take: u64,
    /// Of a [`Algorithm::Concurrency`], the name of the request: 1 to 64 letters, digits or `-`. A name that is known is prolonged
    /// and not counted again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<String>,
}

impl LimitCheck {
    /// A request of cost 1 against a fixed window.
    #[must_use]
    pub fn fixed_window(key: impl Into<String>, limit: u64, window_ms: u64) -> Self {
        Self {
            key: key.into(),
            algorithm: Algorithm::FixedWindow,
            limit,
            window_ms,
            burst: None,
            cost: 1,
            report_only: false,
            count_denied: false,
            take: 0,
            lease: None,
        }
    }
}

/// The decision on a [`LimitsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsResponse {
    /// Whether the request may pass: every limit that is not only reported has room.
    pub allowed: bool,
    /// The state of each limit after the decision, in the order of the request.
    pub limits: Vec<LimitState>,
}

/// The state of one limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitState {
    /// Whether this limit had room for the request.
    pub allowed: bool,
    /// How many more requests may pass at the moment.
    pub remaining: u64,
    /// Milliseconds until all of the limit is there again if nothing more is counted; of a fixed window that has not begun, its
    /// length.
    pub reset_ms: u64,
    /// Where there was no room: milliseconds until there can be, if nobody gives back. 0 where there was.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retry_ms: u64,
    /// How many were taken besides the cost.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub taken: u64,
    /// Where the count stands that they were taken from, see [`Return::mark`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mark: u64,
}

/// Gives back what was taken and not used, and ends requests that were under way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnRequest {
    /// 1 to 64 of them.
    pub limits: Vec<Return>,
}

/// What is given back to one limit. A window that has ended since takes nothing back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// Key of the count.
    pub key: String,
    /// How it is counted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub algorithm: Algorithm,
    /// How many requests may pass in a window.
    pub limit: u64,
    /// Length of the window in milliseconds.
    pub window_ms: u64,
    /// How many come back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tokens: u64,
    /// The [`LimitState::mark`] of when they were taken.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mark: u64,
    /// Of a [`Algorithm::Concurrency`], the name of the request that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<String>,
}

fn one() -> u64 {
    1
}

// serde hands references to these.
fn is_one(number: &u64) -> bool {
    *number == 1
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_default(algorithm: &Algorithm) -> bool {
    *algorithm == Algorithm::default()
}
