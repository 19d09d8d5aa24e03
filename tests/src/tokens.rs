//! Issuers of JSON Web Tokens with keys that are new for each run.

use jwt_compact::{
    Algorithm, AlgorithmExt as _, Claims, Header,
    alg::{Ed25519, Es256, Hs256, Hs256Key, SigningKey as _},
    jwk::JsonWebKey,
};
use serde_json::{Value, json};

use crate::{Error, secret};

/// Somebody who signs tokens.
pub struct Issuer {
    key_id: String,
    key: Key,
}

enum Key {
    Hs256(Hs256Key),
    Es256(<Es256 as Algorithm>::SigningKey),
    EdDsa(<Ed25519 as Algorithm>::SigningKey),
}

impl Issuer {
    /// An issuer with a new secret for HS256.
    ///
    /// # Errors
    /// When the system has no random source.
    pub fn hs256(key_id: &str) -> Result<Self, Error> {
        Ok(Self { key_id: key_id.to_owned(), key: Key::Hs256(Hs256Key::new(secret::bytes::<32>()?)) })
    }

    /// An issuer with a new key pair for ES256.
    ///
    /// # Errors
    /// When the system has no random source.
    pub fn es256(key_id: &str) -> Result<Self, Error> {
        let refused = |error| credential("an ES256 key", error);
        let key = <Es256 as Algorithm>::SigningKey::from_slice(&secret::bytes::<32>()?).map_err(refused)?;
        Ok(Self { key_id: key_id.to_owned(), key: Key::Es256(key) })
    }

    /// An issuer with a new key pair for EdDSA.
    ///
    /// # Errors
    /// When the system has no random source.
    pub fn eddsa(key_id: &str) -> Result<Self, Error> {
        let key = <Ed25519 as Algorithm>::SigningKey::from_bytes(&secret::bytes::<32>()?);
        Ok(Self { key_id: key_id.to_owned(), key: Key::EdDsa(key) })
    }

    /// The JWK Set by which its tokens are verified (RFC 7517 section 5).
    ///
    /// # Errors
    /// When the key cannot be written as a JWK.
    pub fn jwks(&self) -> Result<Value, Error> {
        let (algorithm, jwk) = match &self.key {
            Key::Hs256(key) => ("HS256", serde_json::to_value(JsonWebKey::from(key))),
            Key::Es256(key) => ("ES256", serde_json::to_value(JsonWebKey::from(&key.to_verifying_key()))),
            Key::EdDsa(key) => ("EdDSA", serde_json::to_value(JsonWebKey::from(&key.to_verifying_key()))),
        };
        let mut jwk = jwk.map_err(|error| credential("a JWK", error))?;
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), json!(self.key_id));
            members.insert("alg".to_owned(), json!(algorithm));
        }
        Ok(json!({ "keys": [jwk] }))
    }

    /// A token that carries these claims and nothing else.
    ///
    /// # Errors
    /// When the claims are no JSON object.
    pub fn token(&self, claims: &Value) -> Result<String, Error> {
        let header = Header::empty().with_key_id(&self.key_id);
        let claims = Claims::new(claims);
        let token = match &self.key {
            Key::Hs256(key) => Hs256.token(&header, &claims, key),
            Key::Es256(key) => Es256.token(&header, &claims, key),
            Key::EdDsa(key) => Ed25519.token(&header, &claims, key),
        };
        token.map_err(|error| credential("a token", error))
    }
}

fn credential(what: &'static str, error: impl ToString) -> Error {
    Error::Credential { what, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jwt_compact::{UntrustedToken, alg::VerifyingKey};

    fn verifies<A: Algorithm<VerifyingKey: for<'k> TryFrom<&'k JsonWebKey<'static>>>>(
        algorithm: &A,
        issuer: &Issuer,
        other: &Issuer,
    ) where
        A::VerifyingKey: VerifyingKey<A>,
    {
        let key = |issuer: &Issuer| {
            let jwk: JsonWebKey<'static> =
                serde_json::from_value(issuer.jwks().unwrap()["keys"][0].clone()).unwrap();
            A::VerifyingKey::try_from(&jwk).ok().unwrap()
        };
        let token = issuer.token(&json!({"sub": "s", "exp": 1})).unwrap();
        let token = UntrustedToken::new(&token).unwrap();
        let verified = algorithm.validator::<Value>(&key(issuer)).validate(&token).unwrap();
        assert_eq!(verified.claims().custom["sub"], "s");
        assert!(algorithm.validator::<Value>(&key(other)).validate(&token).is_err());
    }

    #[test]
    fn a_token_is_verified_by_the_key_set_of_its_issuer_alone() {
        verifies(&Hs256, &Issuer::hs256("1").unwrap(), &Issuer::hs256("1").unwrap());
        verifies(&Es256, &Issuer::es256("1").unwrap(), &Issuer::es256("1").unwrap());
        verifies(&Ed25519, &Issuer::eddsa("1").unwrap(), &Issuer::eddsa("1").unwrap());
    }

    #[test]
    fn the_key_set_of_a_key_pair_has_no_private_part() {
        for issuer in [Issuer::es256("1").unwrap(), Issuer::eddsa("1").unwrap()] {
            assert_eq!(issuer.jwks().unwrap()["keys"][0].get("d"), None);
        }
    }
}
