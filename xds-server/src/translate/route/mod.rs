//! One route, with its policies.

mod action;
mod answer;
mod conditions;
mod cors;
mod forward;
mod hash;
mod headers;
mod matching;
mod prefix;
mod redirect;
mod retry;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use envoy_types::pb::envoy::config::route::v3 as pb;

use super::{
    canonical::{self, RouteMaps},
    native_filters,
    policies::PolicyMaps,
};
use crate::model::{Cors, Forward, Policies, Route};

/// A route as Envoy's routes in the order in which they are tried, encoded: they are the same in every virtual host of
/// every gateway that it is part of.
pub(super) fn encode(route: &Route, maps: &mut PolicyMaps) -> Arc<[Bytes]> {
    let plain = plain(route);
    let configured = match route.maintenance {
        Some(_) => maps.of(&Policies::default()),
        None => maps.of(&route.policies),
    };
    let configured = switch_on(route, configured);
    let mut routes = Vec::with_capacity(1);
    if cors_of(route).is_some() {
        routes.push(canonical::route(&cors::preflight(&plain), &configured));
    }
    if let Some(careful) = retry::for_other_methods(route, &plain) {
        routes.push(canonical::route(&careful, &configured));
    }
    routes.push(canonical::route(&plain, &configured));
    routes.into()
}

fn plain(route: &Route) -> pb::Route {
    let (action, own_headers) = action::of(route);
    let request_headers = route.action.forward().map(|forward| &forward.request_headers);
    pb::Route {
        name: route.name.to_string(),
        r#match: Some(matching::of(route)),
        action: Some(action),
        request_headers_to_add: request_headers.map(headers::to_add).unwrap_or_default(),
        request_headers_to_remove: headers::to_remove_from_requests(route, request_headers),
        response_headers_to_add: own_headers
            .into_iter()
            .chain(headers::to_add(&route.response_headers))
            .collect(),
        response_headers_to_remove: route.response_headers.remove.iter().cloned().collect(),
        ..pb::Route::default()
    }
}

/// Switches on the filters of Envoy's own that the route wants.
fn switch_on(route: &Route, mut maps: RouteMaps) -> RouteMaps {
    if let Some(cors) = cors_of(route) {
        maps.filter_config(canonical::entry(native_filters::CORS, &cors::policy(cors, &route.methods)));
    }
    for algorithm in route.compression.iter().flat_map(|compression| &compression.algorithms) {
        let name = native_filters::compressor_name(*algorithm);
        maps.filter_config(canonical::entry(name, &native_filters::compressor_on()));
    }
    if let Some(limit) = forwarding(route).and_then(|forward| forward.max_request_bytes) {
        maps.filter_config(canonical::entry(native_filters::BUFFER, &native_filters::buffer_on(limit.get())));
    }
    maps
}

/// What is forwarded now.
fn forwarding(route: &Route) -> Option<&Forward> {
    route.action.forward().filter(|_| route.maintenance.is_none())
}

fn cors_of(route: &Route) -> Option<&Cors> {
    forwarding(route)?.cors.as_ref()
}
