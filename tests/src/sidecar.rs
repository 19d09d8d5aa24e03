//! The Redis sidecar as a process.

use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::{
    Error, binaries,
    ports::Port,
    process::{Program, Service},
    wait::{answers_ok, client, client_builder},
    watchdog::Ending,
};

/// A running `ferrox-redis-sidecar`.
pub struct Sidecar {
    service: Service,
    place: Place,
}

/// Where a sidecar listens.
pub enum Place {
    /// On a port.
    Port(Port),
    /// On a Unix socket of this path.
    Socket(PathBuf),
}

impl Place {
    /// As the settings of the sidecar and of the control plane have it.
    fn setting(&self) -> String {
        match self {
            Self::Port(port) => port.address().to_string(),
            Self::Socket(path) => format!("unix:{}", path.display()),
        }
    }
}

impl Sidecar {
    /// Starts it with its log in `folder`, in front of the Redis at `redis_url`.
    ///
    /// # Errors
    /// When it is not built or does not start.
    pub async fn start_in(folder: &Path, place: Place, redis_url: &str) -> Result<Self, Error> {
        let service = Service::new(Program {
            name: "sidecar".to_owned(),
            path: binaries::ours("ferrox-redis-sidecar")?,
            args: Vec::new(),
            env: vec![
                ("FERROX_SIDECAR_LISTEN", place.setting()),
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
        let mut this = Self { service, place };
        this.start().await?;
        Ok(this)
    }

    /// Starts it again, at its place, and waits until it answers; whether Redis does is another matter.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start(&mut self) -> Result<(), Error> {
        let (client, url) = (self.client()?, self.url("/healthz"));
        self.service.start(async || answers_ok(&client, &url).await).await
    }

    /// Host and port, or the socket.
    #[must_use]
    pub fn address(&self) -> String {
        self.place.setting()
    }

    /// URL of a path. A socket has no name of its own: any name leads there with a client for it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        match &self.place {
            Place::Port(port) => format!("http://{}{path}", port.address()),
            Place::Socket(_) => format!("http://sidecar{path}"),
        }
    }

    fn client(&self) -> Result<reqwest::Client, Error> {
        match &self.place {
            Place::Port(_) => client(),
            Place::Socket(path) => Ok(client_builder().unix_socket(path.clone()).build()?),
        }
    }

    /// The process.
    pub fn service(&mut self) -> &mut Service {
        &mut self.service
    }
}
