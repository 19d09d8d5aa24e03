//! What holds for any input. Each property takes the bytes of a fuzzer and panics when it is broken.

pub mod api_keys;
pub mod documents;
pub mod key_sets;
mod signed;
pub mod tokens;

use std::{cell::RefCell, collections::HashMap};

use ferrox_host::{Host, Side};

use crate::gateway::Gateway;

/// After so many requests a gateway is made anew: the mock host remembers every line of its log.
const REQUESTS: u32 = 5_000;

thread_local! {
    static GATEWAYS: RefCell<HashMap<&'static str, (u32, Gateway)>> = RefCell::default();
}

/// Lends a gateway whose route has this policy. To make one takes longer than to ask it.
fn with_gateway<T>(policy: &'static str, ask: impl FnOnce(&Gateway) -> T) -> T {
    GATEWAYS.with_borrow_mut(|gateways| {
        let (requests, gateway) = gateways.entry(policy).or_insert_with(|| (0, Gateway::with_route(policy)));
        if *requests == REQUESTS {
            (*requests, *gateway) = (0, Gateway::with_route(policy));
        }
        *requests += 1;
        ask(gateway)
    })
}

/// The identity headers of the request that goes on, in any spelling, in order.
fn identity_headers(gateway: &Gateway) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = gateway.host.headers(Side::Request);
    let mut found: Vec<_> = headers.iter().map(|(name, value)| (text(name), text(value))).collect();
    found.retain(|(name, _)| {
        let name = name.to_ascii_lowercase().replace('_', "-");
        ["x-ferrox-consumer", "x-ferrox-subject", "x-ferrox-issuer", "x-ferrox-scopes"]
            .contains(&name.as_str())
    });
    found.sort();
    found
}
