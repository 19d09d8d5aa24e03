//! Where an upstream listens.

use std::{fmt, net::IpAddr};

use super::Discovery;
use crate::{
    model::{host, problem::RowCheck},
    store::EndpointRow,
};

/// Where an upstream listens. In the order in which they are sent: by priority, by zone, by address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The lowest number is used first, the next ones as those fail: 0 to 15.
    pub priority: u32,
    /// Where it is; empty: not said.
    pub zone: String,
    /// Its address.
    pub address: Address,
    /// Its TCP port, not 0.
    pub port: u16,
    /// Its share of the requests relative to the others of its priority: 1 to 1000.
    pub weight: u32,
}

/// An address, or a name that DNS has one for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// One that a service can be reached at.
    Ip(IpAddr),
    /// A DNS name in lower case.
    Name(String),
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(formatter),
            Self::Name(name) => formatter.write_str(name),
        }
    }
}

pub(super) fn parse(row: &EndpointRow, check: &mut RowCheck<'_>) -> Option<Endpoint> {
    let address = check.keep("address", address(&row.address));
    let port = check.number("port", row.port, 1..=65_535);
    let weight = check.number("weight", row.weight, 1..=1000);
    let zone = check.keep("zone", zone(&row.zone));
    let priority = check.number("priority", row.priority, 0..=15);
    Some(Endpoint {
        priority: priority?,
        zone: zone?,
        address: address?,
        port: u16::try_from(port?).ok()?,
        weight: weight?,
    })
}

/// Whether the upstream can be found at such an address.
pub(super) fn check_discovery(address: &Address, discovery: Discovery) -> Result<(), String> {
    match (address, discovery) {
        (Address::Name(name), Discovery::Static) => Err(format!(
            "'{name}' is no IP address, as discovery 'static' of the upstream needs; strict_dns and logical_dns take names"
        )),
        _ => Ok(()),
    }
}

fn address(text: &str) -> Result<Address, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        if address.is_unspecified() || address.is_multicast() {
            return Err("no service can be reached at it".to_owned());
        }
        // One way to write it, or the database would not see that two are the same.
        let canonical = address.to_string();
        return match canonical == text {
            true => Ok(Address::Ip(address)),
            false => Err(format!("must be written '{canonical}'")),
        };
    }
    let shown = text.escape_debug();
    // A name that ends in a number would be read as an address (WHATWG URL section 3.5), and is none.
    let numeric =
        text.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    if !host::is_name(text) || numeric {
        return Err(format!("'{shown}' is neither an IP address nor a DNS name"));
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("'{shown}' must be in lower case"));
    }
    Ok(Address::Name(text.to_owned()))
}

fn zone(zone: &str) -> Result<String, String> {
    if zone.len() > 63 || !zone.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("'{}' must be at most 63 visible ASCII characters", zone.escape_debug()));
    }
    Ok(zone.to_owned())
}
