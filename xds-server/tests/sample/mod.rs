//! A configuration that has something of everything, translated.

mod rows;

use ferrox_xds_server::{
    model::Model,
    snapshot::Snapshot,
    translate::{Settings, Translator},
};

/// What a gateway of the sample runs: `ferrox`, or `edge`, which shards by host.
pub(crate) fn snapshot(gateway: &str) -> Snapshot {
    let model = Model::parse(&rows::rows()).expect("the sample has no problems");
    let settings = Settings {
        listener: "0.0.0.0:8080".parse().unwrap(),
        wasm_dir: "/etc/ferrox/wasm".into(),
        sidecar: "127.0.0.1:7000".parse().unwrap(),
    };
    let mut gateways = Translator::new(settings).translate(&model);
    Snapshot::new(gateways.remove(gateway).expect("a gateway of the sample"))
}
