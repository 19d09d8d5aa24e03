//! What of a request chooses its endpoint.

use envoy_types::pb::envoy::config::route::v3::route_action::{
    HashPolicy,
    hash_policy::{ConnectionProperties, Cookie, Header, PolicySpecifier, QueryParameter},
};

use crate::{model::HashKey, translate::proto};

pub(super) fn policy(key: &HashKey) -> HashPolicy {
    let specifier = match key {
        HashKey::Header(name) => {
            PolicySpecifier::Header(Header { header_name: name.clone(), ..Header::default() })
        }
        HashKey::Cookie { name, ttl_seconds, path } => PolicySpecifier::Cookie(Cookie {
            name: name.clone(),
            ttl: ttl_seconds.and_then(|seconds| proto::seconds(seconds.into())),
            path: path.clone().unwrap_or_default(),
            ..Cookie::default()
        }),
        HashKey::Address => PolicySpecifier::ConnectionProperties(ConnectionProperties { source_ip: true }),
        HashKey::Query(name) => PolicySpecifier::QueryParameter(QueryParameter { name: name.clone() }),
    };
    // Terminal: what comes after it is for requests that do not have it.
    HashPolicy { policy_specifier: Some(specifier), terminal: true }
}
