//! Where an upstream listens (EDS).

use envoy_types::pb::envoy::config::{
    core::v3::{HealthStatus, Locality},
    endpoint::v3::{ClusterLoadAssignment, LbEndpoint, LocalityLbEndpoints},
};

use super::proto;
use crate::model::{Endpoint, Force, Upstream};

/// The endpoints of an upstream. One without any is sent all the same: Envoy then answers 503 at once instead of
/// waiting for endpoints.
pub(super) fn of(upstream: &Upstream) -> ClusterLoadAssignment {
    // A breaker is forced open here and not in the cluster, so that those of the endpoints keep their state.
    let health = match upstream.breaker.force {
        Some(Force::Open) => HealthStatus::Unhealthy,
        Some(Force::Closed) | None => HealthStatus::Unknown,
    };
    ClusterLoadAssignment {
        cluster_name: upstream.name.to_string(),
        endpoints: localities(&upstream.endpoints.iter().collect::<Vec<_>>(), health),
        ..ClusterLoadAssignment::default()
    }
}

/// One for each zone of each priority. Envoy and gRPC refuse a gap between priorities, so these are numbered anew.
fn localities(endpoints: &[&Endpoint], health: HealthStatus) -> Vec<LocalityLbEndpoints> {
    let priorities = endpoints.chunk_by(|a, b| a.priority == b.priority).zip(0..);
    let zones = priorities.flat_map(|(endpoints, priority)| {
        endpoints.chunk_by(|a, b| a.zone == b.zone).map(move |endpoints| (endpoints, priority))
    });
    zones.map(|(endpoints, priority)| locality(endpoints, priority, health)).collect()
}

fn locality(endpoints: &[&Endpoint], priority: u32, health: HealthStatus) -> LocalityLbEndpoints {
    LocalityLbEndpoints {
        locality: Some(Locality {
            zone: endpoints.first().map(|first| first.zone.clone()).unwrap_or_default(),
            ..Locality::default()
        }),
        priority,
        // gRPC's clients share requests between zones by it, and Envoy by the weights of the endpoints alone.
        load_balancing_weight: proto::number(endpoints.iter().map(|endpoint| endpoint.weight).sum()),
        lb_endpoints: endpoints.iter().map(|endpoint| lb_endpoint(endpoint, health)).collect(),
        ..LocalityLbEndpoints::default()
    }
}

fn lb_endpoint(endpoint: &Endpoint, health: HealthStatus) -> LbEndpoint {
    LbEndpoint {
        health_status: health.into(),
        load_balancing_weight: proto::number(endpoint.weight),
        ..proto::endpoint(&endpoint.address, endpoint.port)
    }
}
