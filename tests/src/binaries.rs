//! Where the programs are that the testbed runs.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Error;

/// Files that `make wasm` makes.
const FILTERS: [&str; 3] = ["ferrox_auth.wasm", "ferrox_rate_limit.wasm", "ferrox_cache_key.wasm"];

/// The root of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// One of our own programs: in `FERROX_BIN_DIR`, or in the folder where cargo put the running program or test.
///
/// # Errors
/// When it is not there.
pub fn ours(name: &str) -> Result<PathBuf, Error> {
    let exe = env::current_exe().map_err(Error::io("finding the running program"))?;
    let given = env::var_os("FERROX_BIN_DIR").map(PathBuf::from);
    // A test lies one folder deeper, in `deps`.
    let near = exe.ancestors().skip(1).take(2).map(Path::to_path_buf);
    given
        .into_iter()
        .chain(near)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::Missing { what: name.to_owned(), hint: "run 'make build'" })
}

/// Envoy: `FERROX_ENVOY`, or what `make setup` installed.
///
/// # Errors
/// When it is not there.
pub fn envoy() -> Result<PathBuf, Error> {
    let path =
        env::var_os("FERROX_ENVOY").map_or_else(|| workspace().join(".ferrox/bin/envoy"), PathBuf::from);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::Missing { what: path.display().to_string(), hint: "run 'make setup'" })
}

/// limitador as a rate limit service: `FERROX_LIMITADOR`, or what `make bench-rate-limit` built.
///
/// # Errors
/// When it is not there.
pub fn limitador() -> Result<PathBuf, Error> {
    let built = || workspace().join("target/rivals/release/ferrox-rival-limitador");
    let path = env::var_os("FERROX_LIMITADOR").map_or_else(built, PathBuf::from);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::Missing { what: path.display().to_string(), hint: "run 'make bench-rate-limit'" })
}

/// Python with gRPC, as `make setup` installed it.
///
/// # Errors
/// When it is not there.
pub fn python() -> Result<PathBuf, Error> {
    let path = workspace().join(".ferrox/venv/bin/python");
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::Missing { what: path.display().to_string(), hint: "run 'make setup'" })
}

/// The folder of the compiled filters: `FERROX_WASM_DIR`, or where `make wasm` puts them.
///
/// # Errors
/// When one of them is not there.
pub fn wasm() -> Result<PathBuf, Error> {
    let folder =
        env::var_os("FERROX_WASM_DIR").map_or_else(|| workspace().join(".ferrox/wasm"), PathBuf::from);
    for filter in FILTERS {
        let path = folder.join(filter);
        if !path.is_file() {
            return Err(Error::Missing { what: path.display().to_string(), hint: "run 'make wasm'" });
        }
    }
    Ok(folder)
}

/// `redis-server`, from `PATH`.
///
/// # Errors
/// When it is not there.
pub fn redis() -> Result<PathBuf, Error> {
    in_path("redis-server")
        .ok_or_else(|| Error::Missing { what: "redis-server".to_owned(), hint: "run 'make setup'" })
}

/// The folder of PostgreSQL's programs: `FERROX_POSTGRES_BIN`, what `pg_config` says, Debian's folder of the newest
/// version, or `PATH`.
///
/// # Errors
/// When none of them holds `initdb` and `postgres`.
pub fn postgres() -> Result<PathBuf, Error> {
    let given = env::var_os("FERROX_POSTGRES_BIN").map(PathBuf::from);
    let in_path = in_path("postgres").and_then(|path| path.parent().map(Path::to_path_buf));
    given
        .into_iter()
        .chain(pg_config())
        .chain(debian_postgres())
        .chain(in_path)
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .ok_or_else(|| Error::Missing { what: "PostgreSQL's server".to_owned(), hint: "run 'make setup'" })
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(folder.trim_end()))
}

/// `/usr/lib/postgresql/VERSION/bin`, the newest first.
fn debian_postgres() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
