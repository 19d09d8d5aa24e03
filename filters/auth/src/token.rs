//! Whose tokens are known, and the verification of a token (RFC 7519 section 7.2, RFC 8725).

use std::{collections::HashMap, rc::Rc};

use ferrox_host::{CallId, CallOutcome, Host};
use ferrox_policy::{
    Invalid,
    auth::{AcceptJwt, JwtProvider, Revocations},
};

use crate::{
    claims::Claims,
    denial::Denial,
    jwks,
    jws::Jws,
    memory::{Memory, Said, Verified},
    provider::Provider,
    verifier::Verifier,
};

/// The issuers of tokens.
#[derive(Debug)]
pub(crate) struct Providers {
    by_issuer: HashMap<String, Provider>,
    verifier: Verifier,
    memory: Memory,
}

impl Providers {
    /// Compiles the configured providers; their keys are parsed here and never again.
    ///
    /// # Errors
    /// The field, as `[i].jwks.keys[j].n`, and the reason, without key material.
    pub(crate) fn compile(
        providers: &[JwtProvider],
        revoked: &Revocations,
        verifier: Verifier,
    ) -> Result<Self, Invalid> {
        let compiled = providers.iter().enumerate().map(|(index, provider)| {
            let compiled = Provider::compile(provider, revoked)
                .map_err(|invalid| invalid.within(&format!("[{index}]")))?;
            Ok((provider.issuer.clone(), compiled))
        });
        Ok(Self { by_issuer: compiled.collect::<Result<_, _>>()?, verifier, memory: Memory::default() })
    }

    /// Verifies a token; `now` is in seconds since 1970.
    pub(crate) fn verify(
        &self,
        host: &dyn Host,
        token: &[u8],
        accept: &AcceptJwt,
        now: f64,
    ) -> Result<Rc<Verified>, Denial> {
        let verified = self.memory.of(token, now, || self.verify_signature(host, token))?;
        let provider = self.by_issuer.get(&verified.issuer).ok_or(Denial::UnknownIssuer)?;
        if !accept.providers.is_empty() && !accept.providers.contains(&provider.name) {
            return Err(Denial::UnknownIssuer);
        }
        verified.claims.check(&provider.expected, now)?;
        match provider.revoked.has(&verified.claims) {
            true => Err(Denial::Revoked),
            false => Ok(verified),
        }
    }

    fn verify_signature(&self, host: &dyn Host, token: &[u8]) -> Said {
        let jws = Jws::parse(token)?;
        let claims = Claims::parse(&jws.payload)?;
        let issuer = claims.issuer().ok_or(Denial::UnknownIssuer)?.to_owned();
        let provider = self.by_issuer.get(&issuer).ok_or(Denial::UnknownIssuer)?;
        self.verify_of(host, provider, &jws)?;
        Ok(Rc::new(Verified::new(issuer, claims)))
    }

    /// A key that is not known may be one that another VM has fetched by now, else it is worth a fetch.
    fn verify_of(&self, host: &dyn Host, provider: &Provider, jws: &Jws<'_>) -> Result<(), Denial> {
        let mut said = provider.verify_signature(host, &self.verifier, jws);
        let Some(remote) = &provider.remote else { return said };
        if matches!(said, Err(Denial::UnknownKey | Denial::KeysUnavailable)) && provider.refresh(host) {
            self.memory.forget();
            said = provider.verify_signature(host, &self.verifier, jws);
        }
        if said == Err(Denial::UnknownKey) {
            remote.ask(host);
        }
        said
    }

    /// Whether keys of any provider are fetched.
    pub(crate) fn has_remote(&self) -> bool {
        self.remotes().next().is_some()
    }

    /// Takes keys that were fetched.
    pub(crate) fn refresh(&self, host: &dyn Host) {
        let refreshed = self.by_issuer.values().filter(|provider| provider.refresh(host)).count();
        if refreshed > 0 {
            self.memory.forget();
        }
    }

    /// Fetches keys that are due, and takes those that were fetched.
    pub(crate) fn tick(&self, host: &dyn Host, metrics: &jwks::Metrics) {
        for remote in self.remotes() {
            remote.fetch_if_due(host, metrics);
        }
        self.refresh(host);
        if let Some(age) = self.remotes().filter_map(|remote| remote.age(host)).max() {
            host.set_gauge(metrics.oldest, age.as_secs());
        }
    }

    /// Takes the end of a call.
    pub(crate) fn on_call(
        &self,
        host: &dyn Host,
        metrics: &jwks::Metrics,
        call: CallId,
        outcome: CallOutcome,
    ) {
        if let Some(remote) = self.remotes().find(|remote| remote.awaits(call)) {
            remote.on_call(host, metrics, outcome);
            self.refresh(host);
        }
    }

    fn remotes(&self) -> impl Iterator<Item = &jwks::Remote> {
        self.by_issuer.values().filter_map(|provider| provider.remote.as_ref())
    }
}

#[cfg(test)]
mod tests;
