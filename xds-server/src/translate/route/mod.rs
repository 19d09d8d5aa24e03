//! One route, with its policies.

mod action;
mod matching;

use bytes::Bytes;
use envoy_types::pb::envoy::config::route::v3::{self as pb, route::Action};
use ferrox_policy::identity;

use super::{canonical, policies::PolicyMaps};
use crate::model::{Policies, Route};

/// A route, encoded: it is the same in every virtual host of every gateway that it is part of.
pub(super) fn encode(route: &Route, maps: &mut PolicyMaps) -> Bytes {
    let plain = pb::Route {
        name: route.name.to_string(),
        r#match: Some(matching::of(route)),
        action: Some(Action::Route(action::forward(route))),
        request_headers_to_remove: headers_to_remove(&route.policies),
        ..pb::Route::default()
    };
    canonical::route(&plain, &maps.of(&route.policies))
}

/// Where no auth filter does it, Envoy removes what only auth may say.
fn headers_to_remove(policies: &Policies) -> Vec<String> {
    match policies.auth {
        Some(_) => Vec::new(),
        None => identity::header::ALL.map(str::to_owned).to_vec(),
    }
}
