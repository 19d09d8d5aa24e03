//! What the sidecar listens on.

use std::{
    fs::{self, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};

use ferrox_policy::sidecar::Address;
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// A TCP port or a Unix socket.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket, which goes when nobody listens any more.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!(%error, "the socket is gone already");
        }
    }
}

impl Listener {
    /// Listens. `mode` is that of a socket's file.
    pub(crate) async fn bind(address: &Address, mode: u32) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            Address::Unix(path) => {
                let path = Path::new(path);
                remove_left_over(path).await?;
                let listener = UnixListener::bind(path)?;
                let file = SocketFile(path.to_owned());
                fs::set_permissions(path, Permissions::from_mode(mode))?;
                Ok(Self::Unix(listener, file))
            }
        }
    }

    /// Where it listens, with the port that the system chose.
    pub(crate) fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            Self::Unix(_, file) => Ok(Address::Unix(file.0.display().to_string())),
        }
    }
}

/// Removes the socket of a process that was killed. One that somebody listens on stays, and so does every other file: the
/// address is in use.
async fn remove_left_over(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused && is_socket => fs::remove_file(path),
        _ => Ok(()),
    }
}
