//! The filter chains of a listener. Envoy takes a change of these alone in place: connections of a chain that stays
//! stay too.

use envoy_types::pb::{
    envoy::{
        config::{
            core::v3::CidrRange,
            listener::v3::{Filter, FilterChain, FilterChainMatch},
        },
        extensions::filters::network::connection_limit::v3::ConnectionLimit,
    },
    google::protobuf::UInt64Value,
};
use ferrox_policy::network::Network;

use super::{
    connection_manager::{Connections, Requests, connection_manager},
    name, network_filter, tls,
};
use crate::{
    model::{Certificates, Listener, Model, Protocol, Sharding},
    translate::proto,
};

/// Name of the chain for clients that ask for no certificate by name. No certificate can have it: their names have no
/// `_`.
const DEFAULT: &str = "default_certificate";

/// The chains of a listener of the model.
pub(super) fn of(listener: &Listener, model: &Model, sharding: Sharding) -> Vec<FilterChain> {
    match &listener.protocol {
        Protocol::Http { redirect } => {
            let requests = redirect.map_or(Requests::Routes(sharding), |port| Requests::Redirect(port.get()));
            vec![chain(listener, Vec::new(), requests)]
        }
        Protocol::Https(certificates) => of_https(listener, certificates, model, Requests::Routes(sharding)),
    }
}

/// A chain for each certificate, which a client chooses by the name that it asks for (SNI, RFC 6066 section 3), and one
/// for all others, if there is. That one is no `default_filter_chain`, which would also take the connections from
/// networks that no chain is for.
fn of_https(
    listener: &Listener,
    certificates: &Certificates,
    model: &Model,
    requests: Requests,
) -> Vec<FilterChain> {
    let shown = certificates.by_name.iter().filter_map(|name| model.certificate(name.as_str()));
    let by_name = shown.map(|certificate| {
        let names = certificate.dns_names.iter().map(ToString::to_string).collect();
        FilterChain {
            name: certificate.name.to_string(),
            transport_socket: Some(tls::socket(&certificate.name, listener.http2)),
            ..chain(listener, names, requests)
        }
    });
    let default = certificates.default.iter().map(|name| FilterChain {
        name: DEFAULT.to_owned(),
        transport_socket: Some(tls::socket(name, listener.http2)),
        ..chain(listener, Vec::new(), requests)
    });
    by_name.chain(default).collect()
}

fn chain(listener: &Listener, server_names: Vec<String>, requests: Requests) -> FilterChain {
    let matches = FilterChainMatch {
        server_names,
        // The peer's own address, whatever a PROXY header says.
        direct_source_prefix_ranges: listener.trusted_proxies.iter().map(range).collect(),
        ..FilterChainMatch::default()
    };
    let manager = connection_manager(&Connections {
        listener: &name(&listener.name),
        requests,
        http2: listener.http2,
        client_address: listener.client_address,
        limits: &listener.limits,
    });
    let limit = listener.limits.max_connections.map(|most| connection_limit(most.get()));
    FilterChain {
        filter_chain_match: Some(matches).filter(|matches| *matches != FilterChainMatch::default()),
        filters: limit
            .into_iter()
            .chain([network_filter("envoy.filters.network.http_connection_manager", &manager)])
            .collect(),
        ..FilterChain::default()
    }
}

fn range(network: &Network) -> CidrRange {
    CidrRange {
        address_prefix: network.address().to_string(),
        prefix_len: proto::number(network.bits().into()),
    }
}

fn connection_limit(most: u32) -> Filter {
    let limit = ConnectionLimit {
        stat_prefix: "ferrox".to_owned(),
        max_connections: Some(UInt64Value { value: most.into() }),
        ..ConnectionLimit::default()
    };
    network_filter("envoy.filters.network.connection_limit", &limit)
}
