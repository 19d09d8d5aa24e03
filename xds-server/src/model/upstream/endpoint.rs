//! Where an upstream listens.

use std::net::{IpAddr, SocketAddr};

use crate::{model::problem::RowCheck, store::EndpointRow};

pub(super) fn parse(row: &EndpointRow, check: &mut RowCheck<'_>) -> Option<SocketAddr> {
    let address = row.address.parse::<IpAddr>().map_err(|_| "is not an IP address".to_owned());
    let address = check.keep("address", address);
    let port = check.number("port", row.port, 1..=65_535);
    let address = address?;
    if address.is_unspecified() || address.is_multicast() {
        check.refuse("address", "no service can be reached at it");
        return None;
    }
    Some(SocketAddr::new(address, u16::try_from(port?).ok()?))
}
