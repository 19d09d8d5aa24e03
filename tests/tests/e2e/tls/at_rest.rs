//! Keys of certificates where people may look: none can be read.

use ferrox_testbed::{bootstrap::Protocol, upstream::Upstream, wait::eventually};
use rcgen::CertificateParams;
use sqlx::Connection as _;

use super::{ENCRYPTION_KEY, Site, gateway, show, shown_to};
use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn no_key_can_be_read_from_the_database_a_log_or_an_answer() {
    let upstream = Upstream::start_new("u").unwrap();
    let site = Site::new(&["site.test"]);
    let mut gateway = gateway(Protocol::Delta, &upstream, &[("site", &site)]).await;
    show(&gateway, "site", "null").await;
    eventually("the release is recorded", async || {
        !gateway.status().await.unwrap()["release"]["id"].is_null()
    })
    .await
    .unwrap();
    let mut connection = gateway.connect().await.unwrap();
    let dump: String = sqlx::query_scalar(
        "select (select string_agg(rows::text, '') from releases)
             || (select string_agg(chain || encode(private_key, 'escape'), '') from certificates)",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    let text = async |url: String| gateway.client().get(url).send().await.unwrap().text().await.unwrap();
    let list = gateway.ferrox(&["certificate", "list"], ENCRYPTION_KEY).await.unwrap();
    let places = [
        ("database", dump),
        ("status", text(gateway.control_plane.url("/status")).await),
        ("metrics", text(gateway.control_plane.url("/metrics")).await),
        ("log", gateway.control_plane.log_tail(usize::MAX)),
        ("Envoy", text(gateway.envoy_url("/config_dump?include_eds").unwrap()).await),
        ("Envoy's log", gateway.envoy().unwrap().log_tail(usize::MAX)),
        ("list", String::from_utf8(list.stdout).unwrap()),
    ];
    let (line, certificate_line) = (site.key.lines().nth(1).unwrap(), site.chain.lines().nth(1).unwrap());
    for (place, text) in &places {
        assert!(!text.contains(line) && !text.contains(ENCRYPTION_KEY), "{place}");
    }
    assert!(places[0].1.contains(certificate_line), "the dump is one");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_encryption_key_a_certificate_is_refused_with_the_reason() {
    let upstream = Upstream::start_new("u").unwrap();
    let site = Site::new(&["site.test"]);
    let gateway = gateway(Protocol::Delta, &upstream, &[("site", &site)]).await;
    let check = async |keys: &str| gateway.ferrox(&["check"], keys).await.unwrap();
    assert!(check(ENCRYPTION_KEY).await.status.success());
    let other = gateway.ferrox(&["encryption-key"], "").await.unwrap();
    let other = String::from_utf8(other.stdout).unwrap();
    let refused = |output: std::process::Output| {
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let told = refused(check("").await);
    assert!(told.contains("certificates 'site': field private_key: there is no encryption key"), "{told}");
    let told = refused(check(other.trim()).await);
    assert!(told.contains("which is not among FERROX_ENCRYPTION_KEYS"), "{told}");
    let told = refused(check("c2VjcmV0").await);
    assert!(told.contains("key 1 is not 32 bytes") && !told.contains("c2VjcmV0"), "{told}");
    // Any of the keys will do.
    assert!(check(&format!("{},{ENCRYPTION_KEY}", other.trim())).await.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_the_row_of_another_name_is_refused_and_what_is_served_stays() {
    let upstream = Upstream::start_new("u").unwrap();
    let site = Site::new(&["site.test"]);
    let gateway = gateway(Protocol::Delta, &upstream, &[("site", &site)]).await;
    let port = show(&gateway, "site", "null").await;
    gateway
        .sql("insert into certificates select 'copy', chain, private_key, not_after from certificates")
        .await
        .unwrap();
    eventually("the row is refused", async || {
        let problems = gateway.status().await.unwrap()["problems"].to_string();
        problems.contains("certificates 'copy': field private_key: does not decrypt")
    })
    .await
    .unwrap();
    assert_eq!(shown_to(&port, Some("site.test")).await, Some(site.certificate));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_expires_is_told_and_keeps_no_change_from_being_served() {
    let upstream = Upstream::start_new("u").unwrap();
    let mut params = CertificateParams::new(["site.test".to_owned()]).unwrap();
    let (good, expiry) =
        (Site::new(&["site.test"]), std::time::SystemTime::now() + std::time::Duration::from_secs(10));
    params.not_after = expiry.into();
    let short = Site::of(params);
    let gateway = gateway(Protocol::Delta, &upstream, &[("site", &good)]).await;
    let port = show(&gateway, "site", "null").await;
    let output = short.put(&gateway, "site").await;
    assert!(output.status.success(), "{output:?}");
    let seconds = expiry.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let metric = "ferrox_xds_certificate_not_after_seconds{certificate=\"site\"}";
    eventually("its expiry is shown", async || {
        gateway.control_plane.metric(metric).await.unwrap() == seconds
    })
    .await
    .unwrap();
    eventually("its end is told", async || {
        gateway.control_plane.log_tail(20).contains("a certificate that is served has expired")
    })
    .await
    .unwrap();
    // It is shown on, beside changes of anything else; but nobody can write it again.
    gateway.sql(&rows::route("new", "u")).await.unwrap();
    eventually("the new release is served", async || {
        let status = gateway.status().await.unwrap();
        assert_eq!(status["problems"], serde_json::json!([]));
        let envoy = gateway.envoy_url("/config_dump?resource=dynamic_route_configs").unwrap();
        let dump = gateway.client().get(envoy).send().await.unwrap().text().await.unwrap();
        dump.contains("/new")
    })
    .await
    .unwrap();
    assert_eq!(shown_to(&port, Some("site.test")).await, Some(short.certificate));
    gateway.sql("update certificates set chain = chain").await.expect_err("it has expired");
}
