//! The binary: its exit codes, its log, and what it never shows.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use crate::redis_server::{ClosedPort, RedisServer};

fn sidecar(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrox-redis-sidecar"));
    command.env_clear().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Exit code and standard error of a sidecar that fails: at the latest when it finds its port busy.
fn fails(arguments: &[&str]) -> (Option<i32>, String) {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let Output { status, stderr, .. } = sidecar(&["--listen", &address]).args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// A process that is killed if the test does not see its end.
struct Running(Child);

impl Running {
    /// A sidecar of a Redis, and its log as JSON.
    fn start(url: &str) -> (Self, Log) {
        let mut child = sidecar(&["--listen", "127.0.0.1:0"])
            .envs([("FERROX_REDIS_URL", url), ("FERROX_LOG_FORMAT", "json"), ("FERROX_LOG", "debug")])
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        (Self(child), Log { output, read: String::new() })
    }
}

/// What a sidecar writes.
struct Log {
    output: BufReader<ChildStdout>,
    read: String,
}

impl Log {
    fn read_until(&mut self, told: &[&str]) {
        while !told.iter().all(|told| self.read.contains(told)) {
            assert_ne!(self.output.read_line(&mut self.read).unwrap(), 0, "{}", self.read);
        }
    }

    fn read_to_end(mut self) -> String {
        self.output.read_to_string(&mut self.read).unwrap();
        self.read
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_busy_port_is_one_line_and_exit_code_1() {
    let (code, stderr) = fails(&[]);
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("ferrox-redis-sidecar: cannot listen on 127.0.0.1:"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1);
}

#[test]
fn a_bad_redis_url_is_told_without_showing_it() {
    let urls = [
        "redis://:hush@",
        "http://:hush@localhost",
        "hush",
        "redis+sentinel://:hush@localhost",
        "redis+sentinel://localhost/name?hush=hush",
        "redis+cluster://:hush@localhost/1",
    ];
    for url in urls {
        let (code, stderr) = fails(&["--redis-url", url]);
        assert_eq!(code, Some(1), "{url}");
        assert!(stderr.contains("FERROX_REDIS_URL") && !stderr.contains("hush"), "{stderr}");
        assert_eq!(stderr.lines().count(), 1);
    }
}

#[test]
fn a_bad_setting_is_exit_code_2_and_a_bad_log_level_1() {
    let (code, stderr) = fails(&["--timeout-ms", "0"]);
    assert!(code == Some(2) && stderr.contains("--timeout-ms"), "{stderr}");
    let (code, stderr) = fails(&["--log", "loud=very"]);
    assert!(code == Some(1) && stderr.contains("FERROX_LOG"), "{stderr}");
}

#[test]
fn the_help_does_not_show_the_url_of_the_environment() {
    let help = sidecar(&["--help"]).env("FERROX_REDIS_URL", "redis://:hush@localhost").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("FERROX_REDIS_URL") && !help.contains("hush"), "{help}");
}

#[test]
fn sigterm_ends_it_with_exit_code_0_and_the_log_tells_the_address_but_no_password() {
    let port = ClosedPort::new();
    let url = format!("redis://:hush@127.0.0.1:{}", port.number());
    let (mut running, mut log) = Running::start(&url);
    log.read_until(&["listening", "Redis fails"]);
    // The shell's own kill: the program of that name is not on every system.
    let kill = format!("kill {}", running.0.id());
    assert!(Command::new("/bin/sh").args(["-c", &kill]).status().unwrap().success());
    let log = log.read_to_end();
    assert_eq!(running.0.wait().unwrap().code(), Some(0));

    let events: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let listening = events.iter().find(|event| event["fields"]["message"] == "listening").unwrap();
    assert!(listening["fields"]["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    let failing = events.iter().filter(|event| event["fields"]["message"] == "Redis fails").count();
    assert_eq!(failing, 1, "{log}");
    assert!(!log.contains("hush"));
}

#[test]
fn each_way_to_fail_is_in_the_log_once_and_without_the_password() {
    let mut redis = RedisServer::start_with(&["--requirepass", "another"]);
    let url = redis.url_with_password("hush");
    let (mut running, mut log) = Running::start(&url);
    let (refused, gone) = ("does not accept the user or the password", "cannot be reached");
    log.read_until(&[refused]);
    redis.kill();
    log.read_until(&[gone]);
    running.0.kill().unwrap();
    let log = log.read_to_end();
    for reason in [refused, gone] {
        assert_eq!(log.matches(reason).count(), 1, "{log}");
    }
    assert!(!log.contains("hush"));
}

#[test]
fn a_file_for_tls_that_is_of_no_use_is_told_with_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hush.pem");
    std::fs::write(&file, "hush hush").unwrap();
    let file = file.to_str().unwrap();
    let url = ["--redis-url", "rediss://localhost"];
    let fails_with = |arguments: &[&str], told: &str| {
        let (code, stderr) = fails(&[&url[..], arguments].concat());
        assert!(code == Some(1) && stderr.contains(told), "{stderr}");
        assert!(!stderr.contains("hush hush"));
    };
    fails_with(&["--redis-ca", file], "--redis-ca (FERROX_REDIS_CA): it holds no certificate");
    fails_with(&["--redis-ca", "/nowhere.pem"], "--redis-ca (FERROX_REDIS_CA): /nowhere.pem: ");
    fails_with(&["--redis-cert", file, "--redis-key", file], "--redis-cert (FERROX_REDIS_CERT): it holds no");
    let (code, stderr) = fails(&["--redis-cert", file]);
    assert!(code == Some(2) && stderr.contains("--redis-key"), "{stderr}");
    // Files, and a URL without TLS.
    let authority = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert.pem();
    std::fs::write(file, authority).unwrap();
    let (code, stderr) = fails(&["--redis-ca", file]);
    assert!(code == Some(1) && stderr.contains("must begin with rediss"), "{stderr}");
}
