//! Which API keys are known, and what each is good for.

use ferrox_host::Host;
use ferrox_policy::{
    Invalid,
    auth::{Consumer, HeldKey, KeyDigest, KeySet, Shape},
};

use crate::denial::Denial;

/// Envoy's property that holds the name of the route a request takes.
const ROUTE_NAME: [&str; 2] = ["xds", "route_name"];

/// The keys that are known.
#[derive(Debug)]
pub(crate) struct ApiKeys {
    /// Those that the control plane packed.
    shipped: Option<KeySet>,
    /// Those that stand with their consumers.
    written: KeySet,
}

impl ApiKeys {
    /// Takes over the keys of a configuration that was checked.
    pub(crate) fn compile(consumers: &[Consumer], shipped: Option<KeySet>) -> Result<Self, Invalid> {
        let grants: Vec<_> = consumers.iter().flat_map(Consumer::grants).collect();
        Ok(Self { shipped, written: KeySet::pack(consumers, &grants)? })
    }

    /// What a key that a client sent is good for; `now` is in seconds since 1970.
    ///
    /// # Errors
    /// When it is not known, or not good for this route or at this time. Only who holds the key learns more than that it
    /// is not known.
    pub(crate) fn verify(
        &self,
        host: &dyn Host,
        key: &[u8],
        now: impl Fn() -> f64,
    ) -> Result<HeldKey<'_>, Denial> {
        if Shape::of(key) == Shape::Mistyped {
            return Err(Denial::MalformedApiKey);
        }
        let held = self.find(&KeyDigest::of(key)).ok_or(Denial::UnknownApiKey)?;
        if held.terms.disabled {
            return Err(Denial::DisabledApiKey);
        }
        if held.has_times() {
            check_times(&held, now())?;
        }
        match held.terms.routes.is_empty() || is_on(host, &held.terms.routes) {
            true => Ok(held),
            false => Err(Denial::WrongRoute),
        }
    }

    fn find(&self, sha256: &KeyDigest) -> Option<HeldKey<'_>> {
        let shipped = self.shipped.as_ref().and_then(|keys| keys.find(sha256));
        shipped.or_else(|| self.written.find(sha256))
    }
}

fn check_times(held: &HeldKey<'_>, now: f64) -> Result<(), Denial> {
    if held.is_early(now) {
        return Err(Denial::EarlyApiKey);
    }
    match held.has_expired(now) {
        true => Err(Denial::ExpiredApiKey),
        false => Ok(()),
    }
}

/// Whether the request takes one of these routes. Where Envoy names none it does not.
fn is_on(host: &dyn Host, routes: &[String]) -> bool {
    let route = host.property(&ROUTE_NAME).unwrap_or_default();
    routes.iter().any(|name| name.as_bytes() == route)
}
