//! What runs: the Envoys and the services.

use ferrox_testbed::{
    bench::{Failure, bed},
    binaries,
};
use tempfile::TempDir;

use crate::{
    configuration::{self, Modules},
    services::Services,
    variant::{Service, Variant},
};

/// What runs. It ends when this value is dropped.
pub(crate) struct Bed {
    pub(crate) envoys: bed::Bed,
    pub(crate) services: Services,
    _folder: TempDir,
}

impl Bed {
    pub(crate) async fn start(variants: &[Variant]) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("ferrox-bench-rate-limit-").tempdir()?;
        let wasm = binaries::wasm()?;
        let modules =
            Modules { rate_limit: wasm.join("ferrox_rate_limit.wasm"), empty: wasm.join("empty.wasm") };
        let needed = variants.iter().filter_map(|variant| variant.filter.asks());
        let services = Services::start(folder.path(), needed).await?;
        let served = configuration::served(variants, &modules);
        let clusters = configuration::clusters(&services.ports());
        let envoys = bed::Bed::start(folder.path(), &served, &clusters).await?;
        Ok(Self { envoys, services, _folder: folder })
    }

    /// How often Envoy has asked a service.
    pub(crate) async fn asked(&self, service: Service) -> Result<u64, Failure> {
        let counter = format!("cluster.{}.upstream_rq_total", service.name());
        Ok(self.envoys.stats().await?.get(&counter).copied().unwrap_or(0))
    }
}
