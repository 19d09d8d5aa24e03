//! The services behind the gateway.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use super::{
    UpstreamName,
    problem::{Problem, RowCheck},
    selection::Selection,
};
use crate::store::{EndpointRow, UpstreamRow};

/// A service and how Envoy treats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its name.
    pub name: UpstreamName,
    /// How long a connection may take to be made: 1 ms to 60 s.
    pub connect_timeout: Duration,
    /// When it is spared.
    pub breaker: Breaker,
    /// Where it listens. None: every request is answered with 503.
    pub endpoints: BTreeSet<SocketAddr>,
}

/// When an upstream is spared. Each Envoy judges on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// Consecutive failures (5xx, refused, reset, timed out) of an endpoint that open its breaker: 1 to 1000.
    pub failures: u32,
    /// How long it stays open, 100 ms to 1 h; Envoy rounds it up to its next sweep, at most a tenth later.
    pub open_for: Duration,
    /// Connections at once; 0 forces the breaker open.
    pub max_connections: u32,
    /// Requests that wait for a connection; 0 forces the breaker open.
    pub max_pending_requests: u32,
    /// Requests at once; 0 forces the breaker open.
    pub max_requests: u32,
    /// Retries at once.
    pub max_retries: u32,
}

const TABLE: &str = "upstreams";
const ENDPOINTS: &str = "endpoints";

pub(super) fn parse_all(
    rows: &Selection<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<UpstreamName, Arc<Upstream>> {
    let mut upstreams: BTreeMap<_, Upstream> = BTreeMap::new();
    let mut seen = HashSet::new();
    for row in &rows.upstreams {
        let mut check = RowCheck::new(TABLE, &row.name, problems);
        if !seen.insert(row.name.as_str()) {
            check.refuse("name", "stands twice");
        } else if let Some(upstream) = parse(row, &mut check) {
            upstreams.insert(upstream.name.clone(), upstream);
        }
    }
    for row in &rows.endpoints {
        let key = format_args!("{} {}:{}", row.upstream, row.address, row.port);
        let mut check = RowCheck::new(ENDPOINTS, &key, problems);
        if !seen.contains(row.upstream.as_str()) {
            check.refuse("upstream", format!("there is no upstream '{}'", row.upstream));
        }
        let Some(address) = parse_endpoint(row, &mut check) else { continue };
        // An upstream that was refused itself has nowhere to put it.
        let name = UpstreamName::parse(&row.upstream).ok();
        let Some(upstream) = name.and_then(|name| upstreams.get_mut(&name)) else { continue };
        if !upstream.endpoints.insert(address) {
            check.refuse("", "stands twice");
        }
    }
    upstreams.into_iter().map(|(name, upstream)| (name, Arc::new(upstream))).collect()
}

fn parse(row: &UpstreamRow, check: &mut RowCheck<'_>) -> Option<Upstream> {
    let name = check.keep("name", UpstreamName::parse(&row.name));
    let connect_timeout = check.number("connect_timeout_ms", row.connect_timeout_ms, 1..=60_000);
    let breaker = parse_breaker(row, check);
    Some(Upstream {
        name: name?,
        connect_timeout: Duration::from_millis(connect_timeout?.into()),
        breaker: breaker?,
        endpoints: BTreeSet::new(),
    })
}

fn parse_breaker(row: &UpstreamRow, check: &mut RowCheck<'_>) -> Option<Breaker> {
    let failures = check.number("failures", row.failures, 1..=1000);
    let open_for = check.number("open_for_ms", row.open_for_ms, 100..=3_600_000);
    let max_connections = check.number("max_connections", row.max_connections, 0..=i32::MAX);
    let max_pending_requests = check.number("max_pending_requests", row.max_pending_requests, 0..=i32::MAX);
    let max_requests = check.number("max_requests", row.max_requests, 0..=i32::MAX);
    let max_retries = check.number("max_retries", row.max_retries, 0..=i32::MAX);
    Some(Breaker {
        failures: failures?,
        open_for: Duration::from_millis(open_for?.into()),
        max_connections: max_connections?,
        max_pending_requests: max_pending_requests?,
        max_requests: max_requests?,
        max_retries: max_retries?,
    })
}

fn parse_endpoint(row: &EndpointRow, check: &mut RowCheck<'_>) -> Option<SocketAddr> {
    let address = row.address.parse::<IpAddr>().map_err(|_| "is not an IP address".to_owned());
    let address = check.keep("address", address);
    let port = check.number("port", row.port, 1..=65_535);
    let address = address?;
    if address.is_unspecified() || address.is_multicast() {
        check.refuse("address", "no service can be reached at it");
        return None;
    }
    Some(SocketAddr::new(address, u16::try_from(port?).ok()?))
}
