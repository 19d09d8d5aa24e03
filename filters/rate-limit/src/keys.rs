//! What a limit counts under.
//!
//! A key is `limit`, the route, the name of the limit, how it counts, and the client: its kind and what tells it from others.
//! Limits that are shared between routes have keys of another kind and no route. Every part goes through [`bounded`], so a key
//! is text of at most some 1,500 bytes, whatever a client sends.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ferrox_host::Host;
use ferrox_policy::{
    identity::{FILTER_STATE, Identity},
    key::Key,
    placement::Match,
    rate_limit::{Algorithm, By, Limit, Stage},
};

#[cfg(test)]
mod tests;

/// The beginning of the keys of a route.
pub(crate) fn of_route(name: &[u8]) -> Key {
    Key::new("limit").part(&*bounded(name))
}

/// The beginning of the keys of an entry of the configuration. It starts with the mark of an absent route name, so
/// no route has it; and of two entries with the same condition only the first is ever used.
pub(crate) fn of_placed(matches: &Match) -> Key {
    let part = |text: &Option<String>| text.as_ref().map(|text| bounded(text.as_bytes()).into_owned());
    of_default().optional(part(&matches.host)).optional(part(&matches.path_prefix))
}

/// The beginning of the keys of the configuration's default.
pub(crate) fn of_default() -> Key {
    Key::new("limit").absent()
}

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Client {
    /// The address without its port; `None` if Envoy knows none.
    Address(Option<Vec<u8>>),
    /// Who auth verified; `None`: nobody.
    Identity(Option<Identity>),
    /// What auth wrote cannot be read, as while two versions of the filters run together. Counted by itself as it
    /// is, neither with nobody nor unlimited.
    Unreadable(Vec<u8>),
}

impl Client {
    /// The client of a request. The identity comes from the filter state, never from a header.
    pub(crate) fn of(host: &dyn Host, stage: Stage) -> Self {
        match stage {
            Stage::Address => {
                let address = host.property(&["source", "address"]).filter(|address| !address.is_empty());
                Self::Address(address.map(|address| without_port(&address).to_vec()))
            }
            Stage::Identity => match host.filter_state(FILTER_STATE).filter(|state| !state.is_empty()) {
                None => Self::Identity(None),
                Some(state) => match Identity::from_json(&state) {
                    Ok(identity) => Self::Identity(Some(identity)),
                    Err(_) => Self::Unreadable(state),
                },
            },
        }
    }

    fn append_to(&self, key: Key, limit: &Limit) -> Key {
        if limit.by == By::All {
            return key.part("all");
        }
        match self {
            Self::Address(address) => {
                let network = address.as_deref().map(|address| network(address, limit));
                key.part("address").optional(network.as_deref().map(bounded).as_deref())
            }
            Self::Identity(identity) => {
                Identity::append_to(identity.as_ref().map(short).as_ref(), key.part("identity"))
            }
            Self::Unreadable(state) => key.part("unreadable").part(&*bounded(state)),
        }
    }
}

/// The key of a limit of a route for a client.
pub(crate) fn of_limit(scope: &Key, limit: &Limit, client: &Client) -> String {
    let scope = if limit.shared { Key::new("shared_limit") } else { scope.clone() };
    // What one algorithm keeps in Redis means nothing to another.
    let algorithm = match limit.algorithm {
        Algorithm::FixedWindow => "fixed",
        Algorithm::SlidingWindow => "sliding",
        Algorithm::TokenBucket => "bucket",
        Algorithm::Concurrency => "under_way",
    };
    client.append_to(scope.part(&limit.name).part(algorithm), limit).to_string()
}

/// The network of an address by as many bits as the limit says; an address that is none of IP stays as it is.
fn network<'a>(address: &'a [u8], limit: &Limit) -> Cow<'a, [u8]> {
    let Some(ip) = std::str::from_utf8(address).ok().and_then(|text| text.parse::<IpAddr>().ok()) else {
        return Cow::Borrowed(address);
    };
    // An IPv4 client on an IPv6 socket is the same client (RFC 4291 section 2.5.5.2).
    let network = match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let bits = u32::from(limit.ipv4_bits).min(32);
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            format!("{}/{bits}", Ipv4Addr::from_bits(ip.to_bits() & mask))
        }
        IpAddr::V6(ip) => {
            let bits = u32::from(limit.ipv6_bits).min(128);
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            format!("{}/{bits}", Ipv6Addr::from_bits(ip.to_bits() & mask))
        }
    };
    Cow::Owned(network.into_bytes())
}

/// Longest part that stands in a key as it is, in bytes.
const LONGEST: usize = 256;
/// How a part begins that a digest stands for.
const DIGEST: &str = "digest:";

/// A part as text of bounded length: itself, or the SHA-256 of it if it is long or no text. Injective, since a part that
/// looks like such a digest is replaced by its own.
fn bounded(part: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(part) {
        Ok(text) if text.len() <= LONGEST && !text.starts_with(DIGEST) => Cow::Borrowed(text),
        _ => Cow::Owned(format!("{DIGEST}{}", Key::new("part").part(part).digest())),
    }
}

fn short(identity: &Identity) -> Identity {
    let field = |text: &Option<String>| text.as_ref().map(|text| bounded(text.as_bytes()).into_owned());
    Identity {
        consumer: field(&identity.consumer),
        issuer: field(&identity.issuer),
        subject: field(&identity.subject),
        scopes: Vec::new(),
    }
}

/// The address in Envoy's `ip:port` or `[ip]:port`; all of what has another form.
fn without_port(address: &[u8]) -> &[u8] {
    let Some(colon) = address.iter().rposition(|b| *b == b':') else { return address };
    let (ip, port) = address.split_at(colon);
    if port.len() < 2 || !port.iter().skip(1).all(u8::is_ascii_digit) {
        return address;
    }
    match ip.strip_prefix(b"[").map(|ip| ip.strip_suffix(b"]")) {
        Some(Some(ip)) => ip,
        None if !ip.contains(&b':') => ip,
        _ => address,
    }
}
