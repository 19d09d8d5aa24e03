//! The routes of each host of a gateway as a resource of its own (SRDS): of a change Envoy rebuilds that host alone.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use envoy_types::pb::envoy::config::route::v3::{
    RouteConfiguration, ScopedRouteConfiguration,
    scoped_route_configuration::{
        Key,
        key::{Fragment, fragment},
    },
};

use super::{
    canonical::{self, VirtualHost},
    virtual_host::{self, ByHost},
};
use crate::{
    model::HostPattern,
    snapshot::{Kind, Resource},
};

/// A scope for no host. A gateway that shards always has it, so that one without any scope is one that no longer shards.
const NO_HOST: &str = "(none)";

/// The scopes of a gateway, of which only those are made again whose routes have changed.
#[derive(Default)]
pub(super) struct Scopes {
    by_host: HashMap<HostPattern, (Vec<Bytes>, Arc<Resource>)>,
}

impl Scopes {
    /// The scope of each of these hosts, all of which are exact.
    pub(super) fn of(&mut self, by_host: &ByHost<'_>) -> Vec<Arc<Resource>> {
        let mut before = std::mem::take(&mut self.by_host);
        let mut scopes = vec![Arc::new(none())];
        for host in by_host.keys() {
            let virtual_host = virtual_host::of(host, by_host);
            let routes = virtual_host.routes.clone();
            let scope = match before.remove(*host) {
                Some((same, scope)) if is_same(&same, &routes) => scope,
                _ => Arc::new(scope(virtual_host)),
            };
            self.by_host.insert((*host).clone(), (routes, Arc::clone(&scope)));
            scopes.push(scope);
        }
        scopes
    }
}

/// Whether these are the very same bytes; equal ones elsewhere only cost making the scope again.
fn is_same(a: &[Bytes], b: &[Bytes]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.as_ptr() == b.as_ptr() && a.len() == b.len())
}

fn scope(virtual_host: VirtualHost) -> Resource {
    let name = virtual_host.name.clone();
    let routes = RouteConfiguration { name: name.clone(), ..RouteConfiguration::default() };
    let routes = canonical::route_configuration(&routes, vec![virtual_host]);
    Resource::new(Kind::ScopedRoutes, name.clone(), canonical::scope(&keyed(name), routes))
}

fn none() -> Resource {
    let routes = RouteConfiguration { name: NO_HOST.to_owned(), ..RouteConfiguration::default() };
    let routes = canonical::route_configuration(&routes, Vec::new());
    Resource::new(Kind::ScopedRoutes, NO_HOST, canonical::scope(&keyed(NO_HOST.to_owned()), routes))
}

fn keyed(host: String) -> ScopedRouteConfiguration {
    let fragment = Fragment { r#type: Some(fragment::Type::StringKey(host.clone())) };
    ScopedRouteConfiguration {
        name: host,
        key: Some(Key { fragments: vec![fragment] }),
        ..ScopedRouteConfiguration::default()
    }
}
