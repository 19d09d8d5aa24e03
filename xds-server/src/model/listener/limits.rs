//! What a client may ask of Envoy.

use std::{num::NonZeroU32, time::Duration};

use crate::{model::problem::RowCheck, store::ListenerRow};

/// Limits on connections and requests. The default is that of a listener that no row describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long a connection may be without requests: 1 ms to 24 h.
    pub idle_timeout: Duration,
    /// How long nothing of a request or its answer may move: 1 ms to 24 h.
    pub stream_idle_timeout: Duration,
    /// How long the headers of a request may take to come: 1 ms to 10 min.
    pub request_headers_timeout: Duration,
    /// How long a whole request may take to come: up to 24 h; `None`: without end.
    pub request_timeout: Option<Duration>,
    /// Largest headers of a request, in KiB: 1 to 8192.
    pub max_request_headers_kb: u32,
    /// Connections at once to each Envoy, for each certificate; `None`: without limit.
    pub max_connections: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(3600),
            stream_idle_timeout: Duration::from_secs(300),
            request_headers_timeout: Duration::from_secs(10),
            request_timeout: None,
            max_request_headers_kb: 60,
            max_connections: None,
        }
    }
}

const DAY_MS: i32 = 86_400_000;

pub(super) fn parse(row: &ListenerRow, check: &mut RowCheck<'_>) -> Option<Limits> {
    let mut time = |field, value, range| {
        check.number(field, value, range).map(|milliseconds| Duration::from_millis(milliseconds.into()))
    };
    let idle_timeout = time("idle_timeout_ms", row.idle_timeout_ms, 1..=DAY_MS);
    let stream_idle_timeout = time("stream_idle_timeout_ms", row.stream_idle_timeout_ms, 1..=DAY_MS);
    let request_headers_timeout =
        time("request_headers_timeout_ms", row.request_headers_timeout_ms, 1..=600_000);
    let request_timeout = time("request_timeout_ms", row.request_timeout_ms, 0..=DAY_MS);
    let max_request_headers_kb = check.number("max_request_headers_kb", row.max_request_headers_kb, 1..=8192);
    let max_connections = match row.max_connections {
        Some(most) => NonZeroU32::new(check.number("max_connections", most, 1..=i32::MAX)?),
        None => None,
    };
    Some(Limits {
        idle_timeout: idle_timeout?,
        stream_idle_timeout: stream_idle_timeout?,
        request_headers_timeout: request_headers_timeout?,
        request_timeout: request_timeout.filter(|timeout| !timeout.is_zero()),
        max_request_headers_kb: max_request_headers_kb?,
        max_connections,
    })
}
