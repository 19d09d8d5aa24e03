//! A PostgreSQL of a test's own, in a temporary folder, gone with the value. It is found by `FERROX_POSTGRES_BIN`, or
//! where Debian has it.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::chown, process::CommandExt},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

pub(crate) struct Postgres {
    server: Child,
    dir: TempDir,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("ferrox-pg").tempdir().unwrap();
        if let Some((uid, gid)) = owner() {
            chown(dir.path(), Some(uid), Some(gid)).unwrap();
        }
        let data = dir.path().join("data");
        let initialised = program("initdb")
            .args(["--username=ferrox", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(initialised.status.success(), "{}", String::from_utf8_lossy(&initialised.stderr));
        let mut server = program("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(dir.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "log_min_messages=log"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok);
        let ready = log.find(|line| line.contains("ready to accept connections"));
        assert!(ready.is_some(), "PostgreSQL ended before it was ready");
        // Read on, or the server would wait for room in the pipe.
        std::thread::spawn(move || log.for_each(drop));
        Self { server, dir }
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres:///postgres?user=ferrox&host={}", self.dir.path().display())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGQUIT ends the server with all its processes at once.
        // The shell's own kill: the program of that name is not on every system.
        let kill = format!("kill -QUIT {}", self.server.id());
        let stopped = Command::new("/bin/sh").args(["-c", &kill]).status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

fn program(name: &str) -> Command {
    let mut command = Command::new(folder().join(name));
    if let Some((uid, gid)) = owner() {
        command.uid(uid).gid(gid).current_dir("/");
    }
    command.stdout(Stdio::null());
    command
}

fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("FERROX_POSTGRES_BIN") {
        return folder.into();
    }
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL, or FERROX_POSTGRES_BIN");
    let mut folders: Vec<PathBuf> = versions.map(|version| version.unwrap().path().join("bin")).collect();
    folders.sort();
    folders.pop().expect("a version of PostgreSQL")
}

/// PostgreSQL refuses to run as root, so root runs it as the user `postgres`.
fn owner() -> Option<(u32, u32)> {
    let id = |args: &[&str]| {
        let output = Command::new("id").args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().expect("a numeric id")
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}
