//! The model becomes resources: what Envoy runs. Pure, and a file for each type of resource.
//!
//! Clusters, endpoints, routes and filter configurations come over ADS, each on its own, so that a change of one
//! drains no listener and touches no other.

mod access_log;
mod canonical;
mod cluster;
mod endpoints;
mod filters;
mod listener;
mod memo;
mod native_filters;
mod policies;
mod proto;
mod route;
mod route_configuration;
mod scope;
mod secret;
mod service;
mod virtual_host;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use envoy_types::pb::envoy::config::{core::v3::TypedExtensionConfig, listener::v3::Listener};
use ferrox_policy::{
    auth::{AuthConfig, UsageReports},
    sidecar::Address as SidecarAddress,
};

use self::{memo::Memo, policies::PolicyMaps, scope::Scopes, virtual_host::ByHost};
use crate::{
    model::{
        Certificate, CertificateName, Discovery, Gateway, GatewayName, Model, Route, Sharding, Upstream,
        UpstreamName,
    },
    snapshot::{Kind, Resource},
};

/// Name of the listener of a gateway without one in the model. No upstream can have it: their names have no `_`.
pub const LISTENER: &str = "ferrox_listener";
/// Name of the route configuration.
pub const ROUTE_CONFIGURATION: &str = "ferrox";
/// Name of the cluster that leads to the Redis sidecar. No upstream can have it: their names have no `_`.
pub const SIDECAR_CLUSTER: &str = "ferrox_sidecar";

/// What the resources need to know besides the model: where things are, as each Envoy sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the Envoys of a gateway listen for clients that has no listener in the model.
    pub listener: SocketAddr,
    /// The folder of `ferrox_auth.wasm`, `ferrox_rate_limit.wasm` and `ferrox_cache_key.wasm`.
    pub wasm_dir: PathBuf,
    /// Where the Redis sidecar listens, with HTTP/2 in clear text.
    pub sidecar: SidecarAddress,
    /// The file of the authorities that upstreams with TLS are trusted by, unless they name their own.
    pub trusted_ca: PathBuf,
    /// To whom Envoys report the use of API keys; `None`: to nobody.
    pub key_usage: Option<UsageReports>,
}

/// Makes the resources of one model after the other. What is made of a part of the model is made again only when the part
/// is another one.
pub struct Translator {
    settings: Settings,
    upstreams: Memo<Upstream, Vec<Arc<Resource>>>,
    routes: Memo<Route, Arc<[Bytes]>>,
    certificates: Memo<Certificate, Arc<Resource>>,
    auth: Memo<AuthConfig, Arc<Resource>>,
    scopes: BTreeMap<GatewayName, Scopes>,
}

impl Translator {
    /// A translator of models, all with the same settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            upstreams: Memo::new(),
            routes: Memo::new(),
            certificates: Memo::new(),
            auth: Memo::new(),
            scopes: BTreeMap::new(),
        }
    }

    /// Makes every resource of a model, by gateway. The same model and settings always give the same bytes, whatever was
    /// translated before.
    pub fn translate(&mut self, model: &Model) -> BTreeMap<String, Vec<Arc<Resource>>> {
        self.upstreams.turn();
        self.routes.turn();
        self.certificates.turn();
        self.auth.turn();
        let mut shared = shared(&self.settings);
        let auth = self.auth.of(model.auth(), |config| extension(&filters::auth(config, &self.settings)));
        shared.push(auth);
        let of_upstream = |upstream: &Upstream| of_upstream(upstream, &self.settings.trusted_ca);
        let upstreams: Vec<_> = model
            .upstreams()
            .map(|upstream| (&upstream.name, self.upstreams.of(upstream, of_upstream)))
            .collect();
        let secrets: BTreeMap<_, _> = model
            .certificates()
            .map(|certificate| (certificate.name.as_str(), self.certificates.of(certificate, of_certificate)))
            .collect();
        let mut policies = PolicyMaps::new();
        let routes = virtual_host::encode_all(model.routes(), |route| {
            self.routes.of(route, |route| route::encode(route, &mut policies))
        });
        self.scopes
            .retain(|name, _| model.gateway(name).is_some_and(|gateway| gateway.sharding == Sharding::Host));
        let mut gateways = BTreeMap::new();
        for gateway in model.gateways() {
            let used: HashSet<_> =
                model.routes_of(&gateway.name).flat_map(|route| route.upstreams()).collect();
            let mut resources = shared.clone();
            resources.extend(self.listeners(model, gateway));
            let shown = certificates_of(gateway, model, &used);
            resources.extend(shown.iter().filter_map(|name| secrets.get(name)).cloned());
            for (name, of_upstream) in &upstreams {
                resources.extend(for_gateway(of_upstream, used.contains(name)));
            }
            resources.extend(self.routes_of(gateway, &virtual_host::by_host(&routes, &gateway.name)));
            gateways.insert(gateway.name.to_string(), resources);
        }
        gateways
    }

    fn listeners(&self, model: &Model, gateway: &Gateway) -> Vec<Arc<Resource>> {
        let mut listeners: Vec<_> = model
            .listeners_of(&gateway.name)
            .map(|listener| listener::of(listener, model, gateway.sharding))
            .collect();
        if listeners.is_empty() {
            listeners.push(listener::of_settings(self.settings.listener, gateway.sharding));
        }
        let resource = |listener: Listener| {
            Arc::new(Resource::new(Kind::Listener, listener.name.clone(), proto::encode(&listener)))
        };
        listeners.into_iter().map(resource).collect()
    }

    fn routes_of(&mut self, gateway: &Gateway, by_host: &ByHost<'_>) -> Vec<Arc<Resource>> {
        match gateway.sharding {
            Sharding::None => {
                let routes = route_configuration::of(by_host);
                vec![Arc::new(Resource::new(Kind::RouteConfiguration, ROUTE_CONFIGURATION, routes))]
            }
            Sharding::Host => self.scopes.entry(gateway.name.clone()).or_default().of(by_host),
        }
    }
}

/// What is the same for every gateway and every model.
fn shared(settings: &Settings) -> Vec<Arc<Resource>> {
    let sidecar = proto::encode(&cluster::sidecar(&settings.sidecar));
    let sidecar = Arc::new(Resource::new(Kind::Cluster, SIDECAR_CLUSTER, sidecar));
    filters::all_but_auth(settings).iter().map(extension).chain([sidecar]).collect()
}

fn extension(filter: &TypedExtensionConfig) -> Arc<Resource> {
    Arc::new(Resource::new(Kind::ExtensionConfig, filter.name.clone(), proto::encode(filter)))
}

/// An upstream's cluster and endpoints, and the service as which gRPC's own xDS clients know it (`xds:///name`), which no
/// wildcard brings.
fn of_upstream(upstream: &Upstream, trusted_ca: &Path) -> Vec<Arc<Resource>> {
    let name = upstream.name.as_str();
    let cluster = proto::encode(&cluster::upstream(upstream, trusted_ca));
    let endpoints = (upstream.discovery == Discovery::Static)
        .then(|| Resource::new(Kind::Endpoints, name, proto::encode(&endpoints::of(upstream))));
    let service = Resource::new(Kind::Listener, name, proto::encode(&service::listener(name))).unlisted();
    [Resource::new(Kind::Cluster, name, cluster), service]
        .into_iter()
        .chain(endpoints)
        .map(Arc::new)
        .collect()
}

/// The certificates that Envoys of a gateway show: to clients, and to the upstreams that its routes use.
fn certificates_of<'m>(
    gateway: &Gateway,
    model: &'m Model,
    used: &HashSet<&UpstreamName>,
) -> BTreeSet<&'m str> {
    let to_clients = model.listeners_of(&gateway.name).flat_map(|listener| listener.certificates());
    let used = model.upstreams().filter(|upstream| used.contains(&upstream.name));
    let to_upstreams = used.filter_map(|upstream| upstream.tls.as_ref()?.client_certificate.as_deref());
    to_clients.map(CertificateName::as_str).chain(to_upstreams).collect()
}

/// A certificate with its key, for those only who ask for it by name.
fn of_certificate(certificate: &Certificate) -> Arc<Resource> {
    let secret = proto::encode(&secret::of(certificate));
    Arc::new(Resource::new(Kind::Secret, certificate.name.as_str(), secret).unlisted())
}

/// Upstreams that no route of the gateway leads to are for those only who ask for them by name.
fn for_gateway(of_upstream: &[Arc<Resource>], is_used: bool) -> impl Iterator<Item = Arc<Resource>> {
    of_upstream.iter().map(move |resource| match is_used {
        true => Arc::clone(resource),
        false => Arc::new(Resource::clone(resource).unlisted()),
    })
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
