//! Keys that verify signatures, each bound to the one algorithm that it fits.

use std::borrow::Cow;

use ferrox_policy::Invalid;
use jwt_compact::{
    AlgorithmSignature,
    alg::{Ed25519, Es256, Hs256, Hs256Key, Rsa, RsaPublicKey},
    jwk::JsonWebKey,
};
use serde_json::Value;

use crate::jwk::Jwk;

/// Shortest HMAC key in bytes: RFC 7518 section 3.2 wants the size of the hash.
const MIN_HMAC_BYTES: usize = 32;
/// Shortest RSA modulus in bits (RFC 7518 section 3.3).
const MIN_RSA_BITS: usize = 2048;

/// An algorithm that we verify: RFC 7518 section 3.1, EdDSA of RFC 8037 on Ed25519.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa];

    /// The algorithm of an `alg`; names are case-sensitive (RFC 7515 section 4.1.1).
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The `alg`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A key of an issuer.
///
/// The type of the material fixes the algorithm, so a public RSA key can never serve as an HMAC secret,
/// whatever a token's header says (RFC 8725 section 3.1).
#[derive(Debug)]
pub(crate) struct Key {
    /// `kid`.
    pub(crate) id: Option<String>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Hs256(Hs256Key),
    Rs256(RsaPublicKey),
    Es256(<Es256 as jwt_compact::Algorithm>::VerifyingKey),
    EdDsa(<Ed25519 as jwt_compact::Algorithm>::VerifyingKey),
}

impl Key {
    /// Reads a JWK.
    ///
    /// # Errors
    /// The member that is wrong and why, without any key material.
    pub(crate) fn from_jwk(json: &Value) -> Result<Self, Invalid> {
        let jwk = Jwk::new(json)?;
        let material = match jwk.required_text("kty")? {
            "oct" => hmac(jwk)?,
            "RSA" => rsa(jwk)?,
            "EC" => p256(jwk)?,
            "OKP" => ed25519(jwk)?,
            _ => return Err(Invalid::new("kty", "must be oct, RSA, EC or OKP")),
        };
        let key = Self { id: jwk.text("kid")?.map(str::to_owned), material };
        jwk.check_meant_for(key.algorithm().name())?;
        Ok(key)
    }

    /// The one algorithm that the key is used for.
    pub(crate) fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Hs256(_) => Algorithm::Hs256,
            Material::Rs256(_) => Algorithm::Rs256,
            Material::Es256(_) => Algorithm::Es256,
            Material::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// Whether this key made the signature.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Hs256(key) => verifies(&Hs256, key, message, signature),
            Material::Rs256(key) => verifies(&Rsa::rs256(), key, message, signature),
            Material::Es256(key) => verifies(&Es256, key, message, signature),
            Material::EdDsa(key) => verifies(&Ed25519, key, message, signature),
        }
    }
}

fn verifies<A: jwt_compact::Algorithm>(
    algorithm: &A,
    key: &A::VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    // The crate's signature types take the length for granted and panic on another one.
    if A::Signature::LENGTH.is_some_and(|length| length.get() != signature.len()) {
        return false;
    }
    A::Signature::try_from_slice(signature)
        .is_ok_and(|signature| algorithm.verify_signature(&signature, key, message))
}

fn hmac(jwk: Jwk<'_>) -> Result<Material, Invalid> {
    let secret = jwk.bytes("k")?;
    if secret.len() < MIN_HMAC_BYTES {
        return Err(Invalid::new(
            "k",
            format!("must be at least {MIN_HMAC_BYTES} bytes (RFC 7518 section 3.2)"),
        ));
    }
    Ok(Material::Hs256(Hs256Key::new(secret)))
}

fn rsa(jwk: Jwk<'_>) -> Result<Material, Invalid> {
    jwk.check_public()?;
    let modulus = jwk.bytes("n")?;
    if bits(&modulus) < MIN_RSA_BITS {
        return Err(Invalid::new(
            "n",
            format!("must be at least {MIN_RSA_BITS} bits (RFC 7518 section 3.3)"),
        ));
    }
    let jwk = JsonWebKey::Rsa {
        modulus: Cow::Owned(modulus),
        public_exponent: Cow::Owned(jwk.bytes("e")?),
        private_parts: None,
    };
    RsaPublicKey::try_from(&jwk).map(Material::Rs256).map_err(|_| {
        Invalid::new(
            "",
            "is no RSA key with an odd modulus of at most 4096 bits and an odd exponent below 2^33",
        )
    })
}

/// Length of a big-endian number in bits.
fn bits(number: &[u8]) -> usize {
    let significant = number.iter().position(|byte| *byte != 0).and_then(|start| number.get(start..));
    let bit_length = |digits: &[u8]| {
        let leading = digits.first().map_or(0, |byte| byte.leading_zeros());
        digits.len() * 8 - usize::try_from(leading).unwrap_or_default()
    };
    significant.map_or(0, bit_length)
}

fn p256(jwk: Jwk<'_>) -> Result<Material, Invalid> {
    jwk.check_public()?;
    if jwk.required_text("crv")? != "P-256" {
        return Err(Invalid::new("crv", "must be P-256"));
    }
    let jwk = JsonWebKey::EllipticCurve {
        curve: Cow::Borrowed("P-256"),
        x: Cow::Owned(jwk.bytes("x")?),
        y: Cow::Owned(jwk.bytes("y")?),
        secret: None,
    };
    (&jwk).try_into().map(Material::Es256).map_err(|_| Invalid::new("", "x and y are no point on P-256"))
}

fn ed25519(jwk: Jwk<'_>) -> Result<Material, Invalid> {
    jwk.check_public()?;
    if jwk.required_text("crv")? != "Ed25519" {
        return Err(Invalid::new("crv", "must be Ed25519"));
    }
    let jwk =
        JsonWebKey::KeyPair { curve: Cow::Borrowed("Ed25519"), x: Cow::Owned(jwk.bytes("x")?), secret: None };
    let refuse = || Invalid::new("x", "is no public key on Ed25519");
    let key = <Ed25519 as jwt_compact::Algorithm>::VerifyingKey::try_from(&jwk).map_err(|_| refuse())?;
    // A key of small order would verify signatures that nobody made.
    if key.is_weak() {
        return Err(refuse());
    }
    Ok(Material::EdDsa(key))
}

#[cfg(test)]
mod tests;
