//! The Redis sidecar as a process.

use std::path::Path;

use rustix::process::Signal;

use crate::{
    Error, binaries,
    ports::Port,
    process::{Program, Service},
    wait::{answers_ok, client},
    watchdog::Ending,
};

/// A running `ferrox-redis-sidecar`.
pub struct Sidecar {
    service: Service,
    port: Port,
}

impl Sidecar {
    /// Starts it with its log in `folder`, in front of the Redis at `redis_url`.
    ///
    /// # Errors
    /// When it is not built or does not start.
    pub async fn start_in(folder: &Path, port: Port, redis_url: &str) -> Result<Self, Error> {
        let service = Service::new(Program {
            name: "sidecar".to_owned(),
            path: binaries::ours("ferrox-redis-sidecar")?,
            args: Vec::new(),
            env: vec![
                ("FERROX_SIDECAR_LISTEN", port.address().to_string()),
                ("FERROX_REDIS_URL", redis_url.to_owned()),
                // A busy machine is no failure: the filters' own time limit holds.
                ("FERROX_SIDECAR_TIMEOUT_MS", "1000".to_owned()),
                ("FERROX_SIDECAR_CACHE_TIMEOUT_MS", "1000".to_owned()),
            ],
            directory: folder.to_path_buf(),
            log: folder.join("sidecar.log"),
            user: None,
            stop: Signal::TERM,
            ending: Ending::Kill,
        });
        let mut this = Self { service, port };
        this.start().await?;
        Ok(this)
    }

    /// Starts it again, on its port, and waits until it answers; whether Redis does is another matter.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start(&mut self) -> Result<(), Error> {
        let (client, url) = (client()?, self.url("/healthz"));
        self.service.start(async || answers_ok(&client, &url).await).await
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> String {
        self.port.address().to_string()
    }

    /// URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.port.address())
    }

    /// The process.
    pub fn service(&mut self) -> &mut Service {
        &mut self.service
    }
}
