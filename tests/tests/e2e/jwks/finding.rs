//! Issuers that say themselves where their keys are (OpenID Connect Discovery).

use ferrox_testbed::{gateway::GatewayOptions, tokens::Issuer, upstream::Upstream};
use serde_json::json;

use super::{Publisher, failed, passes, start, status, token};

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_found_by_discovery_and_another_issuer_s_configuration_is_refused() {
    let (upstream, publisher) = (Upstream::start_new("u").unwrap(), Publisher::new());
    let issuer = Issuer::es256("k").unwrap();
    publisher.keys(&[&issuer]);
    let iss = publisher.url("");
    let configuration = |issuer: &str, jwks_uri: &str| {
        publisher.publish(WELL_KNOWN, &json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string());
    };
    configuration("https://other.test", &publisher.url("/keys"));
    let provider = publisher.provider_with(&format!("discovery = true, issuer = '{iss}'"));
    let gateway = start(&provider, &upstream, GatewayOptions::default()).await;
    failed(&gateway, "is the configuration of another issuer").await;
    assert_eq!(publisher.fetches(), 0);
    assert_ne!(status(&gateway, &token(&issuer, &iss)).await, 200);

    configuration(&iss, "file:///etc/passwd");
    failed(&gateway, "names a jwks_uri that is no https URL").await;
    configuration(&iss, &publisher.url("/keys"));
    passes(&gateway, &issuer, &iss).await;
}
