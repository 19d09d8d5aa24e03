//! The real Envoy's word on a configuration, without running it. `FERROX_ENVOY` names the binary, if it is not the one that
//! `make setup` installed.

use std::{fs, process::Command};

use envoy_types::pb::envoy::config::bootstrap::v3::Bootstrap;
use prost::Message as _;

/// The last words of Envoy's dry run, when it refused.
pub(crate) fn refusal(bootstrap: &Bootstrap) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bootstrap.pb");
    fs::write(&path, bootstrap.encode_to_vec()).unwrap();
    let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ferrox/bin/envoy");
    let envoy = std::env::var_os("FERROX_ENVOY").unwrap_or_else(|| installed.into());
    let output = Command::new(&envoy)
        .args(["--mode", "validate", "--log-level", "error", "--config-path"])
        .arg(&path)
        .output()
        .unwrap_or_else(|error| panic!("{} (run 'make setup'): {error}", envoy.display()));
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}
