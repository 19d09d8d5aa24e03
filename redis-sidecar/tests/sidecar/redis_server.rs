//! A Redis of a test's own.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
};

use redis::{FromRedisValue, RedisResult};
use tempfile::TempDir;
use tokio::net::TcpSocket;

/// A redis-server on a port of its own, killed when dropped.
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    directory: TempDir,
    arguments: Vec<String>,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts with further arguments, e.g. `["--requirepass", "x"]`.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        // Another process can take a free port before Redis does.
        Self::start_on_port(|_| arguments.iter().map(ToString::to_string).collect())
    }

    /// Starts with arguments that depend on the port.
    pub(crate) fn start_on_port(arguments: impl Fn(u16) -> Vec<String>) -> Self {
        let try_start = |_| {
            let port = free_port();
            let (directory, arguments) = (tempfile::tempdir().unwrap(), arguments(port));
            let child = spawn(port, &directory, &arguments, READY)?;
            Some(Self { child, port, directory, arguments })
        };
        (0..10).find_map(try_start).expect("redis-server starts")
    }

    /// A Sentinel with this configuration, as `sentinel monitor ...`.
    pub(crate) fn start_sentinel(configuration: &str) -> Self {
        let try_start = |_| {
            let (port, directory) = (free_port(), tempfile::tempdir().unwrap());
            let path = directory.path().join("sentinel.conf");
            std::fs::write(&path, configuration).unwrap();
            let arguments = ["--sentinel".to_owned()];
            let child = spawn_from(Some(&path), port, &directory, &arguments, "+monitor")?;
            Some(Self { child, port, directory, arguments: arguments.to_vec() })
        };
        (0..10).find_map(try_start).expect("the Sentinel starts")
    }

    /// Kills it. The port stays its own for [`RedisServer::restart`].
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn restart(&mut self) {
        // An outgoing connection may hold the port for a moment.
        self.child = (0..10)
            .find_map(|_| spawn(self.port, &self.directory, &self.arguments, READY))
            .expect("redis-server starts again");
    }

    /// Sends a signal, e.g. `-STOP`, which leaves its connections open and silent.
    pub(crate) fn signal(&self, signal: &str) {
        // The shell's own kill: the program of that name is not on every system.
        let kill = format!("kill {signal} {}", self.child.id());
        assert!(Command::new("/bin/sh").args(["-c", &kill]).status().unwrap().success());
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
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

impl RedisServer {
    /// Whether a command succeeds.
    pub(crate) fn accepts(&self, command: &str) -> bool {
        try_run_at::<redis::Value>(&self.url(), command).is_ok()
    }

    /// Whether this is its role, `master` or `slave`. It closes its connections when that changes.
    pub(crate) fn is(&self, role: &str) -> bool {
        let info: RedisResult<String> = try_run_at(&self.url(), "INFO replication");
        info.is_ok_and(|info| info.contains(&format!("role:{role}")))
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
    try_run_at(url, command).unwrap()
}

fn try_run_at<T: FromRedisValue>(url: &str, command: &str) -> RedisResult<T> {
    let mut connection = redis::Client::open(url)?.get_connection()?;
    let mut words = command.split(' ');
    redis::cmd(words.next().unwrap()).arg(words.collect::<Vec<_>>()).query(&mut connection)
}

pub(crate) fn free_port() -> u16 {
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

/// What a server logs when it can be used.
const READY: &str = "Ready to accept connections";

fn spawn(port: u16, directory: &TempDir, arguments: &[String], ready: &str) -> Option<Child> {
    // A replica gets its data at once, not after a wait for others.
    let fixed =
        ["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"].map(ToString::to_string);
    spawn_from(None, port, directory, &[&fixed, arguments].concat(), ready)
}

/// Starts from a file or from nothing, and waits for a line of the log.
fn spawn_from(
    file: Option<&Path>,
    port: u16,
    directory: &TempDir,
    arguments: &[String],
    ready: &str,
) -> Option<Child> {
    let mut child = Command::new("redis-server")
        .args(file)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .arg("--dir")
        .arg(directory.path())
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server is installed");
    let output = child.stdout.take().unwrap();
    if says(output, ready) {
        return Some(child);
    }
    child.wait().unwrap();
    None
}

/// Waits for the line of the log, then goes on reading so that the pipe does not fill up. False if Redis ended.
fn says(output: ChildStdout, ready: &str) -> bool {
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let ready = lines.any(|line| line.contains(ready));
    thread::spawn(move || lines.for_each(drop));
    ready
}
