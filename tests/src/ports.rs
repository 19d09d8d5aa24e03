//! Ports on loopback: free ones for tests, given ones for people.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
};

use crate::{Error, secret};

/// Where free ports are looked for: above the well-known, below those that the system gives to outgoing connections.
/// From there, a connection of somebody could take the port of a part that is down for a moment.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A port on 127.0.0.1.
///
/// A free port stays ours while this value lives, also against other processes of the testbed and while nobody
/// listens on it.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: Option<File>,
}

impl Port {
    /// A port that nobody listens on.
    ///
    /// # Errors
    /// When none is found.
    pub fn free() -> Result<Self, Error> {
        let locks = lock_directory()?;
        let start = u16::from_ne_bytes(secret::bytes()?) % (RANGE.end - RANGE.start);
        for step in 0..RANGE.end - RANGE.start {
            let number = RANGE.start + (start + step) % (RANGE.end - RANGE.start);
            let path = locks.join(number.to_string());
            let lock = File::create(&path).map_err(Error::io(format!("creating {}", path.display())))?;
            if lock.try_lock().is_ok() && is_free(number) {
                return Ok(Self { number, _lock: Some(lock) });
            }
        }
        Err(Error::NoFreePort)
    }

    /// The port of this number, if nobody listens on it.
    ///
    /// # Errors
    /// When somebody does: who, and which `flag` chooses another port for this `purpose`.
    pub fn given(number: u16, purpose: &'static str, flag: &'static str) -> Result<Self, Error> {
        if !is_free(number) {
            return Err(Error::PortBusy { port: number, purpose, owner: owner(number), flag });
        }
        Ok(Self { number, _lock: None })
    }

    /// The number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The address with this port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}

fn is_free(number: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
}

/// The folder of the lock files, one for each user of the machine. A lock goes with the process that holds it.
fn lock_directory() -> Result<PathBuf, Error> {
    let user = fs::metadata("/proc/self").map_err(Error::io("reading /proc/self"))?.uid();
    let path = std::env::temp_dir().join(format!("ferrox-ports-{user}"));
    fs::create_dir_all(&path).map_err(Error::io(format!("creating {}", path.display())))?;
    Ok(path)
}

/// Who listens on a port, as far as the system lets us see.
fn owner(port: u16) -> String {
    let unknown = || "another program".to_owned();
    let Some(inode) = listening_inode(port) else {
        return unknown();
    };
    let socket = format!("socket:[{inode}]");
    let holds = |pid: &str| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|link| link.as_os_str() == socket.as_str())
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pid = processes
        .filter_map(|entry| entry.file_name().into_string().ok())
        .find(|name| name.bytes().all(|b| b.is_ascii_digit()) && holds(name));
    let Some(pid) = pid else {
        return unknown();
    };
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    format!("process {pid} ({})", name.trim_end())
}

/// The socket that listens on a port, from the kernel's tables: `sl local_address rem_address st ... inode`, with the
/// port in hex and state 0A for listening.
fn listening_inode(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let ends = format!(":{port:04X}");
    tables.iter().flat_map(|table| table.lines()).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let listens = fields.get(1)?.ends_with(&ends) && *fields.get(3)? == "0A";
        listens.then(|| fields.get(9).map(|inode| (*inode).to_owned())).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_is_given_once_while_it_is_held() {
        let ports: Vec<_> = (0..200).map(|_| Port::free().unwrap()).collect();
        let mut numbers: Vec<_> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 200);
    }

    #[test]
    fn a_busy_port_is_refused_with_its_owner_and_the_way_out() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let refusal = Port::given(port, "gateway", "--port").unwrap_err().to_string();
        let me = format!("process {}", std::process::id());
        assert!(refusal.contains(&me) && refusal.contains("--port"), "{refusal}");
        drop(listener);
        assert_eq!(Port::given(port, "gateway", "--port").unwrap().number(), port);
    }
}
