//! The model becomes resources: what Envoy runs. Pure, and a file for each type of resource.
//!
//! Clusters, endpoints, routes and filter configurations come over ADS, each on its own, so that a change of one
//! drains no listener and touches no other.

mod canonical;
mod cluster;
mod endpoints;
mod filters;
mod listener;
mod proto;
mod route;

use std::{net::SocketAddr, path::PathBuf};

use crate::{
    model::Model,
    snapshot::{Kind, Resource, Snapshot},
};

/// Name of the listener.
pub const LISTENER: &str = "ferrox";
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

/// Makes every resource of a model. The same model and settings always give the same bytes.
#[must_use]
pub fn translate(model: &Model, settings: &Settings) -> Snapshot {
    let clusters = model.upstreams().map(|upstream| {
        Resource::new(Kind::Cluster, upstream.name.as_str(), proto::encode(&cluster::upstream(upstream)))
    });
    let sidecar = proto::encode(&cluster::sidecar(settings.sidecar));
    let endpoints = model.upstreams().map(|upstream| {
        Resource::new(Kind::Endpoints, upstream.name.as_str(), proto::encode(&endpoints::of(upstream)))
    });
    let filters = filters::all(model, settings)
        .into_iter()
        .map(|filter| Resource::new(Kind::ExtensionConfig, filter.name.clone(), proto::encode(&filter)));
    let listener = proto::encode(&listener::listener(settings.listener));
    let routes = route::configuration(model);
    Snapshot::new(clusters.chain(endpoints).chain(filters).chain([
        Resource::new(Kind::Cluster, SIDECAR_CLUSTER, sidecar),
        Resource::new(Kind::Listener, LISTENER, listener),
        Resource::new(Kind::RouteConfiguration, ROUTE_CONFIGURATION, routes),
    ]))
}

#[cfg(test)]
mod tests;
