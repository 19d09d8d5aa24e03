//! Where an upstream listens (EDS).

use envoy_types::pb::envoy::config::{core::v3::HealthStatus, endpoint::v3::ClusterLoadAssignment};

use super::proto;
use crate::model::{Force, Upstream};

/// The endpoints of an upstream. One without any is sent all the same: Envoy then answers 503 at once instead of
/// waiting for endpoints.
pub(super) fn of(upstream: &Upstream) -> ClusterLoadAssignment {
    let mut locality = proto::locality(upstream.endpoints.iter().copied());
    // A breaker is forced open here and not in the cluster, so that those of the endpoints keep their state.
    if upstream.breaker.force == Some(Force::Open) {
        for endpoint in &mut locality.lb_endpoints {
            endpoint.health_status = HealthStatus::Unhealthy.into();
        }
    }
    ClusterLoadAssignment {
        cluster_name: upstream.name.to_string(),
        endpoints: if locality.lb_endpoints.is_empty() { Vec::new() } else { vec![locality] },
        ..ClusterLoadAssignment::default()
    }
}
