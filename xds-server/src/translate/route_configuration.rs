//! All routes of a gateway as one resource (RDS).

use bytes::Bytes;
use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;

use super::{
    ROUTE_CONFIGURATION, canonical,
    virtual_host::{self, ByHost},
};

/// The route configuration of these hosts, encoded.
pub(super) fn of(by_host: &ByHost<'_>) -> Bytes {
    let plain = RouteConfiguration { name: ROUTE_CONFIGURATION.to_owned(), ..RouteConfiguration::default() };
    canonical::route_configuration(
        &plain,
        by_host.keys().map(|host| virtual_host::of(host, by_host)).collect(),
    )
}
