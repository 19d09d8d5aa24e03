//! What runs: the Envoy that is measured, and another one as its upstream.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde_json::{Value, json};

use super::{
    Failure,
    configuration::{self, Served},
};
use crate::{cpu, envoy::Envoy, ports::Port};

/// What runs. It ends when this value is dropped.
pub struct Bed {
    measured: Envoy,
    process: u32,
    listeners: Vec<Port>,
    _upstream: (Envoy, Port),
}

impl Bed {
    /// Starts both with their files in `folder`. The measured one has one worker, and `clusters` besides the upstream.
    ///
    /// # Errors
    /// When Envoy is not installed or does not start.
    pub async fn start(folder: &Path, served: &[Served], clusters: &[Value]) -> Result<Self, Failure> {
        let port = Port::free()?;
        let upstream = start(folder, "upstream", configuration::upstream(port.number())).await?;
        let listeners = served.iter().map(|_| Port::free()).collect::<Result<Vec<_>, _>>()?;
        let ports: Vec<_> = listeners.iter().map(Port::number).collect();
        let config = configuration::measured(served, &ports, port.number(), clusters);
        let mut measured = start(folder, "measured", config).await?;
        let process = measured.service().id().ok_or("Envoy does not run")?;
        Ok(Self { measured, process, listeners, _upstream: (upstream, port) })
    }

    /// The listeners, in the order of what they serve.
    #[must_use]
    pub fn listeners(&self) -> &[Port] {
        &self.listeners
    }

    /// Processor time of the measured Envoy so far.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu(&self) -> Result<Duration, Failure> {
        Ok(cpu::used(self.process)?)
    }

    /// Every counter and gauge of the measured Envoy.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn stats(&self) -> Result<BTreeMap<String, u64>, Failure> {
        Ok(self.measured.stats().await?)
    }
}

async fn start(folder: &Path, name: &str, mut config: Value) -> Result<Envoy, Failure> {
    let admin = Port::free()?;
    if let Some(members) = config.as_object_mut() {
        members.insert("admin".to_owned(), json!({"address": configuration::address(admin.number())}));
    }
    Ok(Envoy::start_with_workers(folder, name, admin, &config.to_string(), 1).await?)
}
