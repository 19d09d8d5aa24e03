//! What runs: the Envoys, and how often auth has signatures verified.

use std::{fs, path::Path, time::Duration};

use ferrox_testbed::{
    bench::{Failure, bed},
    binaries,
    ports::Port,
};
use tempfile::TempDir;

use crate::{
    configuration::{self, Modules},
    variant::Variant,
};

/// What runs. It ends when this value is dropped.
pub(crate) struct Bed {
    envoys: bed::Bed,
    _folder: TempDir,
}

impl Bed {
    pub(crate) async fn start(variants: &[Variant]) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("ferrox-bench-auth-").tempdir()?;
        let served = configuration::served(variants, &modules(folder.path())?);
        let envoys = bed::Bed::start(folder.path(), &served, &[]).await?;
        Ok(Self { envoys, _folder: folder })
    }

    /// The listener of each variant.
    pub(crate) fn listeners(&self) -> &[Port] {
        self.envoys.listeners()
    }

    /// Processor time of the measured Envoy so far.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        self.envoys.cpu()
    }

    /// How many signatures auth has had verified so far.
    pub(crate) async fn verified(&self) -> Result<u64, Failure> {
        let stats = self.envoys.stats().await?;
        let counter = |name: &str| stats.get(name).copied().unwrap_or(0);
        let [by_envoy, in_wasm] =
            ["by_envoy", "in_wasm"].map(|by| counter(&format!("wasmcustom.ferrox.auth.signatures.{by}")));
        Ok(by_envoy + in_wasm)
    }
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
