//! What an Envoy is started with: `envoy/bootstrap.yaml` with the testbed's values.

use std::fs;

use crate::{Error, binaries, envoy::EnvoyPorts, tls::TlsFiles};

/// The variant of xDS that an Envoy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Incremental: what has changed.
    #[default]
    Delta,
    /// State of the world: all of a type each time.
    Sotw,
}

/// What an Envoy knows of itself and of the control plane.
#[derive(Debug, Clone)]
pub struct Bootstrap<'a> {
    /// The id of its node.
    pub node: &'a str,
    /// The gateway whose routes it runs: its node's cluster.
    pub gateway: &'a str,
    /// The port of each replica of the control plane.
    pub xds: Vec<u16>,
    /// The variant that it speaks.
    pub protocol: Protocol,
    /// What it uses TLS to the control plane with, if it does.
    pub tls: Option<&'a TlsFiles>,
}

impl<'a> Bootstrap<'a> {
    /// An Envoy of the first gateway, in clear text.
    #[must_use]
    pub fn new(node: &'a str, xds: u16, protocol: Protocol) -> Self {
        Self { node, gateway: "ferrox", xds: vec![xds], protocol, tls: None }
    }

    /// The text, with these ports.
    ///
    /// # Errors
    /// When the template cannot be read, or is not as the testbed knows it.
    pub fn text(&self, ports: &EnvoyPorts) -> Result<String, Error> {
        let path = binaries::workspace().join("envoy/bootstrap.yaml");
        let template = fs::read_to_string(&path).map_err(Error::io(format!("reading {}", path.display())))?;
        self.fill(&template, ports.admin.number(), ports.status.number())
    }

    /// Puts values in the place of the template's defaults, on lines that are marked. A line is repeated for each value.
    fn fill(&self, template: &str, admin: u16, status: u16) -> Result<String, Error> {
        let values = self.values(admin, status);
        for (default, _) in &values {
            if !template.lines().any(|line| line.contains(default) && line.ends_with(MARK)) {
                return Err(Error::Bootstrap(format!("'{default}' stands on no marked line")));
            }
        }
        let marked = |line: &str| {
            let first = vec![line.to_owned()];
            values.iter().fold(first, |lines, (default, values)| replace(&lines, default, values))
        };
        let lines = template.lines().map(|line| match self.tls {
            Some(_) => line.replacen(WITH_TLS, "", 1),
            None => line.to_owned(),
        });
        let lines = lines.flat_map(|line| if line.ends_with(MARK) { marked(&line) } else { vec![line] });
        Ok(lines.map(|line| line + "\n").collect())
    }

    fn values(&self, admin: u16, status: u16) -> Vec<(&'static str, Vec<String>)> {
        let api_type = match self.protocol {
            Protocol::Delta => "DELTA_GRPC",
            Protocol::Sotw => "GRPC",
        };
        let mut values = vec![
            ("id: envoy-1", vec![format!("id: {}", self.node)]),
            ("cluster: ferrox", vec![format!("cluster: {}", self.gateway)]),
            ("port_value: 9901", vec![format!("port_value: {admin}")]),
            ("port_value: 9902", vec![format!("port_value: {status}")]),
            ("status_port: 9902", vec![format!("status_port: {status}")]),
            ("port_value: 18000", self.xds.iter().map(|port| format!("port_value: {port}")).collect()),
            ("api_type: DELTA_GRPC", vec![format!("api_type: {api_type}")]),
        ];
        if let Some(TlsFiles { cert, key, authority }) = self.tls {
            let files = [
                ("/etc/ferrox/tls/cert.pem", cert),
                ("/etc/ferrox/tls/key.pem", key),
                ("/etc/ferrox/tls/ca.pem", authority),
            ];
            values.extend(files.map(|(default, file)| (default, vec![file.display().to_string()])));
        }
        values
    }
}

/// The end of a line with a value of the testbed's.
const MARK: &str = "# marked";

/// The beginning of a line that holds with TLS only.
const WITH_TLS: &str = "#| ";

/// Lines that hold the default once for each value, all others as they are.
fn replace(lines: &[String], default: &str, values: &[String]) -> Vec<String> {
    let each = |line: &String| match line.contains(default) {
        true => values.iter().map(|value| line.replace(default, value)).collect(),
        false => vec![line.clone()],
    };
    lines.iter().flat_map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = include_str!("../../envoy/bootstrap.yaml");

    #[test]
    fn the_template_takes_every_value() {
        let bootstrap =
            Bootstrap { gateway: "edge", xds: vec![2, 3], ..Bootstrap::new("n7", 0, Protocol::Sotw) };
        let filled = bootstrap.fill(TEMPLATE, 1, 4).unwrap();
        for value in [
            "id: n7 ",
            "  cluster: edge ",
            "port_value: 4 }",
            "status_port: 4 }",
            "port_value: 2 }",
            "port_value: 3 }",
            "api_type: GRPC ",
        ] {
            assert_eq!(filled.matches(value).count(), 1, "{value} in {filled}");
        }
        assert_eq!(filled.matches("port_value: 1 }").count(), 2, "the admin interface, and who leads to it");
        assert!(!filled.contains("9901") && !filled.contains("9902"));
        let default = Bootstrap::new("envoy-1", 18000, Protocol::Delta);
        assert_eq!(default.fill(TEMPLATE, 9901, 9902).unwrap(), TEMPLATE);
    }

    #[test]
    fn tls_is_there_for_those_who_have_files_for_it() {
        let tls = TlsFiles { cert: "/a/c".into(), key: "/a/k".into(), authority: "/b/ca".into() };
        let bootstrap = Bootstrap { tls: Some(&tls), ..Bootstrap::new("envoy-1", 18000, Protocol::Delta) };
        let filled = bootstrap.fill(TEMPLATE, 9901, 9902).unwrap();
        for line in
            ["      transport_socket:", "{ filename: /a/c }", "{ filename: /a/k }", "{ filename: /b/ca }"]
        {
            assert!(filled.contains(line), "{line} in {filled}");
        }
        assert!(!filled.contains("/etc/ferrox/tls") && !filled.contains(WITH_TLS), "{filled}");
    }

    #[test]
    fn a_template_without_a_mark_is_refused_by_what_is_missing() {
        let template = TEMPLATE.replace("id: envoy-1  # marked", "id: envoy-1");
        let refusal = Bootstrap::new("n", 2, Protocol::Delta).fill(&template, 1, 4).unwrap_err().to_string();
        assert!(refusal.contains("'id: envoy-1' stands on no marked line"), "{refusal}");
    }
}
