//! Verification of signatures: by Envoy's own cryptography, which is far faster than ours in wasm, where it can, else by ours.
//!
//! Envoy offers it as a foreign function, which a build may lack or have otherwise. So each algorithm is tried at configure
//! with a signature that is known to be good and with ones that are not, and what does not answer right is not asked again.
//!
//! What wrong signatures may take in all is bounded (`budget`), where that is more than it takes to refuse a request at all.

mod budget;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ferrox_host::{Counter, Host, SignatureCheck};
use ferrox_policy::auth::Algorithm;
use serde::Deserialize;
use serde_json::Value;

use self::budget::Budget;
pub(crate) use self::budget::Exhausted;
use crate::{jws::Jws, keys::Key};

/// Who verifies signatures.
#[derive(Debug, Default)]
pub(crate) struct Verifier {
    /// What Envoy verifies. Its function has no parameters for PSS and none for Ed25519.
    by_envoy: Vec<Algorithm>,
    counters: Option<Counters>,
    budget: Budget,
}

/// `ferrox.auth.signatures.by_envoy` and `ferrox.auth.signatures.in_wasm`: what was verified, good or not.
#[derive(Debug)]
struct Counters {
    by_envoy: Counter,
    in_wasm: Counter,
}

/// A signature that was made elsewhere: of RFC 7515 appendices A.2 and A.3, else of OpenSSL.
#[derive(Deserialize)]
struct KnownAnswer {
    alg: Algorithm,
    jwk: Value,
    message: String,
    signature: String,
}

impl Verifier {
    /// Tries what Envoy can. Only while configuring.
    pub(crate) fn probe(host: &dyn Host) -> Self {
        let known: Vec<KnownAnswer> =
            serde_json::from_str(include_str!("known-answers.json")).unwrap_or_default();
        let right = known.into_iter().filter(|known| known.is_answered_right(host).unwrap_or(false));
        let counter = |name: &str| host.counter(&format!("ferrox.auth.signatures.{name}"));
        let counters = Counters { by_envoy: counter("by_envoy"), in_wasm: counter("in_wasm") };
        Self {
            by_envoy: right.map(|known| known.alg).collect(),
            counters: Some(counters),
            budget: Budget::default(),
        }
    }

    /// Whether one of these keys made a token's signature.
    ///
    /// # Errors
    /// When wrong signatures have taken all the time that they may take: then this one is not verified.
    pub(crate) fn verify<'k>(
        &self,
        host: &dyn Host,
        jws: &Jws<'_>,
        mut keys: impl Iterator<Item = &'k Key>,
    ) -> Result<bool, Exhausted> {
        let verifies = |key| self.verifies(host, jws.algorithm, key, jws.signing_input, &jws.signature);
        let mut is_good = || keys.any(verifies);
        match self.is_costly(jws.algorithm) {
            true => self.budget.spend(host, is_good),
            false => Ok(is_good()),
        }
    }

    /// Even Envoy takes half a millisecond for P-384. What else it verifies takes less than the rest of a request does: to refuse
    /// good tokens of it would help nobody but whoever sends the wrong ones.
    fn is_costly(&self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => false,
            Algorithm::Es384 => true,
            other => !self.by_envoy.contains(&other),
        }
    }

    /// Whether a key made a signature by an algorithm that it may be used for.
    fn verifies(
        &self,
        host: &dyn Host,
        algorithm: Algorithm,
        key: &Key,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let is_asked = key.is_for(algorithm) && self.by_envoy.contains(&algorithm);
        if let Some(answer) = is_asked.then(|| ask(host, algorithm, key, message, signature)).flatten() {
            self.count(host, |counters| counters.by_envoy);
            return answer;
        }
        self.count(host, |counters| counters.in_wasm);
        key.verifies(algorithm, message, signature)
    }

    fn count(&self, host: &dyn Host, which: impl FnOnce(&Counters) -> Counter) {
        if let Some(counters) = &self.counters {
            host.count(which(counters));
        }
    }
}

impl KnownAnswer {
    fn is_answered_right(&self, host: &dyn Host) -> Option<bool> {
        let key = Key::from_jwk(&self.jwk, &[self.alg]).ok()?;
        let good = URL_SAFE_NO_PAD.decode(&self.signature).ok()?;
        let mut bad = good.clone();
        *bad.last_mut()? ^= 1;
        let answer = |message: &[u8], signature: &[u8]| ask(host, self.alg, &key, message, signature);
        let message = self.message.as_bytes();
        Some(answer(message, &good)? && !answer(message, &bad)? && !answer(b"another message", &good)?)
    }
}

fn ask(host: &dyn Host, algorithm: Algorithm, key: &Key, message: &[u8], signature: &[u8]) -> Option<bool> {
    let hash = match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => "sha256",
        Algorithm::Rs384 | Algorithm::Es384 => "sha384",
        Algorithm::Rs512 => "sha512",
        _ => return None,
    };
    let (public_key, signature) = (key.public_key_der()?, key.openssl_form(signature)?);
    host.verify_signature(&SignatureCheck { hash, public_key, signature: &signature, message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrox_host::mock::MockHost;

    #[test]
    fn the_known_answers_are_right() {
        let known: Vec<KnownAnswer> = serde_json::from_str(include_str!("known-answers.json")).unwrap();
        assert_eq!(known.len(), 5);
        for KnownAnswer { alg, jwk, message, signature } in known {
            let key = Key::from_jwk(&jwk, &[alg]).unwrap();
            assert!(
                key.verifies(alg, message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()),
                "{alg}"
            );
        }
    }

    /// The algorithms that are used with a host that answers so.
    fn used(answer: impl Fn(&SignatureCheck<'_>) -> Option<bool> + 'static) -> String {
        let host = MockHost::default();
        host.verify_signatures_by(answer);
        Verifier::probe(&host)
            .by_envoy
            .iter()
            .map(|algorithm| algorithm.name())
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn whoever_is_asked_is_counted() {
        let host = MockHost::default();
        let known: Vec<KnownAnswer> = serde_json::from_str(include_str!("known-answers.json")).unwrap();
        let key = Key::from_jwk(&known[0].jwk, &[known[0].alg]).unwrap();
        let verifier = Verifier { by_envoy: vec![known[0].alg], ..Verifier::probe(&host) };
        assert!(!verifier.verifies(&host, known[0].alg, &key, b"", b""));
        assert_eq!(host.counted("ferrox.auth.signatures.in_wasm"), 1);
        host.verify_signatures_by(|_| Some(true));
        assert!(verifier.verifies(&host, known[0].alg, &key, b"", &[0; 256]));
        assert_eq!(host.counted("ferrox.auth.signatures.by_envoy"), 1);
        // A key that is for another algorithm is never asked about.
        assert!(!verifier.verifies(&host, Algorithm::Rs384, &key, b"", &[0; 256]));
    }

    #[test]
    fn what_envoy_verifies_is_not_costly_but_on_p_384() {
        use Algorithm::{EdDsa, Es256, Es384, Hs512, Ps256, Rs256};
        let envoys = vec![Rs256, Es256, Es384];
        let costly = |verifier: Verifier| {
            let all = [Rs256, Es256, Es384, Ps256, EdDsa, Hs512];
            all.into_iter().filter(|algorithm| verifier.is_costly(*algorithm)).collect::<Vec<_>>()
        };
        assert_eq!(costly(Verifier { by_envoy: envoys, ..Verifier::default() }), [Es384, Ps256, EdDsa]);
        assert_eq!(costly(Verifier::default()), [Rs256, Es256, Es384, Ps256, EdDsa]);
    }

    #[test]
    fn a_host_that_cannot_or_answers_wrong_is_not_asked() {
        assert_eq!(used(|_| None), "");
        assert_eq!(used(|_| Some(true)), "");
        assert_eq!(used(|_| Some(false)), "");
        // Right for good signatures, but blind to the message.
        let known: Vec<KnownAnswer> = serde_json::from_str(include_str!("known-answers.json")).unwrap();
        let key = |known: &KnownAnswer| Key::from_jwk(&known.jwk, &[known.alg]).unwrap();
        let good: Vec<_> = known
            .iter()
            .map(|known| {
                let signature = URL_SAFE_NO_PAD.decode(&known.signature).unwrap();
                (known.message.clone(), key(known).openssl_form(&signature).unwrap().into_owned())
            })
            .collect();
        let (signatures, whole) = (good.clone(), good);
        assert_eq!(used(move |check| Some(signatures.iter().any(|(_, good)| good == check.signature))), "");
        let is_whole = move |check: &SignatureCheck<'_>| {
            whole.iter().any(|(message, good)| message.as_bytes() == check.message && good == check.signature)
        };
        assert_eq!(used(move |check| Some(is_whole(check))), "RS256, ES256, RS384, RS512, ES384");
    }
}
