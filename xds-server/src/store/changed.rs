//! Which things changed.

use std::collections::BTreeSet;

/// What a refresh found to have changed. A row belongs to a thing: an endpoint to its upstream, a policy to its route.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Changed {
    /// Anything may have.
    Everything,
    /// No more than these things.
    Things(Things),
}

/// Names of things by kind, as they were before a change and as they are after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Things {
    /// Names of gateways.
    pub gateways: BTreeSet<String>,
    /// Names of upstreams.
    pub upstreams: BTreeSet<String>,
    /// Names of routes.
    pub routes: BTreeSet<String>,
    /// Names of JWT providers.
    pub jwt_providers: BTreeSet<String>,
    /// Names of consumers.
    pub consumers: BTreeSet<String>,
    /// Names of listeners.
    pub listeners: BTreeSet<String>,
    /// Names of certificates.
    pub certificates: BTreeSet<String>,
    /// Sets of keys, by their providers.
    pub jwks_sets: BTreeSet<String>,
    /// Revocations, by their numbers.
    pub revocations: BTreeSet<String>,
    /// API keys by their SHA-256, 64 lower-case hex digits.
    pub api_keys: BTreeSet<String>,
}

impl Default for Changed {
    /// Nothing.
    fn default() -> Self {
        Self::Things(Things::default())
    }
}

impl Changed {
    /// Nothing has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether nothing has changed that a release holds.
    #[must_use]
    pub fn is_live_alone(&self) -> bool {
        matches!(self, Self::Things(things) if things.is_live_alone())
    }

    /// What has changed by this and then by `later`.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        match (self, later) {
            (Self::Things(mut things), Self::Things(later)) => {
                things.gateways.extend(later.gateways);
                things.upstreams.extend(later.upstreams);
                things.routes.extend(later.routes);
                things.jwt_providers.extend(later.jwt_providers);
                things.consumers.extend(later.consumers);
                things.listeners.extend(later.listeners);
                things.certificates.extend(later.certificates);
                things.jwks_sets.extend(later.jwks_sets);
                things.revocations.extend(later.revocations);
                things.api_keys.extend(later.api_keys);
                Self::Things(things)
            }
            _ => Self::Everything,
        }
    }

    /// From rows of table `changes`, kind and name.
    pub(super) fn from_recorded(recorded: Vec<(String, Option<String>)>) -> Self {
        let mut things = Things::default();
        for (kind, name) in recorded {
            let (Some(names), Some(name)) = (things.of_kind(&kind), name) else {
                return Self::Everything;
            };
            // A key is named as PostgreSQL writes bytes in hex.
            names.insert(name.strip_prefix("\\x").unwrap_or(&name).to_owned());
        }
        Self::Things(things)
    }
}

impl Things {
    /// Whether keys of an issuer were fetched, or tokens taken back.
    pub(crate) fn concern_tokens(&self) -> bool {
        !self.jwks_sets.is_empty() || !self.revocations.is_empty()
    }

    /// Whether all of them are of live tables.
    #[must_use]
    pub fn is_live_alone(&self) -> bool {
        let Self {
            gateways,
            upstreams,
            routes,
            jwt_providers,
            consumers,
            listeners,
            certificates,
            api_keys: _,
            jwks_sets: _,
            revocations: _,
        } = self;
        [gateways, upstreams, routes, jwt_providers, consumers, listeners, certificates]
            .iter()
            .all(|names| names.is_empty())
    }

    /// `None` for a kind that this version does not know.
    fn of_kind(&mut self, kind: &str) -> Option<&mut BTreeSet<String>> {
        match kind {
            "gateway" => Some(&mut self.gateways),
            "upstream" => Some(&mut self.upstreams),
            "route" => Some(&mut self.routes),
            "jwt_provider" => Some(&mut self.jwt_providers),
            "consumer" => Some(&mut self.consumers),
            "listener" => Some(&mut self.listeners),
            "certificate" => Some(&mut self.certificates),
            "jwks_set" => Some(&mut self.jwks_sets),
            "revocation" => Some(&mut self.revocations),
            "api_key" => Some(&mut self.api_keys),
            _ => None,
        }
    }
}
