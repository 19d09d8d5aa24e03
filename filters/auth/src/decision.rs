//! The decision: a request's headers against a policy.

use std::rc::Rc;

use ferrox_host::{CallId, CallOutcome, Headers, Host};
use ferrox_policy::{
    Check, Invalid,
    auth::{AuthConfig, AuthPolicy, ClaimRule, HeldKey, KeyDigest, MethodNeeds, Require},
    identity::{Identity, PublishedClaims},
};

use crate::{
    api_key::ApiKeys,
    badge::Badge,
    credentials::Credentials,
    denial::Denial,
    json::Object,
    jwks,
    memory::Verified,
    passed_on::{self, PassedOn},
    token::Providers,
    verifier::Verifier,
};

/// Checks a configuration as the filter does when it gets it.
///
/// # Errors
/// The field that is wrong, as `providers[i].jwks.keys[j].n`, and the reason; never any key material.
pub fn check(config: &AuthConfig) -> Result<(), Invalid> {
    config.check()?;
    providers(config, Verifier::default())?;
    ApiKeys::compile(&config.consumers, None).map(|_| ())
}

fn providers(config: &AuthConfig, verifier: Verifier) -> Result<Providers, Invalid> {
    Providers::compile(&config.providers, &config.revoked, verifier)
        .map_err(|invalid| invalid.within("providers"))
}

/// Who is known: everything that a decision needs besides the request and its policy.
#[derive(Debug)]
pub(crate) struct Known {
    providers: Providers,
    api_keys: ApiKeys,
}

/// Who may pass.
#[derive(Debug)]
pub(crate) struct Passes {
    /// Who it is; `None` for nobody, where that is allowed.
    pub(crate) badge: Option<Rc<Badge>>,
    /// The API key that was brought.
    pub(crate) key: Option<KeyDigest>,
    /// What the upstream is told besides.
    pub(crate) claims: PassedOn,
    /// What the later filters are.
    pub(crate) published: PublishedClaims,
}

impl Passes {
    fn nobody() -> Self {
        let (claims, published) = (PassedOn::default(), PublishedClaims::default());
        Self { badge: None, key: None, claims, published }
    }
}

impl Known {
    /// Compiles a configuration that was checked.
    pub(crate) fn compile(config: AuthConfig, verifier: Verifier) -> Result<Self, Invalid> {
        Ok(Self {
            providers: providers(&config, verifier)?,
            api_keys: ApiKeys::compile(&config.consumers, config.api_keys)?,
        })
    }

    /// Takes the keys that other VMs fetched. Whether any keys are to be fetched at all, which then is up to
    /// [`Known::tick`].
    pub(crate) fn begin(&self, host: &dyn Host) -> bool {
        self.providers.refresh(host);
        self.providers.has_remote()
    }

    /// Fetches keys that are due, and takes those that were fetched.
    pub(crate) fn tick(&self, host: &dyn Host, metrics: &jwks::Metrics) {
        self.providers.tick(host, metrics);
    }

    /// Takes the end of a call.
    pub(crate) fn on_call(
        &self,
        host: &dyn Host,
        metrics: &jwks::Metrics,
        call: CallId,
        outcome: CallOutcome,
    ) {
        self.providers.on_call(host, metrics, call, outcome);
    }

    /// Whether a request may pass, and as whom; `now`, in seconds since 1970, is asked only where something has a time.
    ///
    /// A request that brings a token and an API key where both are accepted needs both in order. It is then the
    /// consumer and the subject in one, and holds the scopes of both together.
    pub(crate) fn decide(
        &self,
        host: &dyn Host,
        policy: &AuthPolicy,
        method: &str,
        headers: &Headers,
        now: impl Fn() -> f64,
    ) -> Result<Passes, Denial> {
        let credentials = Credentials::read(headers, policy)?;
        // The key first: it costs one hash, a signature may cost a millisecond.
        let key =
            credentials.api_key.as_deref().map(|key| self.api_keys.verify(host, key, &now)).transpose()?;
        let token = match (&policy.jwt, &credentials.token) {
            (Some(accept), Some(token)) => Some(self.providers.verify(host, token, accept, now())?),
            _ => None,
        };
        if policy.optional && token.is_none() && key.is_none() {
            return Ok(Passes::nobody());
        }
        if policy.require == Require::All && (token.is_none() || key.is_none()) {
            return Err(Denial::Missing);
        }
        let badge = join(token.as_deref(), key)?.ok_or(Denial::Missing)?;
        let claims = token.as_deref().map(|token| token.claims.all());
        check_needs(policy, method, badge.identity(), claims)?;
        Ok(Passes {
            badge: Some(badge),
            key: key.map(|key| key.sha256),
            claims: passed_on::claims(&policy.claim_headers, claims)?,
            published: claims
                .map(|claims| PublishedClaims::of(&policy.publish_claims, claims))
                .unwrap_or_default(),
        })
    }
}

/// One identity of what was verified; `None` where nothing was.
fn join(token: Option<&Verified>, key: Option<HeldKey<'_>>) -> Result<Option<Rc<Badge>>, Denial> {
    let bearer = token.map(|token| token.badge.clone()).transpose()?;
    let Some(key) = key else { return Ok(bearer) };
    let mut identity = bearer.map(|badge| badge.identity().clone()).unwrap_or_default();
    identity.consumer = Some(key.consumer.to_owned());
    identity.api_key = Some(key.sha256.start());
    for scope in &key.terms.scopes {
        if !identity.scopes.contains(scope) {
            identity.scopes.push(scope.clone());
        }
    }
    Ok(Some(Rc::new(Badge::new(identity))))
}

fn check_needs(
    policy: &AuthPolicy,
    method: &str,
    identity: &Identity,
    claims: Option<&Object>,
) -> Result<(), Denial> {
    if !needed_scopes(policy, method).all(|needed| identity.scopes.contains(needed)) {
        return Err(Denial::MissingScope);
    }
    let holds = |rule: &ClaimRule| claims.is_some_and(|claims| rule.holds(claims));
    let of_method = of_method(policy, method).flat_map(|needs| &needs.claims);
    match policy.claims.iter().chain(of_method).all(holds) {
        true => Ok(()),
        false => Err(Denial::MissingClaim),
    }
}

/// The scopes that requests of a method need.
pub(crate) fn needed_scopes<'p>(policy: &'p AuthPolicy, method: &str) -> impl Iterator<Item = &'p String> {
    policy.scopes.iter().chain(of_method(policy, method).flat_map(|needs| &needs.scopes))
}

fn of_method<'p>(policy: &'p AuthPolicy, method: &str) -> impl Iterator<Item = &'p MethodNeeds> {
    policy.methods.iter().filter(move |needs| needs.methods.iter().any(|named| named == method))
}
