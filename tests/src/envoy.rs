//! Envoy as a process, started from `envoy/bootstrap.yaml`.

use std::{fs, path::Path};

use rustix::process::Signal;

use crate::{
    Error, binaries,
    ports::Port,
    process::{Program, Service},
    wait::{answers_ok, client},
    watchdog::Ending,
};

/// The variant of xDS that an Envoy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Incremental: what has changed.
    #[default]
    Delta,
    /// State of the world: all of a type each time.
    Sotw,
}

/// A running Envoy.
pub struct Envoy {
    service: Service,
    admin: Port,
    node: String,
}

impl Envoy {
    /// Starts an Envoy with its log in `folder`, and waits until it has what the control plane gives it first.
    ///
    /// # Errors
    /// When Envoy is not installed or does not start.
    pub async fn start_in(
        folder: &Path,
        node: &str,
        admin: Port,
        xds_port: u16,
        protocol: Protocol,
    ) -> Result<Self, Error> {
        let template = binaries::workspace().join("envoy/bootstrap.yaml");
        let template =
            fs::read_to_string(&template).map_err(Error::io(format!("reading {}", template.display())))?;
        let bootstrap = fill(&template, node, admin.number(), xds_port, protocol)?;
        Self::start_from(folder, node, admin, &bootstrap).await
    }

    /// Starts an Envoy from any configuration whose admin interface is at `admin`, and waits until it is ready.
    ///
    /// # Errors
    /// When Envoy is not installed or does not start.
    pub async fn start_from(folder: &Path, node: &str, admin: Port, bootstrap: &str) -> Result<Self, Error> {
        let path = folder.join(format!("{node}.yaml"));
        fs::write(&path, bootstrap).map_err(Error::io(format!("writing {}", path.display())))?;
        let mut args = vec!["--config-path".into(), path.into_os_string()];
        args.extend(["--concurrency", "2", "--disable-hot-restart", "--log-level", "info"].map(Into::into));
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
        let mut this = Self { service, admin, node: node.to_owned() };
        this.start().await?;
        Ok(this)
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
        let text = client()?.get(self.url("/stats")).send().await?.error_for_status()?.text().await?;
        let mut values = text.lines().filter_map(|line| line.split_once(": "));
        Ok(values.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok()).unwrap_or(0))
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

/// Puts values in the place of the template's defaults. Each stands once, on a line that is marked.
fn fill(template: &str, node: &str, admin: u16, xds: u16, protocol: Protocol) -> Result<String, Error> {
    let api_type = match protocol {
        Protocol::Delta => "DELTA_GRPC",
        Protocol::Sotw => "GRPC",
    };
    let values = [
        ("id: envoy-1", format!("id: {node}")),
        ("port_value: 9901", format!("port_value: {admin}")),
        ("port_value: 18000", format!("port_value: {xds}")),
        ("api_type: DELTA_GRPC", format!("api_type: {api_type}")),
    ];
    for (default, _) in &values {
        let lines =
            template.lines().filter(|line| line.contains(default) && line.ends_with("# marked")).count();
        if lines != 1 {
            return Err(Error::Bootstrap(format!(
                "'{default}' stands on {lines} marked lines instead of one"
            )));
        }
    }
    let marked = |line: &str| {
        values.iter().fold(line.to_owned(), |line, (default, value)| line.replace(default, value))
    };
    Ok(template
        .lines()
        .map(|line| if line.ends_with("# marked") { marked(line) } else { line.to_owned() } + "\n")
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_takes_every_value() {
        let template = include_str!("../../envoy/bootstrap.yaml");
        let filled = fill(template, "n7", 1, 2, Protocol::Sotw).unwrap();
        for value in ["id: n7 ", "port_value: 1 }", "port_value: 2 }", "api_type: GRPC "] {
            assert_eq!(filled.matches(value).count(), 1, "{value} in {filled}");
        }
        assert!(!filled.contains("9901"));
        assert_eq!(fill(template, "envoy-1", 9901, 18000, Protocol::Delta).unwrap(), template);
    }

    #[test]
    fn a_template_without_a_mark_is_refused_by_what_is_missing() {
        let template =
            include_str!("../../envoy/bootstrap.yaml").replace("id: envoy-1  # marked", "id: envoy-1");
        let refusal = fill(&template, "n", 1, 2, Protocol::Delta).unwrap_err().to_string();
        assert!(refusal.contains("'id: envoy-1' stands on 0"), "{refusal}");
    }
}
