//! The checked configuration: what rows mean, in types that cannot hold what Envoy or the filters would refuse.

mod across;
mod auth;
mod certificate;
mod conditions;
mod consumers;
mod documents;
mod fetched_keys;
mod gateway;
mod host;
mod key_source;
mod keys;
mod listener;
mod method;
mod name;
mod overlap;
mod path;
mod pattern;
mod policies;
mod precedence;
mod problem;
mod route;
mod selection;
mod update;
mod upstream;

use std::{collections::BTreeMap, fmt, sync::Arc};

use ferrox_policy::auth::AuthConfig;

pub use certificate::{Certificate, Expiry, Unfit};
pub use conditions::{
    Conditions, HeaderCondition, HeaderTest, QueryCondition, QueryTest, Share, Text, TextMatch,
};
pub use documents::{Document, documents};
pub use fetched_keys::FetchedKeys;
pub use gateway::{Gateway, Sharding};
pub use host::HostPattern;
pub use key_source::KeySource;
pub(crate) use key_source::{check_url, shown};
pub use keys::check_api_key;
pub use listener::{Certificates, ClientAddress, Limits, Listener, Protocol};
pub use method::Method;
pub use name::{CertificateName, GatewayName, ListenerName, RouteName, UpstreamName};
pub use path::{Path, PathMatch, PathTemplate};
pub use pattern::Pattern;
pub use policies::Policies;
pub use problem::Problem;
pub use route::{
    Action, Algorithm, BackOff, Compression, Cors, Forward, HashKey, HeaderChanges, HostRewrite, Maintenance,
    Origin, PathRewrite, Redirect, RedirectPath, RedirectStatus, Response, Retry, RetryOn, Rewrite, Route,
    Scheme, Upgrade,
};
pub use upstream::{
    Address, BadAnswer, Balancing, Breaker, Checker, Connections, Discovery, Endpoint, FailureOn, Force,
    GrpcCheck, HealthCheck, HttpCheck, HttpVersion, Probe, Retries, SlowStart, TcpKeepalive, Tls, Upstream,
};

use self::{auth::Auth, keys::Keys, route::References, selection::Selection};
use crate::{
    secrets::Keyring,
    store::{LiveRows, Rows},
};

/// A whole configuration in which every reference leads somewhere and every policy works.
#[derive(Clone, PartialEq)]
pub struct Model {
    gateways: BTreeMap<GatewayName, Gateway>,
    upstreams: BTreeMap<UpstreamName, Arc<Upstream>>,
    routes: BTreeMap<RouteName, Arc<Route>>,
    keys: Keys,
    auth: Auth,
    listeners: BTreeMap<ListenerName, Arc<Listener>>,
    certificates: BTreeMap<CertificateName, Arc<Certificate>>,
}

impl Model {
    /// Checks rows, in which secrets are encrypted with keys of the keyring.
    ///
    /// # Errors
    /// Everything that is wrong with them, not only the first thing.
    pub fn parse(rows: &Rows, keyring: &Keyring) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let gateways = gateway::parse_all(rows, &mut problems);
        let selection = Selection::all(rows);
        let upstreams = upstream::parse_all(&selection, &mut problems);
        let references = References::new(rows, &gateways);
        let routes = route::parse_all(&selection, &references, &mut problems);
        overlap::check(&routes, &mut problems);
        let keys = Keys::parse(rows, &mut problems);
        let auth = auth::parse(rows, &keys, &mut problems);
        let certificates = certificate::parse_all(rows, keyring, &mut problems);
        let listeners = listener::parse_all(rows, &references, &certificates, &mut problems);
        let model = Self { gateways, upstreams, routes, keys, auth, listeners, certificates };
        across::check(&model, rows, &mut problems);
        if problems.is_empty() { Ok(model) } else { Err(problems) }
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

    /// The listeners by name. One is the same `Arc` in a model and its successor if it has not changed.
    pub fn listeners(&self) -> impl Iterator<Item = &Arc<Listener>> {
        self.listeners.values()
    }

    /// The listeners of a gateway, by name. None: it listens where the settings say.
    pub fn listeners_of(&self, gateway: &GatewayName) -> impl Iterator<Item = &Arc<Listener>> {
        self.listeners.values().filter(move |listener| listener.gateways.contains(gateway))
    }

    /// The certificates by name, with their keys. One is the same `Arc` in a model and its successor if it has not
    /// changed.
    pub fn certificates(&self) -> impl Iterator<Item = &Arc<Certificate>> {
        self.certificates.values()
    }

    /// A certificate. Each that a listener names is there.
    #[must_use]
    pub fn certificate(&self, name: &str) -> Option<&Arc<Certificate>> {
        self.certificates.get(name)
    }

    /// Who may issue tokens and who holds API keys. Keys of providers may be secret. It is the same `Arc` in a model and
    /// its successor if it has not changed.
    #[must_use]
    pub fn auth(&self) -> &Arc<AuthConfig> {
        &self.auth.config
    }

    /// Where keys are fetched, for the providers whose keys are.
    #[must_use]
    pub fn key_sources(&self) -> &[KeySource] {
        &self.auth.sources
    }
}

impl Model {
    /// The same configuration with what is live now, and what of that does not fit and is left out.
    #[must_use]
    pub fn with_live(&self, live: &LiveRows) -> (Self, Vec<Problem>) {
        let (mut left_out, mut problems) = (Vec::new(), Vec::new());
        let mut model = self.clone();
        let has_route = |name: &str| self.routes.contains_key(name);
        model.keys = self.keys.with_live(live, &has_route, &mut left_out);
        model.auth = self.auth.with_live(&model.keys, live, &mut problems);
        left_out.extend(problems);
        (model.sharing(self), left_out)
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
            .field("listeners", &self.listeners)
            .field("certificates", &self.certificates)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
