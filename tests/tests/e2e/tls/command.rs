//! `ferrox certificate`.

use std::process::Output;

use ferrox_testbed::{bootstrap::Protocol, upstream::Upstream};
use rcgen::{CertificateParams, date_time_ymd};

use super::{ENCRYPTION_KEY, Site, gateway, put, show};

fn refusal(output: Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_no_client_would_take_is_refused_and_nothing_is_written() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(Protocol::Delta, &upstream, &[]).await;
    let (site, other, nameless) = (Site::new(&["site.test"]), Site::new(&["site.test"]), Site::new(&[]));
    let told = refusal(put(&gateway, "site", &site.chain, &other.key).await);
    assert!(told.contains("key.pem is not the key of the certificate"), "{told}");
    let mut params = CertificateParams::new(["site.test".to_owned()]).unwrap();
    params.not_after = date_time_ymd(2020, 1, 31);
    let told = refusal(Site::of(params).put(&gateway, "site").await);
    assert!(told.contains("'site' expired at 2020-01-31T00:00:00Z"), "{told}");
    let told = refusal(nameless.put(&gateway, "site").await);
    assert!(told.contains("chain.pem has no DNS name"), "{told}");
    let told = refusal(put(&gateway, "site", &(site.chain.clone() + &site.key), &site.key).await);
    assert!(told.contains("chain.pem holds a private key"), "{told}");
    assert!(!told.contains(site.key.lines().nth(1).unwrap()));
    let told = refusal(site.put(&gateway, "Site").await);
    assert!(told.contains("'Site' is no name"), "{told}");
    assert_eq!(text(gateway.ferrox(&["certificate", "list"], "").await.unwrap()), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_listed_and_removed_once_nobody_uses_them() {
    let upstream = Upstream::start_new("u").unwrap();
    let site = Site::new(&["site.test", "*.site.test"]);
    let gateway = gateway(Protocol::Delta, &upstream, &[("site", &site)]).await;
    show(&gateway, "site", "null").await;
    let list = text(gateway.ferrox(&["certificate", "list"], "").await.unwrap());
    assert_eq!(list, "site\tsite.test,*.site.test\t4096-01-01T00:00:00Z\n");
    let remove = async || gateway.ferrox(&["certificate", "remove", "site"], "").await.unwrap();
    let told = refusal(remove().await);
    assert!(told.contains("certificate 'site' is used by listener l"), "{told}");
    gateway.sql("delete from listeners").await.unwrap();
    assert_eq!(text(remove().await), "");
    assert!(refusal(remove().await).contains("there is no certificate 'site'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_is_encrypted_anew_with_the_first_of_the_keys() {
    let upstream = Upstream::start_new("u").unwrap();
    let (api, site) = (Site::new(&["api.test"]), Site::new(&["site.test"]));
    let gateway = gateway(Protocol::Delta, &upstream, &[("api", &api), ("site", &site)]).await;
    let new = text(gateway.ferrox(&["encryption-key"], "").await.unwrap()).trim().to_owned();
    let run = async |args: &[&str], keys: &str| gateway.ferrox(args, keys).await.unwrap();
    let told = refusal(run(&["certificate", "reencrypt"], &new).await);
    assert!(told.contains("certificate 'api'"), "{told}");
    let both = format!("{new},{ENCRYPTION_KEY}");
    assert_eq!(text(run(&["certificate", "reencrypt"], &both).await), "2 certificates\n");
    assert!(run(&["check"], &new).await.status.success());
    refusal(run(&["check"], ENCRYPTION_KEY).await);
}
