//! The example of a plain Envoy.

use std::fs;

use ferrox_testbed::{binaries, envoy::Envoy, ports::Port, tokens::Issuer};
use serde_json::json;

use super::proxy::in_an_hour;

/// What stands for the key of the issuer in the example.
const KEY: &str = r#"{"kty": "OKP", "crv": "Ed25519", "kid": "2026-01", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// An example of the documentation with free ports, the compiled filters and a key of the test in the place of its own.
fn example(name: &str, admin: &Port, listener: &Port, issuer: &Issuer) -> String {
    let path = binaries::workspace().join("envoy/standalone").join(name);
    let wasm = binaries::wasm().unwrap();
    let mut text = fs::read_to_string(path).unwrap();
    for (default, value) in [
        ("port_value: 9901", format!("port_value: {}", admin.number())),
        ("port_value: 10000", format!("port_value: {}", listener.number())),
        ("/etc/ferrox/wasm", wasm.display().to_string()),
        (KEY, issuer.jwks().unwrap()["keys"][0].to_string()),
    ] {
        assert_eq!(text.matches(default).count(), 1, "{default}");
        text = text.replace(default, &value);
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn auth_alone_takes_its_policies_from_the_plugin_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let (admin, listener) = (Port::free().unwrap(), Port::free().unwrap());
    let issuer = Issuer::eddsa("2026-01").unwrap();
    let text = example("auth.yaml", &admin, &listener, &issuer);
    let _envoy = Envoy::start_from(folder.path(), "standalone", admin, &text).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let status = async |path: &str, name: &str, value: &str| {
        let request = client.get(format!("http://{}{path}", listener.address()));
        request.header(name, value).send().await.unwrap().status().as_u16()
    };
    assert_eq!(status("/reports", "x-api-key", "example-key").await, 200);
    assert_eq!(status("/reports", "x-api-key", "guess").await, 401);
    assert_eq!(status("/health", "x-api-key", "guess").await, 200);
    assert_eq!(status("/healthy", "x-api-key", "guess").await, 401);
    assert_eq!(status("/health/../reports", "x-api-key", "guess").await, 401);

    let token = |scope: &str, issuer: &Issuer| {
        let claims = json!({"iss": "https://id.example.com", "aud": "reports", "sub": "alice", "scope": scope, "exp": in_an_hour()});
        format!("Bearer {}", issuer.token(&claims).unwrap())
    };
    assert_eq!(status("/reports", "authorization", &token("reports:read", &issuer)).await, 200);
    assert_eq!(status("/reports", "authorization", &token("", &issuer)).await, 403);
    let other = Issuer::eddsa("2026-01").unwrap();
    assert_eq!(status("/reports", "authorization", &token("reports:read", &other)).await, 401);
}
