//! A configuration that has something of everything, translated.

mod rows;

use ferrox_xds_server::{model::Model, snapshot::Snapshot, translate};

pub(crate) fn snapshot() -> Snapshot {
    let model = Model::parse(&rows::rows()).expect("the sample has no problems");
    let settings = translate::Settings {
        listener: "0.0.0.0:8080".parse().unwrap(),
        wasm_dir: "/etc/ferrox/wasm".into(),
        sidecar: "127.0.0.1:7000".parse().unwrap(),
    };
    let mut gateways = translate::translate(&model, &settings);
    Snapshot::new(gateways.remove("ferrox").expect("the gateway that is always there"))
}
