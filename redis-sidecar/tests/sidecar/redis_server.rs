//! A Redis of a test's own.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
};

use redis::FromRedisValue;
use tempfile::TempDir;
use tokio::net::TcpSocket;

/// A redis-server on a port of its own, killed when dropped.
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    directory: TempDir,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts with further arguments, e.g. `["--requirepass", "x"]`.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        // Another process can take a free port before Redis does.
        (0..10).find_map(|_| Self::try_start(free_port(), arguments)).expect("redis-server starts")
    }

    fn try_start(port: u16, arguments: &[&str]) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let child = spawn(port, &directory, arguments)?;
        Some(Self { child, port, directory })
    }

    /// Kills it. The port stays its own for [`RedisServer::restart`].
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn restart(&mut self) {
        // An outgoing connection may hold the port for a moment.
        self.child =
            (0..10).find_map(|_| spawn(self.port, &self.directory, &[])).expect("redis-server starts again");
    }

    /// Sends a signal, e.g. `-STOP`, which leaves its connections open and silent.
    pub(crate) fn signal(&self, signal: &str) {
        // The shell's own kill: the program of that name is not on every system.
        let kill = format!("kill {signal} {}", self.child.id());
        assert!(Command::new("/bin/sh").args(["-c", &kill]).status().unwrap().success());
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn url_with_password(&self, password: &str) -> String {
        format!("redis://:{password}@127.0.0.1:{}", self.port)
    }

    /// Runs a command, words separated by spaces.
    pub(crate) fn run<T: FromRedisValue>(&self, command: &str) -> T {
        run_at(&self.url(), command)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may be killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn run_at<T: FromRedisValue>(url: &str, command: &str) -> T {
    let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    let mut words = command.split(' ');
    redis::cmd(words.next().unwrap()).arg(words.collect::<Vec<_>>()).query(&mut connection).unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A port that refuses connections and that nobody else can take: bound, but not listened on.
pub(crate) struct ClosedPort(TcpSocket);

impl ClosedPort {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self(socket)
    }

    pub(crate) fn number(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }
}

fn spawn(port: u16, directory: &TempDir, arguments: &[&str]) -> Option<Child> {
    let mut child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(directory.path())
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server is installed");
    let output = child.stdout.take().unwrap();
    if says_it_is_ready(output) {
        return Some(child);
    }
    child.wait().unwrap();
    None
}

/// Waits for the line of the log, then goes on reading so that the pipe does not fill up. False if Redis ended.
fn says_it_is_ready(output: ChildStdout) -> bool {
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let ready = lines.any(|line| line.contains("Ready to accept connections"));
    thread::spawn(move || lines.for_each(drop));
    ready
}
