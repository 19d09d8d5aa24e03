//! Listeners that would take the same connections.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::{Listener, TABLE};
use crate::model::{
    ListenerName,
    problem::{Problem, RowCheck},
};

/// Refuses two listeners of one gateway on the same port of the same address, or of all and of one.
pub(super) fn check(listeners: &BTreeMap<ListenerName, Arc<Listener>>, problems: &mut Vec<Problem>) {
    let listeners: Vec<_> = listeners.values().collect();
    for (index, listener) in listeners.iter().enumerate() {
        let earlier = listeners.iter().take(index).find(|earlier| overlap(earlier, listener));
        let Some(earlier) = earlier else { continue };
        let reason =
            format!("{} of listener '{}' takes in {}", earlier.address, earlier.name, listener.address);
        RowCheck::new(TABLE, &listener.name, problems).refuse("port", reason);
    }
}

fn overlap(a: &Listener, b: &Listener) -> bool {
    a.address.port() == b.address.port()
        && share_address(a.address.ip(), b.address.ip())
        && !a.gateways.is_disjoint(&b.gateways)
}

/// Envoy's `::` takes no IPv4.
fn share_address(a: IpAddr, b: IpAddr) -> bool {
    a.is_ipv4() == b.is_ipv4() && (a == b || a.is_unspecified() || b.is_unspecified())
}
