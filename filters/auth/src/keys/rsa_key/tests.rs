use super::*;
use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_compact::{Algorithm as _, AlgorithmSignature, alg::Rsa};
use proptest::prelude::*;
use rsa::{
    BigUint, Pss, RsaPrivateKey,
    rand_core::OsRng,
    traits::{PrivateKeyParts, PublicKeyParts},
};
use serde::Deserialize;
use serde_json::Value;
use sha2::Digest;

/// What OpenSSL says of signatures of keys with a bit or seven more than whole octets.
#[derive(Deserialize)]
struct Group {
    from: String,
    alg: Algorithm,
    n: String,
    e: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: u32,
    comment: String,
    message: String,
    signature: String,
    valid: bool,
}

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[test]
fn what_openssl_says_of_a_signature_is_said() {
    let groups: Vec<Group> =
        serde_json::from_str(include_str!("../../../tests/data/rsa-signatures.json")).unwrap();
    for Group { from, alg, n, e, cases } in &groups {
        let key = RsaKey::new(bytes(n), bytes(e)).unwrap();
        for Case { id, comment, message, signature, valid } in cases {
            let said = key.verifies(*alg, &bytes(message), &bytes(signature));
            assert_eq!(said, *valid, "{from} {id}: {comment}");
            // As a number the same.
            let longer = [vec![0], bytes(signature)].concat();
            assert!(!key.verifies(*alg, &bytes(message), &longer), "{from} {id}: {comment}");
        }
    }
    let valid = groups.iter().flat_map(|group| &group.cases).filter(|case| case.valid).count();
    assert_eq!(valid, 12);
}

/// A key for tests, as the other implementation has it.
static PRIVATE_KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
    let keys: Value = serde_json::from_str(include_str!("../../../tests/data/test-only-keys.json")).unwrap();
    let jwk: JsonWebKey<'_> = serde_json::from_value(keys["rs256"].clone()).unwrap();
    RsaPrivateKey::try_from(&jwk).unwrap()
});

fn ours(key: &RsaPrivateKey) -> RsaKey {
    RsaKey::new(key.n().to_bytes_be(), key.e().to_bytes_be()).unwrap()
}

/// Octets of the modulus's length.
fn octets(key: &RsaPrivateKey, number: &BigUint) -> Vec<u8> {
    let octets = number.to_bytes_be();
    [vec![0; key.size() - octets.len()], octets].concat()
}

/// What a signature would be that recovers this.
fn signature_that_recovers(key: &RsaPrivateKey, encoded: &[u8]) -> Vec<u8> {
    octets(key, &BigUint::from_bytes_be(encoded).modpow(key.d(), key.n()))
}

fn recovered(key: &RsaPrivateKey, signature: &[u8]) -> Vec<u8> {
    octets(key, &BigUint::from_bytes_be(signature).modpow(key.e(), key.n()))
}

const NAMES: [&str; 6] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

/// Whether ours and the other implementation agree, and on what.
fn agreed(key: &RsaPrivateKey, name: &str, message: &[u8], signature: &[u8]) -> bool {
    let other = Rsa::with_name(name).verify_signature(
        &AlgorithmSignature::try_from_slice(signature).unwrap(),
        &key.to_public_key(),
        message,
    );
    assert_eq!(ours(key).verifies(Algorithm::from_name(name).unwrap(), message, signature), other);
    other
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn another_implementation_agrees_on_good_and_damaged_signatures(
        name in prop::sample::select(&NAMES[..]),
        message in prop::collection::vec(any::<u8>(), 0..200),
        place in any::<prop::sample::Index>(),
        bit in 0_u32..8,
    ) {
        let key = &*PRIVATE_KEY;
        let signature = Rsa::with_name(name).sign(key, &message).as_bytes().into_owned();
        assert!(agreed(key, name, &message, &signature));

        let damaged = |octets: &[u8]| {
            let (mut octets, place) = (octets.to_vec(), place.index(octets.len()));
            octets[place] ^= 1 << bit;
            octets
        };
        assert!(!agreed(key, name, &message, &damaged(&signature)));
        assert!(!agreed(key, name, &[&message[..], b"x"].concat(), &signature));
        // A bit of the encoding, which a signature that is damaged itself hardly ever hits alone.
        let encoded = damaged(&recovered(key, &signature));
        assert!(!agreed(key, name, &message, &signature_that_recovers(key, &encoded)));
    }

    #[test]
    fn the_power_is_right_for_any_exponent(
        exponent in (1_u64..1 << 32).prop_map(|half| 2 * half + 1),
        base in prop::collection::vec(any::<u8>(), 256),
    ) {
        let key = &*PRIVATE_KEY;
        let number = BigUint::from_bytes_be(&base) % key.n();
        let expected = number.modpow(&BigUint::from(exponent), key.n());
        let ours = RsaKey::new(key.n().to_bytes_be(), exponent.to_be_bytes().to_vec()).unwrap();
        assert_eq!(ours.recover(&octets(key, &number)), Some(octets(key, &expected)));
    }
}

/// The signature of one number has one form (RFC 8017 section 5.2.2, step 1).
#[test]
fn a_signature_is_below_the_modulus() {
    let key = &*PRIVATE_KEY;
    let name = "PS256";
    let signs = || Rsa::with_name(name).sign(key, b"m").as_bytes().into_owned();
    // The modulus begins with a5: some signature is small enough to have a second form of the same length.
    let second = |signature: &Vec<u8>| {
        let octets = (BigUint::from_bytes_be(signature) + key.n()).to_bytes_be();
        (octets.len() == signature.len()).then_some(octets)
    };
    let (signature, second) =
        std::iter::repeat_with(signs).find_map(|one| second(&one).map(|other| (one, other))).unwrap();
    assert!(ours(key).verifies(Algorithm::Ps256, b"m", &signature));
    assert!(!ours(key).verifies(Algorithm::Ps256, b"m", &second));
}

/// Others may choose the length of the salt (RFC 8017 section 9.1), a token may not (RFC 7518 section 3.5).
#[test]
fn the_salt_is_as_long_as_the_hash() {
    let key = &*PRIVATE_KEY;
    let verifies = |salt_bytes: usize| {
        let padding = Pss::new_with_salt::<Sha256>(salt_bytes);
        let signature = key.sign_with_rng(&mut OsRng, padding, &Sha256::digest(b"m")).unwrap();
        ours(key).verifies(Algorithm::Ps256, b"m", &signature)
    };
    assert!(verifies(32));
    // 222 leave no room for padding.
    for salt_bytes in [0, 1, 20, 31, 33, 48, 222] {
        assert!(!verifies(salt_bytes), "{salt_bytes}");
    }
}

/// What a lax parser would read the same hash from (RFC 8017 section 9.2, CVE-2006-4339).
#[test]
fn pkcs1_has_one_encoding() {
    let key = &*PRIVATE_KEY;
    let hash = Sha256::digest(b"m");
    let verifies = |kind: u8, filling: u8, info: &[u8], behind: &[u8]| {
        let rest = [&[0], info, &hash[..], behind].concat();
        let ones = vec![filling; key.size() - 2 - rest.len()];
        let encoded = [&[0, kind], &ones[..], &rest[..]].concat();
        ours(key).verifies(Algorithm::Rs256, b"m", &signature_that_recovers(key, &encoded))
    };
    let info = &emsa::SHA_256[..];
    assert!(verifies(1, 0xff, info, &[]));
    assert!(!verifies(2, 0xff, info, &[]), "another block type");
    assert!(!verifies(1, 0xfe, info, &[]), "another filling");
    assert!(!verifies(1, 0xff, info, &[0; 8]), "something behind the hash");
    assert!(!verifies(1, 0xff, &emsa::SHA_512, &[]), "another hash's name");
    assert!(!verifies(1, 0xff, &[], &[]), "no name of a hash");
    let without_null = [&[0x30, 0x2f, 0x30, 0x0b], &info[4..15], &info[17..]].concat();
    assert!(!verifies(1, 0xff, &without_null, &[]), "parameters that are absent");
    let long_form = [&[0x30, 0x81, 0x31], &info[2..]].concat();
    assert!(!verifies(1, 0xff, &long_form, &[]), "a length in its long form");
}

/// Each octet of an encoding that says something, with another value.
#[test]
fn an_encoding_with_a_mistake_is_none() {
    let key = &*PRIVATE_KEY;
    let good = Rsa::ps256().sign(key, b"m").as_bytes().into_owned();
    let encoded = recovered(key, &good);
    let verifies =
        |encoded: &[u8]| ours(key).verifies(Algorithm::Ps256, b"m", &signature_that_recovers(key, encoded));
    assert!(verifies(&encoded));
    let with = |place: usize, mask: u8| {
        let mut encoded = encoded.clone();
        encoded[place] ^= mask;
        encoded
    };
    // 256 octets: 190 of padding that are zero, a one, 32 of salt, 32 of hash, the trailer; the top bit belongs to none.
    for (place, mask) in [(0, 0x80), (0, 1), (100, 0xff), (189, 1), (190, 1), (191, 1), (223, 1), (255, 0x40)]
    {
        assert!(!verifies(&with(place, mask)), "{place}");
    }
}
