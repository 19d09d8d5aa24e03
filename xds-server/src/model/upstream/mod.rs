//! The services behind the gateway.

mod balancing;
mod breaker;
mod connections;
mod discovery;
mod endpoint;
mod failure;
mod health_check;
mod http_check;
mod probe;
mod tls;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

pub use self::{
    balancing::{Balancing, SlowStart},
    breaker::{Breaker, Force, Retries},
    connections::{Connections, HttpVersion, TcpKeepalive},
    discovery::Discovery,
    endpoint::{Address, Endpoint},
    failure::{BadAnswer, FailureOn},
    health_check::{Checker, GrpcCheck, HealthCheck, HttpCheck},
    probe::Probe,
    tls::Tls,
};
use super::{
    UpstreamName,
    problem::{Problem, RowCheck},
    selection::Selection,
};
use crate::store::UpstreamRow;

/// A service and how Envoy treats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its name.
    pub name: UpstreamName,
    /// How its endpoints are found.
    pub discovery: Discovery,
    /// How one of them is chosen.
    pub balancing: Balancing,
    /// Connections to them.
    pub connections: Connections,
    /// TLS on these, if not clear text.
    pub tls: Option<Tls>,
    /// What takes endpoints out and in, besides the breaker; never together with its probe.
    pub health_check: Option<HealthCheck>,
    /// When it is spared.
    pub breaker: Breaker,
    /// Where it listens. None: every request is answered with 503.
    pub endpoints: BTreeSet<Endpoint>,
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
    let mut places = HashSet::new();
    for row in &rows.endpoints {
        let key = format_args!("{} {}:{}", row.upstream, row.address, row.port);
        let mut check = RowCheck::new(ENDPOINTS, &key, problems);
        if !seen.contains(row.upstream.as_str()) {
            check.refuse("upstream", format!("there is no upstream '{}'", row.upstream));
        }
        let Some(endpoint) = endpoint::parse(row, &mut check) else { continue };
        // An upstream that was refused itself has nowhere to put it.
        let name = UpstreamName::parse(&row.upstream).ok();
        let Some(upstream) = name.and_then(|name| upstreams.get_mut(&name)) else { continue };
        check.keep("address", endpoint::check_discovery(&endpoint.address, upstream.discovery));
        if !places.insert((&row.upstream, endpoint.address.clone(), endpoint.port)) {
            check.refuse("", "stands twice");
        }
        upstream.endpoints.insert(endpoint);
    }
    for upstream in upstreams.values() {
        check_count(upstream, &mut RowCheck::new(TABLE, &upstream.name, problems));
    }
    upstreams.into_iter().map(|(name, upstream)| (name, Arc::new(upstream))).collect()
}

fn parse(row: &UpstreamRow, check: &mut RowCheck<'_>) -> Option<Upstream> {
    let name = check.keep("name", UpstreamName::parse(&row.name));
    let discovery = discovery::parse(row, check);
    let balancing = balancing::parse(row, check);
    let connections = connections::parse(row, check);
    let tls = row.tls.as_ref().map(|tls| check.document("tls", tls));
    let health_check = row.health_check.as_ref().map(|json| health_check(row, json, check));
    let breaker = breaker::parse(row, check);
    Some(Upstream {
        name: name?,
        discovery: discovery?,
        balancing: balancing?,
        connections: connections?,
        tls: kept(tls)?,
        health_check: kept(health_check)?,
        breaker: breaker?,
        endpoints: BTreeSet::new(),
    })
}

fn health_check(
    row: &UpstreamRow,
    json: &serde_json::Value,
    check: &mut RowCheck<'_>,
) -> Option<HealthCheck> {
    let health_check: HealthCheck = check.document("health_check", json)?;
    if row.probe.is_some() {
        check.refuse(
            "health_check",
            "cannot stand beside a probe: one would close the breaker and the other would not",
        );
        return None;
    }
    if matches!(health_check.checker(), Checker::Grpc(_)) && row.protocol != "http2" {
        check.refuse("health_check.grpc", "needs the protocol http2");
        return None;
    }
    Some(health_check)
}

/// Envoy refuses a logical DNS cluster with any other number.
fn check_count(upstream: &Upstream, check: &mut RowCheck<'_>) {
    let count = upstream.endpoints.len();
    if matches!(upstream.discovery, Discovery::LogicalDns(_)) && count != 1 {
        check.refuse("discovery", format!("logical_dns needs exactly one endpoint, not {count}"));
    }
}

/// What may be absent but not wrong.
fn kept<T>(parsed: Option<Option<T>>) -> Option<Option<T>> {
    parsed.map_or(Some(None), |parsed| parsed.map(Some))
}

#[cfg(test)]
mod tests;
