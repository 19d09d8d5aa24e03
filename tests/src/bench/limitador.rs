//! limitador as a process, as a rate limit service of Envoy.

use std::path::Path;

use rustix::process::Signal;
use tokio::net::TcpStream;

use crate::{
    Error, binaries,
    ports::Port,
    process::{Program, Service},
    watchdog::Ending,
};

/// A running limitador.
pub struct Limitador {
    service: Service,
    port: Port,
}

/// How it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// It asks Redis for each request.
    Exact,
    /// It counts in memory and tells Redis now and then.
    Cached,
}

impl Limitador {
    /// Starts it with its log in `folder`, in front of the Redis at `redis_url`.
    ///
    /// # Errors
    /// When it is not built or does not start.
    pub async fn start_in(folder: &Path, storage: Storage, redis_url: &str) -> Result<Self, Error> {
        let port = Port::free()?;
        let storage = match storage {
            Storage::Exact => "exact",
            Storage::Cached => "cached",
        };
        let service = Service::new(Program {
            name: "limitador".to_owned(),
            path: binaries::limitador()?,
            args: Vec::new(),
            env: vec![
                ("LIMITADOR_LISTEN", port.address().to_string()),
                ("LIMITADOR_REDIS_URL", redis_url.to_owned()),
                ("LIMITADOR_STORAGE", storage.to_owned()),
            ],
            directory: folder.to_path_buf(),
            log: folder.join("limitador.log"),
            user: None,
            stop: Signal::TERM,
            ending: Ending::Kill,
        });
        let mut this = Self { service, port };
        let address = this.port.address();
        this.service.start(async || TcpStream::connect(address).await.is_ok()).await?;
        Ok(this)
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The process.
    pub fn service(&mut self) -> &mut Service {
        &mut self.service
    }
}
