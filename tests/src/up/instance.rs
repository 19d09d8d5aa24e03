//! One `up` at a time for a folder: a locked file that holds the id of the process.
//!
//! The lock goes with its process, however that ends. So whoever finds it locked knows that the id in it is alive and
//! ours, which a file with an id alone would not tell.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::Path,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Duration, Instant, sleep};

use crate::Error;

/// Name of the file.
pub(super) const FILE: &str = "pid";

/// How long `down` waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// The claim of a running `up`.
pub(super) struct Instance {
    file: File,
}

impl Instance {
    /// Claims a folder, which is made if it is not there.
    pub(super) fn claim(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::io(format!("creating {}", folder.display())))?;
        let mut file = open(folder)?;
        if !lock(&file)? {
            return Err(Error::AlreadyUp(read(&mut file)?));
        }
        let pid = std::process::id().to_string();
        let written = file.set_len(0).and_then(|()| file.write_all(pid.as_bytes()));
        written.map_err(Error::io("writing the pid file"))?;
        Ok(Self { file })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Err(error) = self.file.set_len(0) {
            eprintln!("testbed: cannot clear the pid file: {error}");
        }
    }
}

/// Asks the `up` of a folder to stop, waits until it has, and returns its id; `None` when there is none.
pub(super) async fn stop(folder: &Path) -> Result<Option<i32>, Error> {
    if !folder.join(FILE).exists() {
        return Ok(None);
    }
    let mut file = open(folder)?;
    if lock(&file)? {
        return Ok(None);
    }
    let doing = "reading the pid file";
    let pid: i32 =
        read(&mut file)?.parse().map_err(|error| Error::io(doing)(std::io::Error::other(error)))?;
    let target =
        Pid::from_raw(pid).ok_or_else(|| Error::io(doing)(std::io::Error::other("no process id")))?;
    kill_process(target, Signal::TERM)
        .map_err(|errno| Error::io(format!("stopping process {pid}"))(errno.into()))?;
    let deadline = Instant::now() + PATIENCE;
    while !lock(&file)? {
        if Instant::now() > deadline {
            return Err(Error::StillUp(pid));
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(Some(pid))
}

fn open(folder: &Path) -> Result<File, Error> {
    let path = folder.join(FILE);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    file.map_err(Error::io(format!("opening {}", path.display())))
}

fn lock(file: &File) -> Result<bool, Error> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(Error::io("locking the pid file")(error)),
    }
}

fn read(file: &mut File) -> Result<String, Error> {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    read.map_err(Error::io("reading the pid file"))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_claimed_once_until_the_claim_ends() {
        let folder = tempfile::tempdir().unwrap();
        let first = Instance::claim(folder.path()).unwrap();
        let refusal = Instance::claim(folder.path()).err().unwrap().to_string();
        assert!(refusal.contains(&format!("process {}", std::process::id())), "{refusal}");
        drop(first);
        assert_eq!(stop(folder.path()).await.unwrap(), None);
        Instance::claim(folder.path()).unwrap();
    }

    #[tokio::test]
    async fn a_stale_pid_file_stops_nobody() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), std::process::id().to_string()).unwrap();
        assert_eq!(stop(folder.path()).await.unwrap(), None);
    }
}
