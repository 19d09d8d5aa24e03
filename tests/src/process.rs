//! Processes that the testbed starts, and that never outlive it.

use std::{
    ffi::OsString,
    fs::OpenOptions,
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{sleep, timeout};

use crate::{
    Error,
    logs::tail,
    wait::{PATIENCE, PAUSE},
    watchdog,
};

/// Lines of a log that an error shows.
const TAIL: usize = 40;

/// How long one look whether a program is ready may take.
const PROBE: Duration = Duration::from_secs(2);

/// How long a process may take to end after the signal that it cannot ignore.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// How to run a program.
pub(crate) struct Program {
    /// What people call it.
    pub(crate) name: String,
    /// The program's file.
    pub(crate) path: PathBuf,
    /// Its arguments.
    pub(crate) args: Vec<OsString>,
    /// Variables of its environment beyond ours.
    pub(crate) env: Vec<(&'static str, String)>,
    /// Where it runs.
    pub(crate) directory: PathBuf,
    /// Where its output is appended.
    pub(crate) log: PathBuf,
    /// User and group to run as, if not ours.
    pub(crate) user: Option<(u32, u32)>,
    /// The signal that asks it to stop.
    pub(crate) stop: Signal,
    /// How it is ended without asking.
    pub(crate) ending: watchdog::Ending,
}

/// A program that can be started, stopped, killed and started again.
pub struct Service {
    program: Program,
    running: Option<Running>,
}

/// A process in the watchdog's list.
struct Running {
    child: Child,
    ending: watchdog::Ending,
}

impl Service {
    pub(crate) fn new(program: Program) -> Self {
        Self { program, running: None }
    }

    /// Starts the program, unless it runs, and waits until `ready` says so.
    ///
    /// # Errors
    /// When it cannot be started, ends at once, or is not ready within [`PATIENCE`].
    pub(crate) async fn start(&mut self, mut ready: impl AsyncFnMut() -> bool) -> Result<(), Error> {
        if self.running.is_none() {
            self.running = Some(Running::spawn(&self.program)?);
        }
        let deadline = Instant::now() + PATIENCE;
        // Whoever answers on the port may not be the program, and may never say anything.
        while !timeout(PROBE, ready()).await.unwrap_or(false) {
            if let Some(status) = self.ended()? {
                self.running = None;
                return Err(self.failed(status));
            }
            if Instant::now() > deadline {
                return Err(self.late("ready"));
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Sets a variable of the program's environment, from its next start on.
    pub fn set_variable(&mut self, name: &'static str, value: &str) {
        self.program.env.retain(|(known, _)| *known != name);
        self.program.env.push((name, value.to_owned()));
    }

    /// Asks the program to stop and waits until it has.
    ///
    /// # Errors
    /// When it has not stopped within [`PATIENCE`]; it is killed then.
    pub async fn stop(&mut self) -> Result<(), Error> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        let deadline = Instant::now() + PATIENCE;
        running.signal(self.program.stop)?;
        while running.status()?.is_none() {
            if Instant::now() > deadline {
                return Err(self.late("stopped"));
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Ends the program at once, without a chance to clean up.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<(), Error> {
        match self.running.take() {
            Some(mut running) => running.end(),
            None => Ok(()),
        }
    }

    /// Id of the process, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.child.id())
    }

    /// How the process ended by itself, if it did.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        match &mut self.running {
            Some(running) => running.status(),
            None => Ok(None),
        }
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.program.name
    }

    /// The end of its log, for a person.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        format!("{} ({}):\n{}", self.program.name, self.program.log.display(), tail(&self.program.log, lines))
    }

    /// That it ended with this status although it should run.
    pub(crate) fn failed(&self, status: ExitStatus) -> Error {
        let Program { name, log, .. } = &self.program;
        Error::Ended { name: name.clone(), status, log: log.clone(), tail: tail(log, TAIL) }
    }

    fn late(&self, what: &'static str) -> Error {
        let Program { name, log, .. } = &self.program;
        let seconds = PATIENCE.as_secs();
        Error::NotReady { name: name.clone(), what, seconds, log: log.clone(), tail: tail(log, TAIL) }
    }
}

/// Runs a program to its end.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) async fn run(program: Program) -> Result<(), Error> {
    let mut service = Service { running: Some(Running::spawn(&program)?), program };
    let deadline = Instant::now() + PATIENCE;
    loop {
        match service.ended()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(service.failed(status)),
            None if Instant::now() > deadline => return Err(service.late("done")),
            None => sleep(PAUSE).await,
        }
    }
}

impl Running {
    /// The child waits for a line before it becomes the program, so that it is in the watchdog's list from the first.
    /// A group of its own keeps the terminal's Ctrl-C from it: it stops when we say.
    fn spawn(program: &Program) -> Result<Self, Error> {
        let Program { name, path, args, env, directory, log, user, ending, .. } = program;
        let starting = || format!("starting {name}");
        let output = OpenOptions::new().create(true).append(true).open(log);
        let output = output.map_err(Error::io(format!("opening {}", log.display())))?;
        let errors = output.try_clone().map_err(Error::io(starting()))?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", r#"read -r go && exec "$0" "$@" </dev/null"#])
            .arg(path)
            .args(args)
            .envs(env.iter().map(|(key, value)| (key, value)))
            .current_dir(directory)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors);
        if let Some((uid, gid)) = user {
            command.uid(*uid).gid(*gid);
        }
        let child = command.spawn().map_err(Error::io(starting()))?;
        let mut running = Self { child, ending: *ending };
        watchdog::add(running.child.id(), *ending).map_err(Error::io(starting()))?;
        if let Some(mut go) = running.child.stdin.take() {
            go.write_all(b"go\n").map_err(Error::io(starting()))?;
        }
        Ok(running)
    }

    fn signal(&self, signal: Signal) -> Result<(), Error> {
        let sent = kill_process(Pid::from_child(&self.child), signal);
        sent.map_err(|errno| Error::io(format!("signalling process {}", self.child.id()))(errno.into()))
    }

    /// The status once it has ended; it is then off the watchdog's list.
    fn status(&mut self) -> Result<Option<ExitStatus>, Error> {
        let id = self.child.id();
        let status = self.child.try_wait().map_err(Error::io(format!("waiting for process {id}")))?;
        if status.is_some() {
            watchdog::remove(id).map_err(Error::io("telling the watchdog"))?;
        }
        Ok(status)
    }

    fn end(&mut self) -> Result<(), Error> {
        // Not only asked: a process that has ended and not been waited for keeps its id.
        if self.status()?.is_some() {
            return Ok(());
        }
        self.signal(match self.ending {
            watchdog::Ending::Kill => Signal::KILL,
            watchdog::Ending::Quit => Signal::QUIT,
        })?;
        let deadline = Instant::now() + LAST_PATIENCE;
        while self.status()?.is_none() {
            if Instant::now() > deadline {
                self.signal(Signal::KILL)?;
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("testbed: {error}");
        }
    }
}
