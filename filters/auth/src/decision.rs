//! The decision: a request's headers against a policy.

use ferrox_host::Headers;
use ferrox_policy::{
    Check, Invalid,
    auth::{AuthConfig, AuthPolicy, Consumer},
    identity::Identity,
};

use crate::{api_key::ApiKeys, credentials::Credentials, denial::Denial, token::Providers};

/// Checks a configuration as the filter does when it gets it.
///
/// # Errors
/// The field that is wrong, as `providers[i].jwks.keys[j].n`, and the reason; never any key material.
pub fn check(config: &AuthConfig) -> Result<(), Invalid> {
    config.check()?;
    Known::compile(config).map(|_| ())
}

/// Who is known: everything that a decision needs besides the request and its policy.
#[derive(Debug)]
pub(crate) struct Known {
    providers: Providers,
    api_keys: ApiKeys,
}

impl Known {
    /// Compiles a configuration that was checked.
    pub(crate) fn compile(config: &AuthConfig) -> Result<Self, Invalid> {
        Ok(Self {
            providers: Providers::compile(&config.providers)
                .map_err(|invalid| invalid.within("providers"))?,
            api_keys: ApiKeys::compile(&config.consumers).map_err(|invalid| invalid.within("consumers"))?,
        })
    }

    /// Whether a request may pass, and as whom; `now` is in seconds since 1970.
    ///
    /// A request that brings a token and an API key where both are accepted needs both in order. It is then the
    /// consumer and the subject in one, and holds the scopes of both together.
    pub(crate) fn decide(
        &self,
        policy: &AuthPolicy,
        headers: &Headers,
        now: f64,
    ) -> Result<Identity, Denial> {
        let credentials = Credentials::read(headers, policy)?;
        // The key first: it costs one hash, a signature may cost a millisecond.
        let consumer = match credentials.api_key {
            Some(key) => Some(self.api_keys.holder(key).ok_or(Denial::UnknownApiKey)?),
            None => None,
        };
        let bearer = match (&policy.jwt, credentials.token) {
            (Some(accept), Some(token)) => Some(self.providers.verify(token, accept, now)?),
            _ => None,
        };
        let identity = join(bearer, consumer).ok_or(Denial::Missing)?;
        if policy.scopes.iter().any(|needed| !identity.scopes.contains(needed)) {
            return Err(Denial::MissingScope);
        }
        Ok(identity)
    }
}

/// One identity of what was verified; `None` where nothing was.
fn join(bearer: Option<Identity>, consumer: Option<&Consumer>) -> Option<Identity> {
    let Some(consumer) = consumer else { return bearer };
    let mut identity = bearer.unwrap_or_default();
    identity.consumer = Some(consumer.name.clone());
    for scope in &consumer.scopes {
        if !identity.scopes.contains(scope) {
            identity.scopes.push(scope.clone());
        }
    }
    Some(identity)
}
