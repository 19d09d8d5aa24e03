//! Envoy as a process.

use std::{collections::BTreeMap, fs, path::Path};

use rustix::process::Signal;

use crate::{
    Error, binaries,
    bootstrap::Bootstrap,
    ports::Port,
    process::{Program, Service},
    wait::{answers_ok, client},
    watchdog::Ending,
};

/// Worker threads, unless it is said otherwise: two, so that what they share is shared.
const WORKERS: u16 = 2;

/// A running Envoy.
pub struct Envoy {
    service: Service,
    admin: Port,
    /// `None` if its configuration is not the control plane's.
    status: Option<Port>,
    node: String,
}

/// The ports of an Envoy's own.
pub struct EnvoyPorts {
    /// Of its admin interface.
    pub admin: Port,
    /// Of the listener on which others may read its statistics.
    pub status: Port,
}

impl EnvoyPorts {
    /// Free ports.
    ///
    /// # Errors
    /// When there are none.
    pub fn free() -> Result<Self, Error> {
        Ok(Self { admin: Port::free()?, status: Port::free()? })
    }
}

impl Envoy {
    /// Starts an Envoy of the control plane's with its log in `folder`, and waits until it is ready.
    ///
    /// # Errors
    /// When Envoy is not installed or does not start.
    pub async fn start_in(
        folder: &Path,
        ports: EnvoyPorts,
        bootstrap: &Bootstrap<'_>,
    ) -> Result<Self, Error> {
        let text = bootstrap.text(&ports)?;
        let mut this =
            Self::prepare(folder, bootstrap.node, ports.admin, Some(ports.status), &text, WORKERS)?;
        this.start().await?;
        Ok(this)
    }

    /// Starts an Envoy from any configuration whose admin interface is at `admin`, and waits until it is ready.
    ///
    /// # Errors
    /// When Envoy is not installed or does not start.
    pub async fn start_from(folder: &Path, node: &str, admin: Port, bootstrap: &str) -> Result<Self, Error> {
        Self::start_with_workers(folder, node, admin, bootstrap, WORKERS).await
    }

    /// As [`Envoy::start_from`], with so many worker threads.
    ///
    /// # Errors
    /// When Envoy is not installed or does not start.
    pub async fn start_with_workers(
        folder: &Path,
        node: &str,
        admin: Port,
        bootstrap: &str,
        workers: u16,
    ) -> Result<Self, Error> {
        let mut this = Self::prepare(folder, node, admin, None, bootstrap, workers)?;
        this.start().await?;
        Ok(this)
    }

    /// As [`Envoy::start_in`] with any text, but waits only until the admin interface answers: for an Envoy that nobody gives a
    /// configuration.
    ///
    /// # Errors
    /// When Envoy is not installed or does not start.
    pub async fn launch_from(
        folder: &Path,
        node: &str,
        ports: EnvoyPorts,
        bootstrap: &str,
    ) -> Result<Self, Error> {
        let mut this = Self::prepare(folder, node, ports.admin, Some(ports.status), bootstrap, WORKERS)?;
        let (client, url) = (client()?, this.url("/server_info"));
        this.service.start(async || answers_ok(&client, &url).await).await?;
        Ok(this)
    }

    fn prepare(
        folder: &Path,
        node: &str,
        admin: Port,
        status: Option<Port>,
        bootstrap: &str,
        workers: u16,
    ) -> Result<Self, Error> {
        let path = folder.join(format!("{node}.yaml"));
        fs::write(&path, bootstrap).map_err(Error::io(format!("writing {}", path.display())))?;
        let mut args = vec!["--config-path".into(), path.into_os_string()];
        args.extend(["--disable-hot-restart", "--log-level", "info", "--concurrency"].map(Into::into));
        args.push(workers.to_string().into());
        let service = Service::new(Program {
            name: node.to_owned(),
            path: binaries::envoy()?,
            args,
            env: Vec::new(),
            directory: folder.to_path_buf(),
            log: folder.join(format!("{node}.log")),
            user: None,
            stop: Signal::TERM,
            ending: Ending::Kill,
        });
        Ok(Self { service, admin, status, node: node.to_owned() })
    }

    /// Starts it again, on its ports, and waits until it is ready.
    ///
    /// # Errors
    /// When it is not.
    pub async fn start(&mut self) -> Result<(), Error> {
        let (client, url) = (client()?, self.url("/ready"));
        self.service.start(async || answers_ok(&client, &url).await).await
    }

    /// URL of a path of the admin port.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin.address())
    }

    /// URL of a path of its status listener.
    ///
    /// # Errors
    /// When it has none.
    pub fn status_url(&self, path: &str) -> Result<String, Error> {
        let port = self.status.as_ref().ok_or_else(|| Error::Missing {
            what: "a status listener".to_owned(),
            hint: "start Envoy with a bootstrap of the control plane's",
        })?;
        Ok(format!("http://{}{path}", port.address()))
    }

    /// The id of its node.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// The value of a counter or gauge; 0 while Envoy has none of that name.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn stat(&self, name: &str) -> Result<u64, Error> {
        Ok(self.stats().await?.get(name).copied().unwrap_or(0))
    }

    /// Every counter and gauge.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn stats(&self) -> Result<BTreeMap<String, u64>, Error> {
        let text = client()?.get(self.url("/stats")).send().await?.error_for_status()?.text().await?;
        let values = text.lines().filter_map(|line| line.split_once(": "));
        Ok(values.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
    }

    /// The process.
    pub fn service(&mut self) -> &mut Service {
        &mut self.service
    }

    /// The end of the log, for a person.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        self.service.log_tail(lines)
    }
}
