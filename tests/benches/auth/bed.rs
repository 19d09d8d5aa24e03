//! What runs: the Envoy that is measured, and another one as its upstream.

use std::{fs, path::Path, time::Duration};

use ferrox_testbed::{binaries, cpu, envoy::Envoy, ports::Port};
use tempfile::TempDir;

use crate::{
    Failure,
    configuration::{self, Modules},
    variant::Variant,
};

/// What runs. It ends when this value is dropped.
pub(crate) struct Bed {
    measured: Envoy,
    process: u32,
    /// The listener of each variant.
    pub(crate) listeners: Vec<Port>,
    _upstream: Envoy,
    _ports: [Port; 2],
    _folder: TempDir,
}

impl Bed {
    pub(crate) async fn start(variants: &[Variant]) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("ferrox-bench-auth-").tempdir()?;
        let (upstream, idle) = (Port::free()?, Port::free()?);
        let answers = configuration::upstream(upstream.number());
        let upstream_envoy = start(folder.path(), "upstream", &answers).await?;
        let listeners = variants.iter().map(|_| Port::free()).collect::<Result<Vec<_>, _>>()?;
        let ports: Vec<_> = listeners.iter().map(Port::number).collect();
        let config = configuration::measured(variants, &ports, upstream.number(), &modules(folder.path())?);
        let mut measured = start(folder.path(), "measured", &config).await?;
        let process = measured.service().id().ok_or("Envoy does not run")?;
        Ok(Self {
            measured,
            process,
            listeners,
            _upstream: upstream_envoy,
            _ports: [upstream, idle],
            _folder: folder,
        })
    }

    /// Processor time of the measured Envoy so far.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        Ok(cpu::used(self.process)?)
    }

    /// How many signatures auth has had verified so far.
    pub(crate) async fn verified(&self) -> Result<u64, Failure> {
        let stats = self.measured.stats().await?;
        let counter = |name: &str| stats.get(name).copied().unwrap_or(0);
        let [by_envoy, in_wasm] =
            ["by_envoy", "in_wasm"].map(|by| counter(&format!("wasmcustom.ferrox.auth.signatures.{by}")));
        Ok(by_envoy + in_wasm)
    }
}

async fn start(folder: &Path, name: &str, config: &serde_json::Value) -> Result<Envoy, Failure> {
    let admin = Port::free()?;
    let mut config = config.clone();
    if let Some(members) = config.as_object_mut() {
        members.insert(
            "admin".to_owned(),
            serde_json::json!({"address": configuration::address(admin.number())}),
        );
    }
    Ok(Envoy::start_with_workers(folder, name, admin, &config.to_string(), 1).await?)
}

fn modules(folder: &Path) -> Result<Modules, Failure> {
    let wasm = binaries::wasm()?;
    let modules = Modules {
        auth: wasm.join("ferrox_auth.wasm"),
        empty: wasm.join("empty.wasm"),
        all_in_wasm: folder.join("all_in_wasm.wasm"),
    };
    fs::write(&modules.all_in_wasm, without_foreign_function(fs::read(&modules.auth)?)?)?;
    Ok(modules)
}

/// The module with another name for Envoy's function, one that Envoy does not have.
fn without_foreign_function(mut module: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let (name, other) = (b"verify_signature", b"verify_signaturE");
    let places: Vec<_> =
        module.windows(name.len()).enumerate().filter(|(_, bytes)| bytes == name).map(|(at, _)| at).collect();
    if places.is_empty() {
        return Err("the auth filter never asks Envoy for verify_signature".into());
    }
    for at in places {
        module.splice(at..at + name.len(), *other);
    }
    Ok(module)
}
