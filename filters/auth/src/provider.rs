//! An issuer of tokens.

use std::cell::RefCell;

use ferrox_host::Host;
use ferrox_policy::{
    Invalid,
    auth::{JwtProvider, Revocations},
};

use crate::{
    claims::{Expected, is_header_value},
    denial::Denial,
    jwks::Remote,
    jws::Jws,
    key_set::KeySet,
    revoked::Revoked,
    verifier::Verifier,
};

/// An issuer with the keys that verify its tokens.
#[derive(Debug)]
pub(crate) struct Provider {
    /// The name that policies use.
    pub(crate) name: String,
    /// What its tokens must say.
    pub(crate) expected: Expected,
    /// Its tokens that were taken back.
    pub(crate) revoked: Revoked,
    /// Where its keys come from, unless they are configured.
    pub(crate) remote: Option<Remote>,
    keys: RefCell<KeySet>,
}

impl Provider {
    /// Compiles a configured provider.
    ///
    /// # Errors
    /// The field, as `jwks.keys[j].n`, and the reason, without key material.
    pub(crate) fn compile(provider: &JwtProvider, revoked: &Revocations) -> Result<Self, Invalid> {
        if !is_header_value(&provider.issuer) {
            return Err(Invalid::new(
                "issuer",
                "must be fit for a header value: no control characters, no outer spaces",
            ));
        }
        let keys = match &provider.jwks {
            Some(jwks) => KeySet::configured(jwks, &provider.algorithms).map_err(|e| e.within("jwks"))?,
            None => KeySet::default(),
        };
        Ok(Self {
            name: provider.name.clone(),
            expected: Expected {
                audiences: provider.audiences.clone(),
                leeway: f64::from(provider.leeway_seconds),
                allow_missing_exp: provider.allow_missing_exp,
                max_lifetime: provider.max_lifetime_seconds.map(f64::from),
                rules: provider.claims.clone(),
            },
            revoked: Revoked::of(&provider.name, revoked),
            remote: provider.remote_jwks.as_ref().map(|source| Remote::new(provider, source)),
            keys: RefCell::new(keys),
        })
    }

    /// Takes keys that were fetched. Whether there were other ones than it had.
    pub(crate) fn refresh(&self, host: &dyn Host) -> bool {
        let newer = self.remote.as_ref().and_then(|remote| remote.newer(host));
        newer.map(|keys| self.keys.replace(keys)).is_some()
    }

    /// Whether one of its keys made a token's signature.
    pub(crate) fn verify_signature(
        &self,
        host: &dyn Host,
        verifier: &Verifier,
        jws: &Jws<'_>,
    ) -> Result<(), Denial> {
        self.keys.borrow().verify(host, verifier, jws)
    }
}
