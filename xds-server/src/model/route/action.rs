//! What becomes of the requests of a route.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    time::Duration,
};

use super::{
    mirrors::Mirrors,
    targets::{self, Targets},
};
use crate::{
    model::{
        Cors, HashKey, HeaderChanges, Redirect, Response, Retry, Rewrite, UpstreamName, problem::RowCheck,
    },
    store::RouteRow,
};

/// What becomes of the requests of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// They go to an upstream.
    Forward(Box<Forward>),
    /// Their clients are sent elsewhere.
    Redirect(Redirect),
    /// Envoy answers by itself.
    Respond(Response),
}

/// Where requests go, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Where they go, by weight; at least one. An upstream of weight 0 is left out.
    pub targets: BTreeMap<UpstreamName, NonZeroU32>,
    /// Upstreams that get copies, and of how many of a hundred requests.
    pub mirrors: BTreeMap<UpstreamName, u32>,
    /// How long a whole answer may take after the whole request: up to 1 h; zero: without end.
    pub timeout: Duration,
    /// How long a stream may be silent: up to a day; zero: without end; `None`: as the listener says.
    pub idle_timeout: Option<Duration>,
    /// How long a stream may last in all: 1 ms to a day.
    pub max_stream_duration: Option<Duration>,
    /// What the upstream sees as path and host.
    pub rewrite: Rewrite,
    /// Changes of the headers that the upstream gets.
    pub request_headers: HeaderChanges,
    /// Which pages of other origins may read answers. Envoy knows it for such routes only.
    pub cors: Option<Cors>,
    /// When a request is sent again.
    pub retry: Option<Retry>,
    /// Largest body of a request in bytes.
    pub max_request_bytes: Option<NonZeroU32>,
    /// Protocols that a connection may change to.
    pub upgrades: BTreeSet<Upgrade>,
    /// What of a request chooses its endpoint, where the upstream balances by hash: the first that the request has.
    pub hash_on: Vec<HashKey>,
}

/// A protocol that a connection may change to (RFC 9110 section 7.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Upgrade {
    /// RFC 6455.
    Websocket,
}

impl Upgrade {
    fn parse(name: &str) -> Result<Self, String> {
        match name {
            "websocket" => Ok(Self::Websocket),
            _ => Err(format!("'{}' must be websocket", name.escape_debug())),
        }
    }
}

impl Action {
    /// Where requests go, if they go anywhere.
    #[must_use]
    pub fn forward(&self) -> Option<&Forward> {
        match self {
            Self::Forward(forward) => Some(forward),
            Self::Redirect(_) | Self::Respond(_) => None,
        }
    }
}

/// What the tables beside `routes` say of a route.
pub(super) struct Upstreams {
    pub(super) targets: Option<Targets>,
    pub(super) mirrors: Mirrors,
}

const DAY_MS: i32 = 86_400_000;
/// Envoy holds so much of each request in memory.
const MAX_REQUEST_BYTES: i32 = 100 << 20;

pub(super) fn parse(row: &RouteRow, upstreams: Upstreams, check: &mut RowCheck<'_>) -> Option<Action> {
    let answer = match (&row.redirect, &row.response) {
        (None, None) => return forward(row, upstreams, check),
        (Some(redirect), None) => check.document("redirect", redirect).map(Action::Redirect),
        (None, Some(response)) => check.document("response", response).map(Action::Respond),
        (Some(_), Some(_)) => {
            check.refuse("response", "stands beside a redirect; a route has one of them");
            None
        }
    };
    if upstreams.targets.is_some() {
        check.refuse("", "answers by itself, so it has no upstream in route_upstreams");
    }
    refuse_forwarding(row, &upstreams.mirrors, check);
    answer
}

/// What only makes sense where requests go somewhere must not be there in vain.
fn refuse_forwarding(row: &RouteRow, mirrors: &Mirrors, check: &mut RowCheck<'_>) {
    let columns = [
        ("rewrite", row.rewrite.is_some()),
        ("idle_timeout_ms", row.idle_timeout_ms.is_some()),
        ("max_stream_duration_ms", row.max_stream_duration_ms.is_some()),
        ("retry", row.retry.is_some()),
        ("request_headers", row.request_headers.is_some()),
        ("cors", row.cors.is_some()),
        ("max_request_bytes", row.max_request_bytes.is_some()),
        ("upgrades", !row.upgrades.is_empty()),
        ("hash_on", row.hash_on.is_some()),
        ("", !mirrors.is_empty()),
    ];
    for (column, _) in columns.into_iter().filter(|(_, is_set)| *is_set) {
        check.refuse(column, "is for routes with upstreams, and this one answers by itself");
    }
}

fn forward(row: &RouteRow, upstreams: Upstreams, check: &mut RowCheck<'_>) -> Option<Action> {
    let targets = check.keep("", targets::of_positive_weight(upstreams.targets));
    let timeout = check.number("timeout_ms", row.timeout_ms, 0..=3_600_000);
    let idle_timeout = check.optional("idle_timeout_ms", row.idle_timeout_ms, 0..=DAY_MS);
    let max_stream_duration =
        check.optional("max_stream_duration_ms", row.max_stream_duration_ms, 1..=DAY_MS);
    let max_request_bytes = check.optional("max_request_bytes", row.max_request_bytes, 1..=MAX_REQUEST_BYTES);
    let rewrite = super::document("rewrite", row.rewrite.as_ref(), check);
    let request_headers = super::document("request_headers", row.request_headers.as_ref(), check);
    let cors = super::document("cors", row.cors.as_ref(), check);
    let retry = super::document("retry", row.retry.as_ref(), check);
    let upgrades = check.set("upgrades", &row.upgrades, Upgrade::parse);
    let hash_on = row.hash_on.as_ref().and_then(|json| check.list("hash_on", json));
    let milliseconds = |ms: u32| Duration::from_millis(ms.into());
    Some(Action::Forward(Box::new(Forward {
        targets: targets?,
        mirrors: upstreams.mirrors,
        timeout: milliseconds(timeout?),
        idle_timeout: idle_timeout.map(milliseconds),
        max_stream_duration: max_stream_duration.map(milliseconds),
        rewrite: rewrite.unwrap_or_default(),
        request_headers: request_headers.unwrap_or_default(),
        cors,
        retry,
        max_request_bytes: max_request_bytes.and_then(NonZeroU32::new),
        upgrades,
        hash_on: hash_on.unwrap_or_default(),
    })))
}
