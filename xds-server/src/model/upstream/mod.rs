//! The services behind the gateway.

mod breaker;
mod endpoint;
mod failure;
mod http_check;
mod probe;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

pub use self::{
    breaker::{Breaker, Force, Retries},
    failure::{BadAnswer, FailureOn},
    probe::Probe,
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
    /// How long a connection may take to be made: 1 ms to 60 s.
    pub connect_timeout: Duration,
    /// When it is spared.
    pub breaker: Breaker,
    /// Where it listens. None: every request is answered with 503.
    pub endpoints: BTreeSet<SocketAddr>,
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
        let Some(address) = endpoint::parse(row, &mut check) else { continue };
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
    let breaker = breaker::parse(row, check);
    Some(Upstream {
        name: name?,
        connect_timeout: Duration::from_millis(connect_timeout?.into()),
        breaker: breaker?,
        endpoints: BTreeSet::new(),
    })
}

#[cfg(test)]
mod tests;
