//! The model becomes resources: what Envoy runs. Pure, and a file for each type of resource.
//!
//! Clusters, endpoints, routes and filter configurations come over ADS, each on its own, so that a change of one
//! drains no listener and touches no other.

mod canonical;
mod cluster;
mod endpoints;
mod filters;
mod listener;
mod policies;
mod proto;
mod route;
mod service;

use std::{
    collections::{BTreeMap, HashSet},
    net::SocketAddr,
    path::PathBuf,
};

use crate::{
    model::{Model, Upstream},
    snapshot::{Kind, Resource},
};

/// Name of the listener. No upstream can have it: their names have no `_`.
pub const LISTENER: &str = "ferrox_listener";
/// Name of the route configuration.
pub const ROUTE_CONFIGURATION: &str = "ferrox";
/// Name of the cluster that leads to the Redis sidecar. No upstream can have it: their names have no `_`.
pub const SIDECAR_CLUSTER: &str = "ferrox_sidecar";

/// What the resources need to know besides the model: where things are, as each Envoy sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where Envoy listens for clients.
    pub listener: SocketAddr,
    /// The folder of `ferrox_auth.wasm`, `ferrox_rate_limit.wasm` and `ferrox_cache_key.wasm`.
    pub wasm_dir: PathBuf,
    /// Where the Redis sidecar listens, with HTTP/2 in clear text.
    pub sidecar: SocketAddr,
}

/// Makes every resource of a model, by gateway. The same model and settings always give the same bytes.
#[must_use]
pub fn translate(model: &Model, settings: &Settings) -> BTreeMap<String, Vec<Resource>> {
    let shared = shared(model, settings);
    let upstreams: Vec<_> =
        model.upstreams().map(|upstream| (&upstream.name, of_upstream(upstream))).collect();
    let services: Vec<_> = model.upstreams().map(of_service).collect();
    let routes = route::encode_all(model);
    let gateways = model.gateways().map(|gateway| {
        let used: HashSet<_> = model.routes_of(gateway).flat_map(|route| route.targets.keys()).collect();
        let upstreams = upstreams.iter().flat_map(|(name, resources)| {
            // Other upstreams are for those only who ask for them by name.
            let listed = used.contains(name);
            resources.iter().map(move |r| if listed { r.clone() } else { r.clone().unlisted() })
        });
        let routes = route::configuration(&routes, gateway);
        let routes = Resource::new(Kind::RouteConfiguration, ROUTE_CONFIGURATION, routes);
        let resources =
            shared.iter().cloned().chain(upstreams).chain(services.iter().cloned()).chain([routes]);
        (gateway.to_string(), resources.collect())
    });
    gateways.collect()
}

/// What is the same for every gateway.
fn shared(model: &Model, settings: &Settings) -> Vec<Resource> {
    let filters = filters::all(model, settings)
        .into_iter()
        .map(|filter| Resource::new(Kind::ExtensionConfig, filter.name.clone(), proto::encode(&filter)));
    let sidecar = proto::encode(&cluster::sidecar(settings.sidecar));
    let listener = proto::encode(&listener::listener(settings.listener));
    filters
        .chain([
            Resource::new(Kind::Cluster, SIDECAR_CLUSTER, sidecar),
            Resource::new(Kind::Listener, LISTENER, listener),
        ])
        .collect()
}

fn of_upstream(upstream: &Upstream) -> [Resource; 2] {
    let name = upstream.name.as_str();
    [
        Resource::new(Kind::Cluster, name, proto::encode(&cluster::upstream(upstream))),
        Resource::new(Kind::Endpoints, name, proto::encode(&endpoints::of(upstream))),
    ]
}

/// An upstream as gRPC's own xDS clients know it (`xds:///name`).
fn of_service(upstream: &Upstream) -> Resource {
    let name = upstream.name.as_str();
    Resource::new(Kind::Listener, name, proto::encode(&service::listener(name))).unlisted()
}

#[cfg(test)]
mod tests;
