//! Whose tokens are known, and the verification of a token (RFC 7519 section 7.2, RFC 8725).

use std::{collections::HashMap, rc::Rc};

use ferrox_host::Host;
use ferrox_policy::{
    Invalid,
    auth::{AcceptJwt, JwtProvider, Revocations},
};

use crate::{
    claims::{Claims, Expected, is_header_value},
    denial::Denial,
    jws::Jws,
    keys::Key,
    memory::{Memory, Said, Verified},
    revoked::Revoked,
    verifier::Verifier,
};

/// Most keys that are tried for a token that does not say which one it means: each try may cost a millisecond.
const MOST_TRIES: usize = 4;

/// The issuers of tokens.
#[derive(Debug)]
pub(crate) struct Providers {
    by_issuer: HashMap<String, Provider>,
    verifier: Verifier,
    memory: Memory,
}

#[derive(Debug)]
struct Provider {
    name: String,
    expected: Expected,
    keys: Vec<Key>,
    revoked: Revoked,
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
        provider.verify_signature(host, &self.verifier, &jws)?;
        Ok(Rc::new(Verified { issuer, claims }))
    }
}

impl Provider {
    fn compile(provider: &JwtProvider, revoked: &Revocations) -> Result<Self, Invalid> {
        if !is_header_value(&provider.issuer) {
            return Err(Invalid::new(
                "issuer",
                "must be fit for a header value: no control characters, no outer spaces",
            ));
        }
        let keys = provider.jwks.keys.iter().enumerate().map(|(index, jwk)| {
            Key::from_jwk(jwk, &provider.algorithms)
                .map_err(|invalid| invalid.within(&format!("jwks.keys[{index}]")))
        });
        Ok(Self {
            name: provider.name.clone(),
            expected: Expected {
                audiences: provider.audiences.clone(),
                leeway: f64::from(provider.leeway_seconds),
                allow_missing_exp: provider.allow_missing_exp,
                max_lifetime: provider.max_lifetime_seconds.map(f64::from),
                rules: provider.claims.clone(),
            },
            keys: keys.collect::<Result<_, _>>()?,
            revoked: Revoked::of(&provider.name, revoked),
        })
    }

    /// Tries the key that the token names, or every key of its algorithm when it names none.
    fn verify_signature(&self, host: &dyn Host, verifier: &Verifier, jws: &Jws<'_>) -> Result<(), Denial> {
        let fits = |key: &&Key| key.is_for(jws.algorithm) && (jws.key_id.is_none() || jws.key_id == key.id);
        let mut candidates = self.keys.iter().filter(fits).peekable();
        if candidates.peek().is_none() {
            return Err(Denial::UnknownKey);
        }
        let verifies =
            |key: &Key| verifier.verifies(host, jws.algorithm, key, jws.signing_input, &jws.signature);
        match candidates.take(MOST_TRIES).any(verifies) {
            true => Ok(()),
            false => Err(Denial::BadSignature),
        }
    }
}
