//! Call-outs: HTTP requests that a filter sends to an Envoy cluster.

use std::time::Duration;

use crate::Headers;

/// A request to send to an Envoy cluster.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Name of the cluster.
    pub cluster: &'a str,
    /// `:method`.
    pub method: &'a str,
    /// `:authority`.
    pub authority: &'a str,
    /// `:path`.
    pub path: &'a str,
    /// Further headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; may be empty.
    pub body: &'a [u8],
    /// Longest wait for the answer. At least a millisecond: Envoy takes 0 for no limit.
    pub timeout: Duration,
}

/// Identifies a call that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(pub u32);

/// Envoy refused a call at once: an unknown cluster, no healthy host, or too many requests under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRefused;

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// An answer came, possibly one that Envoy made itself: 503 when the connection was refused or overflowed, 504
    /// when time ran out.
    Answered {
        /// `:status`.
        status: u16,
        /// All headers of the answer.
        headers: Headers,
        /// The whole body.
        body: Vec<u8>,
    },
    /// The stream was reset before an answer came.
    Reset,
}
