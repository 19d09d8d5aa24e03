//! A filter alone, in an Envoy without our control plane.

use std::fs;

use ferrox_testbed::{binaries, envoy::Envoy, ports::Port};

/// An example of the documentation with free ports and the compiled filters in the place of its own.
fn example(name: &str, admin: &Port, listener: &Port) -> String {
    let path = binaries::workspace().join("envoy/standalone").join(name);
    let wasm = binaries::wasm().unwrap();
    let mut text = fs::read_to_string(path).unwrap();
    for (default, value) in [
        ("port_value: 9901", format!("port_value: {}", admin.number())),
        ("port_value: 10000", format!("port_value: {}", listener.number())),
        ("/etc/ferrox/wasm", wasm.display().to_string()),
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
    let text = example("auth.yaml", &admin, &listener);
    let _envoy = Envoy::start_from(folder.path(), "standalone", admin, &text).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let status = async |path: &str, key: &str| {
        let request = client.get(format!("http://{}{path}", listener.address()));
        request.header("x-api-key", key).send().await.unwrap().status().as_u16()
    };
    assert_eq!(status("/reports", "example-key").await, 200);
    assert_eq!(status("/reports", "guess").await, 401);
    assert_eq!(status("/health", "guess").await, 200);
    assert_eq!(status("/healthy", "guess").await, 401);
    assert_eq!(status("/health/../reports", "guess").await, 401);
}
