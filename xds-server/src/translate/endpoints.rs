//! Where an upstream listens (EDS).

use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;

use super::proto;
use crate::model::Upstream;

/// The endpoints of an upstream. One without any is sent all the same: Envoy then answers 503 at once instead of
/// waiting for endpoints.
pub(super) fn of(upstream: &Upstream) -> ClusterLoadAssignment {
    ClusterLoadAssignment {
        cluster_name: upstream.name.to_string(),
        endpoints: if upstream.endpoints.is_empty() {
            Vec::new()
        } else {
            vec![proto::locality(upstream.endpoints.iter().copied())]
        },
        ..ClusterLoadAssignment::default()
    }
}
