use super::*;
use crate::{
    model::{
        Model,
        sample::{Pair, certificate, https, keyring, sound},
    },
    store::CertificateRow,
};

const NAMES: &[&str] = &["www.example.com", "*.Example.org"];

fn unfit(chain: &str, key: &str) -> String {
    let key = Secret::from(key.as_bytes().to_vec());
    Certificate::new("site", chain.to_owned(), key).expect_err("it is unfit").to_string()
}

/// What is wrong with the sound rows and this certificate.
fn problem(row: CertificateRow) -> String {
    let rows = Rows { listeners: vec![https("l", 443, &["site"])], certificates: vec![row], ..sound() };
    let problems = Model::parse(&rows, &keyring()).expect_err("it is wrong");
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].to_string()
}

#[test]
fn a_certificate_has_its_dns_names_and_expiry() {
    let site = Certificate::from_row(&certificate("site", NAMES), &keyring()).unwrap();
    let names: Vec<_> = site.dns_names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["www.example.com", "*.example.org"]);
    assert_eq!(
        (site.expiry.to_string().as_str(), site.expiry.seconds()),
        ("2126-01-31T00:00:00Z", 4_925_491_200)
    );
}

#[test]
fn a_certificate_needs_its_own_key() {
    let (site, other) = (Pair::new(NAMES), Pair::new(NAMES));
    assert_eq!(unfit(&site.chain, &other.key), "private_key: is not the key of the certificate");
    assert!(unfit(&site.chain, &site.chain).starts_with("private_key: holds no unencrypted private key"));
    assert!(unfit(&site.chain, "").starts_with("private_key: holds no unencrypted private key"));
    let broken = site.key.replace("\n-----END", "!\n-----END");
    assert_eq!(unfit(&site.chain, &broken), "private_key: is no well-formed PEM");
}

#[test]
fn keys_of_pkcs8_pkcs1_and_sec1_are_taken() {
    // Made by openssl: genpkey, rsa -traditional, ec.
    for (chain, key) in [
        (include_str!("testdata/rsa.pem"), include_str!("testdata/rsa-pkcs8-key.pem")),
        (include_str!("testdata/rsa.pem"), include_str!("testdata/rsa-pkcs1-key.pem")),
        (include_str!("testdata/ec.pem"), include_str!("testdata/ec-sec1-key.pem")),
    ] {
        let key = Secret::from(key.as_bytes().to_vec());
        assert_eq!(Certificate::new("site", chain.to_owned(), key).map(drop), Ok(()));
    }
}

#[test]
fn a_certificate_that_envoy_cannot_show_is_refused() {
    let pair = Pair::ed25519(NAMES);
    assert!(unfit(&pair.chain, &pair.key).contains("ECDSA"), "no Ed25519");
    let nameless = Pair::new(&[]);
    assert!(unfit(&nameless.chain, &nameless.key).contains("no DNS name"));
    let any = Pair::new(&["*"]);
    assert!(unfit(&any.chain, &any.key).contains("the name '*', which is no DNS name"));
}

#[test]
fn a_chain_that_is_none_is_refused() {
    let Pair { chain, key } = Pair::new(NAMES);
    assert_eq!(unfit("", &key), "chain: holds no certificate in PEM form");
    let broken = chain.replace("\n-----END", "!\n-----END");
    assert_eq!(unfit(&broken, &key), "chain: is no well-formed PEM");
    let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(unfit(&(chain.clone() + cut), &key), "chain: holds a certificate that cannot be parsed");
    // It would be stored in the clear.
    assert!(unfit(&(chain + &key), &key).starts_with("chain: holds a private key"));
}

#[test]
fn a_row_is_refused_without_its_encryption_key_and_under_another_name() {
    let row = certificate("site", NAMES);
    let stranger = crate::secrets::EncryptionKey::generate().unwrap().expose().parse().unwrap();
    let refused = Certificate::from_row(&row, &stranger).unwrap_err().to_string();
    assert!(refused.contains("which is not among FERROX_ENCRYPTION_KEYS"), "{refused}");
    let refused = Certificate::from_row(&row, &Keyring::default()).unwrap_err().to_string();
    assert!(refused.contains("FERROX_ENCRYPTION_KEYS is not set"), "{refused}");
    let renamed = CertificateRow { name: "other".to_owned(), ..row };
    let refused = Certificate::from_row(&renamed, &keyring()).unwrap_err().to_string();
    assert!(refused.contains("made for a row of another name"), "{refused}");
}

#[test]
fn a_row_says_when_its_certificate_expires() {
    let row = CertificateRow { not_after: "2126-01-31T00:00:01Z".to_owned(), ..certificate("site", NAMES) };
    assert_eq!(
        problem(row),
        "certificates 'site': field not_after: '2126-01-31T00:00:01Z' is not 2126-01-31T00:00:00Z, which the \
         certificate says"
    );
    let row = CertificateRow { private_key: "0x".to_owned(), ..certificate("site", NAMES) };
    assert_eq!(problem(row), "certificates 'site': field private_key: must be pairs of hex digits");
}

#[test]
fn nothing_that_prints_shows_a_key() {
    let row = certificate("site", NAMES);
    let certificate = Certificate::from_row(&row, &keyring()).unwrap();
    let key = String::from_utf8(certificate.private_key.expose().to_vec()).unwrap();
    let middle = key.lines().nth(1).unwrap();
    let rows = Rows { certificates: vec![row], ..sound() };
    let shown = format!("{certificate:?} {rows:?} {:?}", Model::parse(&rows, &keyring()).unwrap());
    assert!(shown.contains("site") && !shown.contains(middle), "{shown}");
    assert!(!serde_json::to_string(&rows).unwrap().contains(middle));
}
