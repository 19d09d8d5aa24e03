//! Peers that speak gRPC with gRPC's own library (Python): a service, and a client that finds it by xDS.

use std::{path::Path, process::Stdio};

use rustix::process::Signal;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{
    Error,
    binaries::{python, workspace},
    ports::Port,
    process::{Program, Service},
    wait::PATIENCE,
    watchdog::Ending,
};

const SCRIPT: &str = "tests/grpc/peer.py";

/// A running service, which answers each call with its name, and gRPC's health service.
pub struct GrpcService {
    service: Service,
    port: Port,
}

impl GrpcService {
    /// Starts a service with its log in `folder`.
    ///
    /// # Errors
    /// When Python or its gRPC is not installed, or it does not start.
    pub async fn start_in(folder: &Path, name: &str) -> Result<Self, Error> {
        let port = Port::free()?;
        let service = Service::new(Program {
            name: name.to_owned(),
            path: python()?,
            args: vec![
                workspace().join(SCRIPT).into(),
                "serve".into(),
                name.into(),
                port.number().to_string().into(),
            ],
            env: Vec::new(),
            directory: folder.to_path_buf(),
            log: folder.join(format!("{name}.log")),
            user: None,
            stop: Signal::TERM,
            ending: Ending::Kill,
        });
        let mut this = Self { service, port };
        this.start().await?;
        Ok(this)
    }

    /// Starts it again, on its port.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(&mut self) -> Result<(), Error> {
        let address = self.port.address();
        self.service.start(async || TcpStream::connect(address).await.is_ok()).await
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// When the system cannot end it.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.service.kill()
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }
}

/// A client that calls a service over and over, over one channel.
pub struct GrpcCalls {
    // Killed when it is dropped.
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl GrpcCalls {
    /// Begins to call a target such as `xds:///orders`, with an xDS server on this port: ten times a second, at most `times`.
    ///
    /// # Errors
    /// When Python is not installed.
    pub fn start(target: &str, xds_port: u16, node: &str, times: u32) -> Result<Self, Error> {
        let bootstrap = serde_json::json!({
            "xds_servers": [{
                "server_uri": format!("127.0.0.1:{xds_port}"),
                "channel_creds": [{"type": "insecure"}],
                "server_features": ["xds_v3"],
            }],
            "node": {"id": node, "cluster": "ferrox"},
        });
        let mut command = Command::new(python()?);
        command.arg(workspace().join(SCRIPT)).args(["call", target, "--times", &times.to_string()]);
        command.env("GRPC_XDS_BOOTSTRAP_CONFIG", bootstrap.to_string()).env("GRPC_VERBOSITY", "NONE");
        // The channel to the xDS server would otherwise go through a proxy of the environment.
        for proxy in ["http_proxy", "https_proxy", "grpc_proxy"] {
            command.env_remove(proxy);
        }
        let doing = "starting the gRPC client";
        let mut child =
            command.stdout(Stdio::piped()).kill_on_drop(true).spawn().map_err(Error::io(doing))?;
        let output =
            child.stdout.take().ok_or_else(|| Error::io(doing)(std::io::Error::other("no output")))?;
        Ok(Self { _child: child, lines: BufReader::new(output).lines() })
    }

    /// What became of the next call: `OK <service> …`, or a status and its details; `None` when there are no more.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn next(&mut self) -> Result<Option<String>, Error> {
        let timed_out = |_| Error::TimedOut { what: "a gRPC call".to_owned(), seconds: PATIENCE.as_secs() };
        let line = timeout(PATIENCE, self.lines.next_line()).await.map_err(timed_out)?;
        line.map_err(Error::io("reading what the gRPC client says"))
    }
}
