//! Whence the address of a client is known. Limits count by it, so nobody may forge it: a listener that believes what
//! a proxy says takes connections from proxies that it names and from nobody else.

use std::num::NonZeroU32;

use crate::{model::problem::RowCheck, store::ListenerRow};

/// Whence the address of a client is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAddress {
    /// It is that of who connects.
    Peer,
    /// From `X-Forwarded-For`: the so-manyth address from its end, which is what the outermost of so many proxies has seen.
    /// In a header with fewer addresses, it is that of who connects.
    ForwardedFor(NonZeroU32),
    /// From the PROXY header, version 1 or 2, with which each connection must begin.
    ProxyProtocol,
}

pub(super) fn parse(row: &ListenerRow, check: &mut RowCheck<'_>) -> Option<ClientAddress> {
    let hops = NonZeroU32::new(check.number("trusted_hops", row.trusted_hops, 0..=16)?);
    let source = match (hops, row.proxy_protocol) {
        (None, false) => return Some(ClientAddress::Peer),
        (Some(hops), false) => ClientAddress::ForwardedFor(hops),
        (None, true) => ClientAddress::ProxyProtocol,
        (Some(_), true) => {
            // Whoever a PROXY header speaks for is not known to be a proxy, and so may write any X-Forwarded-For.
            check.refuse("trusted_hops", "must be 0 with proxy_protocol");
            return None;
        }
    };
    if row.trusted_proxies.is_empty() {
        check.refuse(
            "trusted_proxies",
            "must name the proxies whose word is taken for the client's address; '0.0.0.0/0' and '::/0' are anybody",
        );
        return None;
    }
    Some(source)
}
