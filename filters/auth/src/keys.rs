//! Keys that verify signatures, each bound to the algorithms that it may be used for.

mod emsa;
mod rsa_key;

use std::{borrow::Cow, fmt};

use ferrox_policy::{Invalid, auth::Algorithm};
use jwt_compact::{
    AlgorithmSignature,
    alg::{Ed25519, Es256, Hs256, Hs256Key, Hs384, Hs384Key, Hs512, Hs512Key},
    jwk::JsonWebKey,
};
use p384::ecdsa::signature::Verifier;
use serde_json::Value;

use self::rsa_key::RsaKey;
use crate::jwk::Jwk;

/// A key of an issuer.
#[derive(Debug)]
pub(crate) struct Key {
    /// `kid`.
    pub(crate) id: Option<String>,
    algorithms: Vec<Algorithm>,
    /// The key as OpenSSL and its heirs read it.
    der: Option<Vec<u8>>,
    material: Material,
}

/// The type of the material bounds the algorithms, so a public RSA key can never serve as an HMAC secret, whatever a
/// token's header says (RFC 8725 section 3.1).
#[derive(Debug)]
enum Material {
    Hmac(Secret),
    Rsa(RsaKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    Ed25519(<Ed25519 as jwt_compact::Algorithm>::VerifyingKey),
}

/// A symmetric key. Does not print.
struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(_)")
    }
}

impl Key {
    /// Reads a JWK of an issuer that may use `allowed` algorithms; none: those that its keys name, or the usual ones.
    ///
    /// # Errors
    /// The member that is wrong and why, without any key material.
    pub(crate) fn from_jwk(json: &Value, allowed: &[Algorithm]) -> Result<Self, Invalid> {
        let jwk = Jwk::new(json)?;
        let material = match jwk.required_text("kty")? {
            "oct" => Material::Hmac(Secret(jwk.bytes("k")?)),
            "RSA" => {
                jwk.check_public()?;
                Material::Rsa(RsaKey::new(jwk.bytes("n")?, jwk.bytes("e")?)?)
            }
            "EC" => elliptic_curve(jwk)?,
            "OKP" => ed25519(jwk)?,
            _ => return Err(Invalid::new("kty", "must be oct, RSA, EC or OKP")),
        };
        jwk.check_verifies()?;
        let key = Self {
            id: jwk.text("kid")?.map(str::to_owned),
            algorithms: algorithms(jwk, &material, allowed)?,
            der: der(&material),
            material,
        };
        key.check_length()?;
        Ok(key)
    }

    /// Whether the key may be used for an algorithm.
    pub(crate) fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether this key made the signature by an algorithm that it may be used for.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.is_for(algorithm) && self.material.verifies(algorithm, message, signature)
    }

    /// A public RSA or elliptic curve key as a SubjectPublicKeyInfo (RFC 5280 section 4.1).
    pub(crate) fn public_key_der(&self) -> Option<&[u8]> {
        self.der.as_deref()
    }

    /// A signature of this key as OpenSSL and its heirs read it: JOSE has R and S one after the other (RFC 7518 section 3.4),
    /// they want a sequence of both (RFC 3279 section 2.2.3). `None` for what is no signature.
    pub(crate) fn openssl_form<'s>(&self, signature: &'s [u8]) -> Option<Cow<'s, [u8]>> {
        match &self.material {
            Material::Rsa(key) => {
                (signature.len() == key.signature_bytes()).then_some(Cow::Borrowed(signature))
            }
            Material::P256(_) => {
                let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
                Some(Cow::Owned(signature.to_der().as_bytes().to_vec()))
            }
            Material::P384(_) => {
                let signature = p384::ecdsa::Signature::from_slice(signature).ok()?;
                Some(Cow::Owned(signature.to_der().as_bytes().to_vec()))
            }
            Material::Hmac(_) | Material::Ed25519(_) => None,
        }
    }

    /// RFC 7518 section 3.2: an HMAC key has at least the size of the hash.
    fn check_length(&self) -> Result<(), Invalid> {
        let Material::Hmac(Secret(secret)) = &self.material else { return Ok(()) };
        let too_short = |algorithm: &&Algorithm| secret.len() < hash_bytes(**algorithm);
        let Some(algorithm) = self.algorithms.iter().find(too_short) else { return Ok(()) };
        let least = hash_bytes(*algorithm);
        Err(Invalid::new(
            "k",
            format!("must be at least {least} bytes for {algorithm} (RFC 7518 section 3.2)"),
        ))
    }
}

impl Material {
    /// The algorithms that it fits, the usual one first.
    fn fits(&self) -> &'static [Algorithm] {
        use Algorithm::{EdDsa, Es256, Es384, Hs256, Hs384, Hs512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match self {
            Self::Hmac(_) => &[Hs256, Hs384, Hs512],
            Self::Rsa(_) => &[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512],
            Self::P256(_) => &[Es256],
            Self::P384(_) => &[Es384],
            Self::Ed25519(_) => &[EdDsa],
        }
    }

    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match (self, algorithm) {
            (Self::Hmac(Secret(secret)), Algorithm::Hs256) => {
                verifies(&Hs256, &Hs256Key::new(secret), message, signature)
            }
            (Self::Hmac(Secret(secret)), Algorithm::Hs384) => {
                verifies(&Hs384, &Hs384Key::new(secret), message, signature)
            }
            (Self::Hmac(Secret(secret)), Algorithm::Hs512) => {
                verifies(&Hs512, &Hs512Key::new(secret), message, signature)
            }
            (Self::Rsa(key), _) => key.verifies(algorithm, message, signature),
            (Self::P256(key), Algorithm::Es256) => verifies(&Es256, key, message, signature),
            (Self::P384(key), Algorithm::Es384) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            (Self::Ed25519(key), Algorithm::EdDsa) => verifies(&Ed25519, key, message, signature),
            _ => false,
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

/// Size of the hash of an HMAC algorithm.
fn hash_bytes(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::Hs512 => 64,
        Algorithm::Hs384 => 48,
        _ => 32,
    }
}

/// What the key is used for: the algorithm that it names, else those of the issuer that it fits, else the usual one.
fn algorithms(jwk: Jwk<'_>, material: &Material, allowed: &[Algorithm]) -> Result<Vec<Algorithm>, Invalid> {
    let fits = material.fits();
    let names = |algorithms: &[Algorithm]| algorithms.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ");
    let Some(named) = jwk.text("alg")? else {
        if allowed.is_empty() {
            return Ok(fits.iter().take(1).copied().collect());
        }
        let both: Vec<_> = fits.iter().copied().filter(|algorithm| allowed.contains(algorithm)).collect();
        if both.is_empty() {
            return Err(Invalid::new(
                "kty",
                format!("this key fits none of the issuer's {}", names(allowed)),
            ));
        }
        return Ok(both);
    };
    let Some(algorithm) = Algorithm::from_name(named).filter(|algorithm| fits.contains(algorithm)) else {
        return Err(Invalid::new("alg", format!("this key can be used for {} only", names(fits))));
    };
    if !allowed.is_empty() && !allowed.contains(&algorithm) {
        return Err(Invalid::new("alg", format!("{algorithm} is none of the issuer's {}", names(allowed))));
    }
    Ok(vec![algorithm])
}

/// What stands before the point in the SubjectPublicKeyInfo of a key on P-256 (RFC 5480 section 2).
const P256_INFO: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The same on P-384.
const P384_INFO: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

fn der(material: &Material) -> Option<Vec<u8>> {
    match material {
        Material::Rsa(key) => Some(key.der().to_vec()),
        Material::P256(key) => Some([P256_INFO, key.to_encoded_point(false).as_bytes()].concat()),
        Material::P384(key) => Some([P384_INFO, key.to_encoded_point(false).as_bytes()].concat()),
        Material::Hmac(_) | Material::Ed25519(_) => None,
    }
}

fn elliptic_curve(jwk: Jwk<'_>) -> Result<Material, Invalid> {
    jwk.check_public()?;
    match jwk.required_text("crv")? {
        "P-256" => p256(jwk.bytes("x")?, jwk.bytes("y")?),
        "P-384" => p384(&jwk.bytes("x")?, &jwk.bytes("y")?),
        _ => Err(Invalid::new("crv", "must be P-256 or P-384")),
    }
}

fn p256(x: Vec<u8>, y: Vec<u8>) -> Result<Material, Invalid> {
    let jwk = JsonWebKey::EllipticCurve {
        curve: Cow::Borrowed("P-256"),
        x: Cow::Owned(x),
        y: Cow::Owned(y),
        secret: None,
    };
    (&jwk).try_into().map(Material::P256).map_err(|_| Invalid::new("", "x and y are no point on P-256"))
}

/// jwt-compact has no ES384.
fn p384(x: &[u8], y: &[u8]) -> Result<Material, Invalid> {
    // SEC 1 section 2.3.3: a point, uncompressed. That each coordinate has its full length is RFC 7518 section 6.2.1.2.
    let point = [&[4], x, y].concat();
    let key = (x.len() == y.len()).then(|| p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok()).flatten();
    key.map(Material::P384).ok_or_else(|| Invalid::new("", "x and y are no point on P-384"))
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
    Ok(Material::Ed25519(key))
}

#[cfg(test)]
mod tests;
