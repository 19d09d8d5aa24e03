//! A configuration that has something of everything, translated.

mod rows;

use ferrox_policy::auth::{USAGE_PATH, UsageReports};
use ferrox_xds_server::{
    model::Model,
    secrets::Keyring,
    snapshot::Snapshot,
    translate::{Settings, Translator},
};

/// The key that the sample's certificates are encrypted with: the bytes 0 to 31.
const ENCRYPTION_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// What a gateway of the sample runs: `ferrox`, or `edge`, which shards by host and has no listener of its own.
pub(crate) fn snapshot(gateway: &str) -> Snapshot {
    let keyring: Keyring = ENCRYPTION_KEY.parse().expect("a key");
    let model = Model::parse(&rows::rows(), &keyring).expect("the sample has no problems");
    let settings = Settings {
        listener: "0.0.0.0:8080".parse().unwrap(),
        wasm_dir: "/etc/ferrox/wasm".into(),
        sidecar: "127.0.0.1:7000".parse().unwrap(),
        trusted_ca: "/etc/ssl/certs/ca-certificates.crt".into(),
        key_usage: Some(UsageReports {
            cluster: "ferrox_xds".to_owned(),
            authority: None,
            path: USAGE_PATH.to_owned(),
            interval_seconds: 10,
            timeout_ms: 2000,
            gateway: None,
        }),
    };
    let mut gateways = Translator::new(settings).translate(&model);
    Snapshot::new(gateways.remove(gateway).expect("a gateway of the sample"))
}
