//! A Redis server of the testbed's own.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    Error, binaries,
    ports::Port,
    process::{Program, Service},
    secret,
    watchdog::Ending,
};

/// A running server that keeps everything in memory.
pub struct Redis {
    service: Service,
    port: Port,
    password: String,
}

impl Redis {
    /// Starts a server with its log in `folder`.
    ///
    /// # Errors
    /// When Redis is not installed or does not start.
    pub async fn start_in(folder: &Path, port: Port) -> Result<Self, Error> {
        let password = secret::password()?;
        let path = folder.join("redis.conf");
        let configuration = format!(
            "bind 127.0.0.1\nport {}\nrequirepass {password}\nsave \"\"\nappendonly no\nmaxmemory 256mb\nmaxmemory-policy volatile-lru\n",
            port.number()
        );
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(configuration.as_bytes()));
        written.map_err(Error::io(format!("writing {}", path.display())))?;
        let service = Service::new(Program {
            name: "redis".to_owned(),
            path: binaries::redis()?,
            args: vec![path.into_os_string()],
            env: Vec::new(),
            directory: folder.to_path_buf(),
            log: folder.join("redis.log"),
            user: None,
            stop: Signal::TERM,
            ending: Ending::Kill,
        });
        let mut this = Self { service, port, password };
        this.start().await?;
        Ok(this)
    }

    /// Starts the server again, on its port and empty, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start(&mut self) -> Result<(), Error> {
        let (address, password) = (self.port.address(), self.password.clone());
        self.service.start(async || pings(address, &password).await.is_ok_and(|pong| pong)).await
    }

    /// URL with the password.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://:{}@{}", self.password, self.port.address())
    }

    /// The process.
    pub fn service(&mut self) -> &mut Service {
        &mut self.service
    }
}

/// Whether the server answers, in Redis's inline protocol.
async fn pings(address: std::net::SocketAddr, password: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("AUTH {password}\r\nPING\r\nQUIT\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.contains("+PONG"))
}
