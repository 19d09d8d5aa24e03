//! Where the Envoys of a gateway listen.

mod address;
mod limits;
mod overlap;
mod protocol;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use ferrox_policy::network::Network;

pub use self::{
    address::ClientAddress,
    limits::Limits,
    protocol::{Certificates, Protocol},
};
use super::{
    Certificate, CertificateName, GatewayName, ListenerName,
    problem::{Problem, RowCheck},
    route::References,
};
use crate::store::{ListenerRow, Rows};

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name.
    pub name: ListenerName,
    /// The gateways that listen there, at least one.
    pub gateways: BTreeSet<GatewayName>,
    /// Where; an unspecified address is every one of its family.
    pub address: SocketAddr,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Whether clients may speak HTTP/2 as well as HTTP/1.1.
    pub http2: bool,
    /// Whence the address of a client is known.
    pub client_address: ClientAddress,
    /// The networks that connections may come from; none: anywhere.
    pub trusted_proxies: BTreeSet<Network>,
    /// What a client may ask of Envoy.
    pub limits: Limits,
}

impl Listener {
    /// The certificates that it shows: none without TLS.
    pub fn certificates(&self) -> impl Iterator<Item = &CertificateName> {
        let shown = match &self.protocol {
            Protocol::Http { .. } => None,
            Protocol::Https(certificates) => Some(&certificates.by_name),
        };
        shown.into_iter().flatten()
    }
}

const TABLE: &str = "listeners";

pub(super) fn parse_all(
    rows: &Rows,
    references: &References<'_>,
    certificates: &BTreeMap<CertificateName, Arc<Certificate>>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<ListenerName, Arc<Listener>> {
    // Also one that makes no sense, so that not everything that refers to it is refused too.
    let known = rows.certificates.iter().map(|row| row.name.as_str()).collect();
    let mut listeners = BTreeMap::new();
    for row in &rows.listeners {
        let mut check = RowCheck::new(TABLE, &row.name, problems);
        let Some(listener) = parse(row, references, &known, &mut check) else { continue };
        if let Protocol::Https(shown) = &listener.protocol {
            protocol::check_names(shown, certificates, &mut check);
        }
        if listeners.insert(listener.name.clone(), Arc::new(listener)).is_some() {
            check.refuse("name", "stands twice");
        }
    }
    overlap::check(&listeners, problems);
    listeners
}

fn parse(
    row: &ListenerRow,
    references: &References<'_>,
    certificates: &BTreeSet<&str>,
    check: &mut RowCheck<'_>,
) -> Option<Listener> {
    let name = check.keep("name", ListenerName::parse(&row.name));
    let gateways = check.set("gateways", &row.gateways, |name| references.gateway(name));
    if row.gateways.is_empty() {
        check.refuse("gateways", "needs at least one gateway");
    }
    let address = parse_address(row, check);
    let protocol = protocol::parse(row, certificates, check);
    let client_address = address::parse(row, check);
    let trusted_proxies =
        check.set("trusted_proxies", &row.trusted_proxies, |text| Network::try_from(text.to_owned()));
    let limits = limits::parse(row, check);
    Some(Listener {
        name: name?,
        gateways,
        address: address?,
        protocol: protocol?,
        http2: row.http2,
        client_address: client_address?,
        trusted_proxies,
        limits: limits?,
    })
}

fn parse_address(row: &ListenerRow, check: &mut RowCheck<'_>) -> Option<SocketAddr> {
    let address = row.address.parse::<IpAddr>().map_err(|_| "is not an IP address".to_owned());
    let address = check.keep("address", address);
    let port = check.number("port", row.port, 1..=65_535);
    Some(SocketAddr::new(address?, u16::try_from(port?).ok()?))
}

#[cfg(test)]
mod tests;
