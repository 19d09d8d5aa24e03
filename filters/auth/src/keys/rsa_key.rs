//! A public RSA key (RFC 8017).
//!
//! The power is of `crypto-bigint`: with Montgomery's multiplication and nothing hidden, since all of it is public, it takes a
//! quarter of the time that the crate `rsa` needs in wasm. Whoever sends wrong tokens makes the gateway take it.

use std::borrow::Cow;

use crypto_bigint::{
    BoxedUint, Odd,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use ferrox_policy::{Invalid, auth::Algorithm};
use jwt_compact::{alg::RsaPublicKey, jwk::JsonWebKey};
use rsa::pkcs8::EncodePublicKey;
use sha2::{Sha256, Sha384, Sha512};

use super::emsa;

/// Shortest modulus in bits (RFC 7518 section 3.3).
const MIN_BITS: usize = 2048;

/// A key with a modulus of 2048 to 4096 bits.
#[derive(Debug)]
pub(super) struct RsaKey {
    modulus: BoxedMontyParams,
    /// Length of the modulus in bits.
    bits: usize,
    /// Odd, at least 3 and below 2^33.
    exponent: u64,
    der: Vec<u8>,
}

impl RsaKey {
    /// A key of a modulus and an exponent, both big-endian.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn new(modulus: Vec<u8>, exponent: Vec<u8>) -> Result<Self, Invalid> {
        let bits = bits(&modulus);
        if bits < MIN_BITS {
            return Err(Invalid::new(
                "n",
                format!("must be at least {MIN_BITS} bits (RFC 7518 section 3.3)"),
            ));
        }
        Self::of_size(bits, &modulus, &exponent).ok_or_else(|| {
            Invalid::new(
                "",
                "is no RSA key with an odd modulus of at most 4096 bits and an odd exponent below 2^33",
            )
        })
    }

    fn of_size(bits: usize, modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let jwk = JsonWebKey::Rsa {
            modulus: Cow::Borrowed(modulus),
            public_exponent: Cow::Borrowed(exponent),
            private_parts: None,
        };
        // Knows what is a key, and how one is written in DER.
        let key = RsaPublicKey::try_from(&jwk).ok()?;
        let number = BoxedUint::from_be_slice_truncated(modulus, u32::try_from(bits).ok()?);
        Some(Self {
            modulus: BoxedMontyParams::new_vartime(Odd::new(number).into_option()?),
            bits,
            exponent: exponent.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
            der: key.to_public_key_der().ok()?.into_vec(),
        })
    }

    /// As a SubjectPublicKeyInfo (RFC 5280 section 4.1).
    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    /// Length of a signature: that of the modulus.
    pub(super) fn signature_bytes(&self) -> usize {
        self.bits.div_ceil(8)
    }

    /// Whether this key made a signature by one of the six algorithms of RSA (sections 8.1.2 and 8.2.2).
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Some(recovered) = self.recover(signature) else { return false };
        match algorithm {
            Algorithm::Rs256 => emsa::is_pkcs1::<Sha256>(&recovered, &emsa::SHA_256, message),
            Algorithm::Rs384 => emsa::is_pkcs1::<Sha384>(&recovered, &emsa::SHA_384, message),
            Algorithm::Rs512 => emsa::is_pkcs1::<Sha512>(&recovered, &emsa::SHA_512, message),
            Algorithm::Ps256 => emsa::is_pss::<Sha256>(&recovered, self.bits, message),
            Algorithm::Ps384 => emsa::is_pss::<Sha384>(&recovered, self.bits, message),
            Algorithm::Ps512 => emsa::is_pss::<Sha512>(&recovered, self.bits, message),
            _ => false,
        }
    }

    /// RSAVP1 (section 5.2.2) from and to octets of the modulus's length; `None` for what is no signature.
    fn recover(&self, signature: &[u8]) -> Option<Vec<u8>> {
        if signature.len() != self.signature_bytes() {
            return None;
        }
        let number = BoxedUint::from_be_slice(signature, self.modulus.bits_precision()).ok()?;
        if number >= *self.modulus.modulus().as_ref() {
            return None;
        }
        let octets = self.power(number).to_be_bytes();
        // Whole words, of which the modulus may fill a part.
        octets.get(octets.len().checked_sub(signature.len())?..).map(<[u8]>::to_vec)
    }

    /// By squaring and multiplying from the exponent's second bit down: 17 products for 2^16 + 1, where the crate's own power,
    /// which hides the exponent, takes 35.
    fn power(&self, base: BoxedUint) -> BoxedUint {
        let base = BoxedMontyForm::new(base, &self.modulus);
        let mut power = base.clone();
        for bit in (0..self.exponent.checked_ilog2().unwrap_or_default()).rev() {
            power = power.square();
            if self.exponent >> bit & 1 == 1 {
                power *= &base;
            }
        }
        power.retrieve()
    }
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

#[cfg(test)]
mod tests;
