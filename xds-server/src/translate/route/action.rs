//! What becomes of the requests of a route.

use std::num::NonZeroU32;

use envoy_types::pb::envoy::config::route::v3::{
    RouteAction, WeightedCluster, route_action::ClusterSpecifier, weighted_cluster::ClusterWeight,
};

use crate::{
    model::{Route, UpstreamName},
    translate::proto,
};

/// They go to an upstream.
pub(super) fn forward(route: &Route) -> RouteAction {
    RouteAction {
        cluster_specifier: Some(clusters(route)),
        timeout: proto::duration(route.timeout),
        ..RouteAction::default()
    }
}

fn clusters(route: &Route) -> ClusterSpecifier {
    let mut names = route.targets.keys();
    if let (Some(only), None) = (names.next(), names.next()) {
        return ClusterSpecifier::Cluster(only.to_string());
    }
    let weight = |(name, weight): (&UpstreamName, &NonZeroU32)| ClusterWeight {
        name: name.to_string(),
        weight: proto::number(weight.get()),
        ..ClusterWeight::default()
    };
    ClusterSpecifier::WeightedClusters(WeightedCluster {
        clusters: route.targets.iter().map(weight).collect(),
        ..WeightedCluster::default()
    })
}
