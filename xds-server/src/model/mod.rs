//! The checked configuration: what rows mean, in types that cannot hold what Envoy or the filters would refuse.

mod auth;
mod documents;
mod gateway;
mod host;
mod method;
mod name;
mod overlap;
mod path;
mod policies;
mod problem;
mod route;
mod selection;
mod update;
mod upstream;

use std::{collections::BTreeMap, fmt, sync::Arc};

use ferrox_policy::auth::AuthConfig;

pub use documents::{Document, documents};
pub use gateway::{Gateway, Sharding};
pub use host::HostPattern;
pub use method::Method;
pub use name::{GatewayName, RouteName, UpstreamName};
pub use path::{Path, PathMatch};
pub use policies::Policies;
pub use problem::Problem;
pub use route::{
    Action, Algorithm, BackOff, Compression, Cors, Forward, HashKey, HeaderChanges, HostRewrite, Maintenance,
    Origin, PathRewrite, Redirect, RedirectPath, RedirectStatus, Response, Retry, RetryOn, Rewrite, Route,
    Scheme, Upgrade,
};
pub use upstream::{Breaker, Upstream};

use self::{route::References, selection::Selection};
use crate::store::Rows;

/// A whole configuration in which every reference leads somewhere and every policy works.
#[derive(Clone, PartialEq)]
pub struct Model {
    gateways: BTreeMap<GatewayName, Gateway>,
    upstreams: BTreeMap<UpstreamName, Arc<Upstream>>,
    routes: BTreeMap<RouteName, Arc<Route>>,
    auth: Arc<AuthConfig>,
}

impl Model {
    /// Checks rows.
    ///
    /// # Errors
    /// Everything that is wrong with them, not only the first thing.
    pub fn parse(rows: &Rows) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let gateways = gateway::parse_all(rows, &mut problems);
        let selection = Selection::all(rows);
        let upstreams = upstream::parse_all(&selection, &mut problems);
        let routes = route::parse_all(&selection, &References::new(rows, &gateways), &mut problems);
        overlap::check(&routes, &mut problems);
        let auth = Arc::new(auth::parse(rows, &mut problems));
        if problems.is_empty() { Ok(Self { gateways, upstreams, routes, auth }) } else { Err(problems) }
    }

    /// The gateways by name.
    pub fn gateways(&self) -> impl Iterator<Item = &Gateway> {
        self.gateways.values()
    }

    /// A gateway.
    #[must_use]
    pub fn gateway(&self, name: &GatewayName) -> Option<&Gateway> {
        self.gateways.get(name)
    }

    /// The upstreams by name. One is the same `Arc` in a model and its successor if it has not changed.
    pub fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.upstreams.values()
    }

    /// An upstream.
    #[must_use]
    pub fn upstream(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.upstreams.get(name)
    }

    /// The routes by name. One is the same `Arc` in a model and its successor if it has not changed.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.values()
    }

    /// The routes that are part of a gateway, by name.
    pub fn routes_of(&self, gateway: &GatewayName) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.values().filter(move |route| route.gateways.contains(gateway))
    }

    /// Who may issue tokens and who holds API keys. Keys of providers may be secret.
    #[must_use]
    pub fn auth(&self) -> &AuthConfig {
        &self.auth
    }
}

impl fmt::Debug for Model {
    /// Without the auth configuration, which may hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Model")
            .field("gateways", &self.gateways)
            .field("upstreams", &self.upstreams)
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
