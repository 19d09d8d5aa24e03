//! The control plane as a process.

use std::path::Path;

use rustix::process::Signal;

use crate::{
    Error, binaries,
    ports::Port,
    process::{Program, Service},
    tls::TlsFiles,
    wait::{answers_ok, client},
    watchdog::Ending,
};

/// A running `ferrox serve`.
pub struct ControlPlane {
    service: Service,
    xds: Port,
    admin: Port,
}

/// What a control plane is told.
pub struct ControlPlaneOptions<'a> {
    /// What people call it; also the name of its log.
    pub name: &'a str,
    /// Where Envoys connect to.
    pub xds: Port,
    /// Where people and their tools connect to.
    pub admin: Port,
    /// URL of the database.
    pub database_url: &'a str,
    /// Host and port where every Envoy listens.
    pub listener: &'a str,
    /// Host and port of the sidecar.
    pub sidecar: &'a str,
    /// What it uses TLS to Envoys with, if it does.
    pub tls: Option<&'a TlsFiles>,
    /// What secrets in the database are encrypted with, if not what our own environment says.
    pub encryption_keys: Option<&'a str>,
}

impl ControlPlane {
    /// Starts it with its log in `folder`, and waits until it has read the database.
    ///
    /// # Errors
    /// When it or the filters are not built, or it does not start.
    pub async fn start_in(folder: &Path, options: ControlPlaneOptions<'_>) -> Result<Self, Error> {
        let ControlPlaneOptions { name, xds, admin, database_url, listener, sidecar, tls, encryption_keys } =
            options;
        let mut service = Service::new(Program {
            name: name.to_owned(),
            path: binaries::ours("ferrox")?,
            args: vec!["serve".into()],
            env: vec![
                ("FERROX_DATABASE_URL", database_url.to_owned()),
                ("FERROX_XDS_LISTEN", xds.address().to_string()),
                ("FERROX_ADMIN_LISTEN", admin.address().to_string()),
                ("FERROX_LISTENER", listener.to_owned()),
                ("FERROX_SIDECAR", sidecar.to_owned()),
                // As often as can be, for those who wait for it.
                ("FERROX_BREAKER_INTERVAL_SECONDS", "1".to_owned()),
                ("FERROX_KEY_USAGE_INTERVAL_SECONDS", "1".to_owned()),
                ("FERROX_WASM_DIR", binaries::wasm()?.display().to_string()),
            ],
            directory: folder.to_path_buf(),
            log: folder.join(format!("{name}.log")),
            user: None,
            stop: Signal::TERM,
            ending: Ending::Kill,
        });
        if let Some(TlsFiles { cert, key, authority }) = tls {
            service.set_variable("FERROX_XDS_TLS_CERT", &cert.display().to_string());
            service.set_variable("FERROX_XDS_TLS_KEY", &key.display().to_string());
            service.set_variable("FERROX_XDS_TLS_CLIENT_CA", &authority.display().to_string());
        }
        if let Some(keys) = encryption_keys {
            service.set_variable("FERROX_ENCRYPTION_KEYS", keys);
        }
        let mut this = Self { service, xds, admin };
        this.start().await?;
        Ok(this)
    }

    /// Starts it again, on its ports, and waits until it serves what the database holds.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start(&mut self) -> Result<(), Error> {
        let (client, url) = (client()?, self.url("/readyz"));
        self.service.start(async || answers_ok(&client, &url).await).await
    }

    /// Starts it again, on its ports, and waits only until it lives, whether it can read the database or not.
    ///
    /// # Errors
    /// When it does not.
    pub async fn launch(&mut self) -> Result<(), Error> {
        let (client, url) = (client()?, self.url("/healthz"));
        self.service.start(async || answers_ok(&client, &url).await).await
    }

    /// Its status.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn status(&self) -> Result<serde_json::Value, Error> {
        Ok(client()?.get(self.url("/status")).send().await?.error_for_status()?.json().await?)
    }

    /// What it knows of the breakers; `query` is empty or begins with `?`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn breakers(&self, query: &str) -> Result<serde_json::Value, Error> {
        let url = self.url(&format!("/breakers{query}"));
        Ok(client()?.get(url).send().await?.error_for_status()?.json().await?)
    }

    /// The sum of its metrics whose name, with labels if there are any, begins so.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn metric(&self, name: &str) -> Result<u64, Error> {
        let text = client()?.get(self.url("/metrics")).send().await?.error_for_status()?.text().await?;
        let values = text.lines().filter(|line| line.starts_with(name));
        Ok(values.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum())
    }

    /// URL of a path of the admin port.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin.address())
    }

    /// The port for Envoys.
    #[must_use]
    pub fn xds_port(&self) -> u16 {
        self.xds.number()
    }

    /// The end of the log, for a person.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        self.service.log_tail(lines)
    }

    /// The process.
    pub fn service(&mut self) -> &mut Service {
        &mut self.service
    }
}
