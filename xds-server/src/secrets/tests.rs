use super::*;

const HERE: Place<'_> = Place { table: "certificates", row: "site" };

fn key() -> String {
    EncryptionKey::generate().unwrap().expose()
}

fn keyring(keys: &[&str]) -> Keyring {
    keys.join(",").parse().unwrap()
}

fn secret() -> Secret {
    Secret::from(b"the key".to_vec())
}

#[test]
fn a_secret_is_read_by_every_key_and_written_by_the_first() {
    let (old, new) = (key(), key());
    let written = keyring(&[&old]).encrypt(HERE, &secret()).unwrap();
    let both = keyring(&[&new, &old]);
    assert_eq!(both.decrypt(HERE, &written), Ok(secret()));
    let again = both.encrypt(HERE, &secret()).unwrap();
    assert_eq!(keyring(&[&new]).decrypt(HERE, &again), Ok(secret()));
    assert!(matches!(keyring(&[&new]).decrypt(HERE, &written), Err(SecretError::UnknownKey { .. })));
    assert_eq!(Keyring::default().decrypt(HERE, &written), Err(SecretError::NoKey));
}

#[test]
fn a_secret_decrypts_in_its_own_row_alone() {
    let keys = keyring(&[&key()]);
    let written = keys.encrypt(HERE, &secret()).unwrap();
    for elsewhere in [Place { row: "other", ..HERE }, Place { table: "jwt_providers", ..HERE }] {
        assert_eq!(keys.decrypt(elsewhere, &written), Err(SecretError::Tampered));
    }
}

#[test]
fn a_changed_or_cut_ciphertext_is_refused() {
    let keys = keyring(&[&key()]);
    let written = keys.encrypt(HERE, &secret()).unwrap();
    for index in 0..written.len() {
        let mut changed = written.clone();
        changed[index] ^= 1;
        assert!(keys.decrypt(HERE, &changed).is_err(), "byte {index}");
        assert!(keys.decrypt(HERE, &written[..index]).is_err(), "{index} bytes");
    }
}

#[test]
fn equal_secrets_have_different_ciphertexts_that_hold_nothing_in_the_clear() {
    let keys = keyring(&[&key()]);
    let [a, b] = [(); 2].map(|()| keys.encrypt(HERE, &secret()).unwrap());
    assert_ne!(a, b);
    assert!(!a.windows(7).any(|bytes| bytes == secret().expose()));
}

#[test]
fn a_key_that_is_none_is_told_by_its_place_and_never_shown() {
    let bad = format!("{},c2hvcnQ=", key());
    let refused = bad.parse::<Keyring>().unwrap_err();
    assert_eq!(refused.to_string(), "key 2 is not 32 bytes in base64");
    assert!("".parse::<Keyring>().is_err());
    let text = key();
    let shown = format!("{:?} {:?}", keyring(&[&text]), secret());
    assert!(!shown.contains(&text) && !shown.contains("the key"), "{shown}");
}
