//! The listeners for clients (LDS).

mod chains;
mod connection_manager;
mod redirect;
mod tls;

use std::net::SocketAddr;

use envoy_types::pb::envoy::{
    config::listener::v3::{
        Filter, FilterChain, Listener, ListenerFilter, filter, listener_filter::ConfigType,
    },
    extensions::filters::listener::{proxy_protocol::v3::ProxyProtocol, tls_inspector::v3::TlsInspector},
};
use prost::Name;

pub(super) use self::connection_manager::router;
use self::connection_manager::{Connections, Requests, connection_manager};
use super::{LISTENER, proto};
use crate::model::{self, ClientAddress, Limits, Model, Protocol, Sharding};

/// The listener of a gateway that has none in the model.
pub(super) fn of_settings(address: SocketAddr, sharding: Sharding) -> Listener {
    let manager = connection_manager(&Connections {
        listener: LISTENER,
        requests: Requests::Routes(sharding),
        http2: true,
        client_address: ClientAddress::Peer,
        limits: &Limits::default(),
    });
    let filters = vec![network_filter("envoy.filters.network.http_connection_manager", &manager)];
    let chain = FilterChain { filters, ..FilterChain::default() };
    Listener { filter_chains: vec![chain], ..bare(LISTENER.to_owned(), address) }
}

/// A listener of the model.
pub(super) fn of(listener: &model::Listener, model: &Model, sharding: Sharding) -> Listener {
    Listener {
        listener_filters: listener_filters(listener),
        filter_chains: chains::of(listener, model, sharding),
        ..bare(name(&listener.name), listener.address)
    }
}

/// What a listener of the model is called in Envoy. No upstream has such a name, which gRPC's clients take for that of
/// a listener: those have no `_`.
pub(super) fn name(name: &model::ListenerName) -> String {
    format!("listener_{name}")
}

fn bare(name: String, address: SocketAddr) -> Listener {
    Listener {
        name,
        address: proto::address(&address.ip(), address.port()),
        per_connection_buffer_limit_bytes: proto::number(1 << 20),
        ..Listener::default()
    }
}

/// In the order in which a connection begins: the PROXY header comes before TLS.
fn listener_filters(listener: &model::Listener) -> Vec<ListenerFilter> {
    let proxy_protocol = (listener.client_address == ClientAddress::ProxyProtocol)
        .then(|| listener_filter("envoy.filters.listener.proxy_protocol", &ProxyProtocol::default()));
    let tls_inspector = matches!(listener.protocol, Protocol::Https(_))
        .then(|| listener_filter("envoy.filters.listener.tls_inspector", &TlsInspector::default()));
    proxy_protocol.into_iter().chain(tls_inspector).collect()
}

fn listener_filter(name: &str, config: &impl Name) -> ListenerFilter {
    ListenerFilter {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(proto::any(config))),
        ..ListenerFilter::default()
    }
}

fn network_filter(name: &str, config: &impl Name) -> Filter {
    Filter { name: name.to_owned(), config_type: Some(filter::ConfigType::TypedConfig(proto::any(config))) }
}
