//! Whose request it is, as far as limits ask: what is not asked for costs no call to the host.

use std::cell::OnceCell;

use ferrox_host::{Headers, Host, Side};
use ferrox_policy::{
    auth::ClaimPath,
    identity::{CLAIMS_STATE, FILTER_STATE, Identity, PublishedClaims},
};

/// What auth said, which comes from the filter state and never from a header.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said<T> {
    /// Nothing: it verified nobody.
    Nothing,
    /// This.
    This(T),
    /// Something that cannot be read, as while two versions of the filters run together. Counted by itself as it is, neither with
    /// nobody nor unlimited.
    Unreadable(Vec<u8>),
}

impl<T> Said<T> {
    fn read<E>(state: Option<Vec<u8>>, parse: impl FnOnce(&[u8]) -> Result<T, E>) -> Self {
        match state.filter(|state| !state.is_empty()) {
            None => Self::Nothing,
            Some(state) => parse(&state).map_or_else(|_| Self::Unreadable(state), Self::This),
        }
    }
}

/// The request of a stream.
pub(crate) struct Client<'h> {
    host: &'h dyn Host,
    address: OnceCell<Option<Vec<u8>>>,
    headers: OnceCell<Headers>,
    identity: OnceCell<Said<Identity>>,
    claims: OnceCell<Said<PublishedClaims>>,
}

impl<'h> Client<'h> {
    /// While the request's headers are there.
    pub(crate) fn of(host: &'h dyn Host) -> Self {
        Self {
            host,
            address: OnceCell::new(),
            headers: OnceCell::new(),
            identity: OnceCell::new(),
            claims: OnceCell::new(),
        }
    }

    /// The address without its port; `None` if Envoy knows none.
    pub(crate) fn address(&self) -> Option<&[u8]> {
        let read = || {
            let address = self.host.property(&["source", "address"]).filter(|address| !address.is_empty());
            address.map(|address| without_port(&address).to_vec())
        };
        self.address.get_or_init(read).as_deref()
    }

    /// Who auth verified.
    pub(crate) fn identity(&self) -> &Said<Identity> {
        let read = || Said::read(self.host.filter_state(FILTER_STATE), Identity::from_json);
        self.identity.get_or_init(read)
    }

    /// Whose API key was used.
    pub(crate) fn consumer(&self) -> Option<&str> {
        match self.identity() {
            Said::This(identity) => identity.consumer.as_deref(),
            Said::Nothing | Said::Unreadable(_) => None,
        }
    }

    /// A claim that auth verified, as JSON.
    pub(crate) fn claim(&self, path: &ClaimPath) -> Said<String> {
        let read = || Said::read(self.host.filter_state(CLAIMS_STATE), PublishedClaims::from_json);
        match self.claims.get_or_init(read) {
            Said::Nothing => Said::Nothing,
            Said::This(claims) => {
                claims.find(path).map_or(Said::Nothing, |claim| Said::This(claim.to_string()))
            }
            Said::Unreadable(state) => Said::Unreadable(state.clone()),
        }
    }

    /// Whether something of auth was asked for and could not be read.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self.identity.get(), Some(Said::Unreadable(_)))
            || matches!(self.claims.get(), Some(Said::Unreadable(_)))
    }

    /// The request's headers.
    pub(crate) fn headers(&self) -> &Headers {
        self.headers.get_or_init(|| self.host.headers(Side::Request))
    }

    /// The name of the route.
    pub(crate) fn route(&self) -> Option<Vec<u8>> {
        self.host.property(&["xds", "route_name"])
    }

    /// The name of the cluster that the route chose.
    pub(crate) fn upstream(&self) -> Option<Vec<u8>> {
        self.host.property(&["xds", "cluster_name"])
    }
}

/// The address in Envoy's `ip:port` or `[ip]:port`; all of what has another form.
pub(crate) fn without_port(address: &[u8]) -> &[u8] {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_part_of_an_address() {
        for (address, ip) in [
            ("192.0.2.1:80", "192.0.2.1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[fe80::1%eth0]:1", "fe80::1%eth0"),
            ("2001:db8::1", "2001:db8::1"),
            ("[::1]", "[::1]"),
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:", "192.0.2.1:"),
            ("/run/socket", "/run/socket"),
        ] {
            assert_eq!(without_port(address.as_bytes()), ip.as_bytes(), "{address}");
        }
    }
}
