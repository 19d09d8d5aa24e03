//! What must hold between upstreams and the rest, each of which makes sense alone.

use std::collections::HashSet;

use super::{
    Balancing, Model, Route, Upstream,
    problem::{Problem, RowCheck},
};
use crate::store::Rows;

/// Refuses routes that choose an endpoint by hash where the upstream does not balance so, and upstreams that are shown a
/// certificate that is not there.
pub(super) fn check(model: &Model, rows: &Rows, problems: &mut Vec<Problem>) {
    for route in model.routes.values() {
        check_hash(route, model, problems);
    }
    // By the rows, so that a certificate that makes no sense is not refused here too.
    let certificates: HashSet<_> = rows.certificates.iter().map(|row| row.name.as_str()).collect();
    for upstream in model.upstreams.values() {
        check_certificate(upstream, &certificates, problems);
    }
}

/// Envoy would take no notice of the hash, and clients would be sent anywhere.
fn check_hash(route: &Route, model: &Model, problems: &mut Vec<Problem>) {
    let Some(forward) = route.action.forward().filter(|forward| !forward.hash_on.is_empty()) else { return };
    let upstreams = forward.targets.keys().filter_map(|name| model.upstreams.get(name));
    for upstream in upstreams.filter(|upstream| !upstream.balancing.is_by_hash()) {
        let reason =
            format!("upstream '{}' has no load_balancing by hash: ring_hash or maglev", upstream.name);
        RowCheck::new("routes", &route.name, problems).refuse("hash_on", reason);
    }
}

fn check_certificate(upstream: &Upstream, certificates: &HashSet<&str>, problems: &mut Vec<Problem>) {
    let shown = upstream.tls.as_ref().and_then(|tls| tls.client_certificate.as_deref());
    let Some(name) = shown.filter(|name| !certificates.contains(name)) else { return };
    RowCheck::new("upstreams", &upstream.name, problems)
        .refuse("tls.client_certificate", format!("there is no certificate '{name}'"));
}

impl Balancing {
    fn is_by_hash(self) -> bool {
        matches!(self, Self::RingHash | Self::Maglev)
    }
}
