//! What stands behind the filters: each service with a Redis of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use ferrox_testbed::{
    bench::{
        Failure,
        limitador::{Limitador, Storage},
    },
    cpu,
    ports::Port,
    redis::Redis,
    sidecar::{Place, Sidecar},
};

use crate::variant::Service;

/// The services that are asked. They end when this value is dropped.
pub(crate) struct Services(BTreeMap<Service, Running>);

struct Running {
    port: u16,
    process: u32,
    redis: u32,
    _held: (Held, Redis),
}

/// What keeps a process running.
enum Held {
    Sidecar { _sidecar: Sidecar },
    Limitador { _limitador: Limitador },
}

/// Processor time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) service: Duration,
    pub(crate) redis: Duration,
}

impl Spent {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            service: self.service.saturating_sub(before.service),
            redis: self.redis.saturating_sub(before.redis),
        }
    }
}

impl Services {
    pub(crate) async fn start(folder: &Path, needed: impl Iterator<Item = Service>) -> Result<Self, Failure> {
        let mut running = BTreeMap::new();
        for service in needed.collect::<BTreeSet<_>>() {
            running.insert(service, Running::start(&folder.join(service.name()), service).await?);
        }
        Ok(Self(running))
    }

    /// The port of each.
    pub(crate) fn ports(&self) -> BTreeMap<Service, u16> {
        self.0.iter().map(|(service, running)| (*service, running.port)).collect()
    }

    /// Processor time of a service and its Redis so far.
    pub(crate) fn cpu(&self, service: Service) -> Result<Spent, Failure> {
        let running = self.0.get(&service).ok_or("the service does not run")?;
        Ok(Spent { service: cpu::used(running.process)?, redis: cpu::used(running.redis)? })
    }
}

impl Running {
    async fn start(folder: &Path, service: Service) -> Result<Self, Failure> {
        fs::create_dir(folder)?;
        let mut redis = Redis::start_in(folder, Port::free()?).await?;
        let redis_process = redis.service().id().ok_or("Redis does not run")?;
        let limitador = async |storage| Limitador::start_in(folder, storage, &redis.url()).await;
        let (port, process, held) = match service {
            Service::Sidecar => {
                let port = Port::free()?;
                let number = port.number();
                let mut sidecar = Sidecar::start_in(folder, Place::Port(port), &redis.url()).await?;
                (number, sidecar.service().id(), Held::Sidecar { _sidecar: sidecar })
            }
            Service::LimitadorExact | Service::LimitadorCached => {
                let is_exact = service == Service::LimitadorExact;
                let mut limitador =
                    limitador(if is_exact { Storage::Exact } else { Storage::Cached }).await?;
                (limitador.port(), limitador.service().id(), Held::Limitador { _limitador: limitador })
            }
        };
        let process = process.ok_or("the service does not run")?;
        Ok(Self { port, process, redis: redis_process, _held: (held, redis) })
    }
}
