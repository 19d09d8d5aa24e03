//! The example of a WasmPlugin.

use std::fs;

use ferrox_testbed::{
    binaries,
    tokens::Issuer,
    upstream::{Answer, Upstream},
    wait::eventually,
};
use serde_json::{Value, json};

use super::proxy::{Proxy, in_an_hour};

/// The cluster that Istio makes of the example's ServiceEntry.
const CLUSTER: &str = "outbound|443||idp.example.com";

/// The `pluginConfig` of the example, which is JSON inside YAML and the last of its document.
fn plugin_config() -> Value {
    let path = binaries::workspace().join("envoy/istio/auth-wasmplugin.yaml");
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("\n  pluginConfig:\n").unwrap();
    let json = rest.split("\n---").next().unwrap();
    serde_json::from_str(json).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wasm_plugin_of_the_example_guards_what_istio_puts_it_before() {
    let issuer = Issuer::es256("1").unwrap();
    let idp = Upstream::start_new("idp").unwrap();
    let keys = issuer.jwks().unwrap().to_string();
    idp.answer("/keys", Answer { body: Some(keys.into()), ..Answer::default() });
    let proxy = Proxy::start(&plugin_config(), &[(CLUSTER, &idp)]).await;

    let claims = |audience: &str| json!({"iss": "https://idp.example.com", "aud": audience, "sub": "alice", "exp": in_an_hour()});
    let token = issuer.token(&claims("orders")).unwrap();
    eventually("keys are fetched", async || proxy.status(&token).await == 200).await.unwrap();
    assert_eq!(idp.last().unwrap().headers["host"], "idp.example.com");
    assert_eq!(proxy.status(&issuer.token(&claims("others")).unwrap()).await, 401);
    assert_eq!(proxy.get("/", "x-api-key", "example-key").await.status(), 200);
    assert_eq!(proxy.get("/", "x-api-key", "guess").await.status(), 401);
    assert_eq!(proxy.get("/", "x-ferrox-consumer", "acme").await.status(), 401);
    assert_eq!(proxy.get("/health", "x-api-key", "guess").await.status(), 200);
}
