//! The watchdog: ends our processes when we are gone and could not do it ourselves.
//!
//! `Drop` does not run in a process that is killed. So a shell, one for each process of ours, holds the ids of
//! our children and reads from a pipe that only we write to. When the pipe closes, for whatever reason, it ends those
//! that are still listed, by id.

use std::{
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
};

/// Reads `add PID SIGNAL` and `del PID`. A signal of the terminal or of a session's end must not end it before its
/// time. Who has not gone 5 s after the signal is killed.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
listed=
while read -r verb pid signal; do
    case $verb in
    add) listed="$listed $pid:$signal" ;;
    del)
        kept=
        for entry in $listed; do
            [ "${entry%%:*}" = "$pid" ] || kept="$kept $entry"
        done
        listed=$kept
        ;;
    esac
done
for entry in $listed; do
    kill -s "${entry#*:}" "${entry%%:*}"
done
tries=0
while [ -n "$listed" ] && [ $tries -lt 50 ]; do
    alive=
    for entry in $listed; do
        kill -s 0 "${entry%%:*}" && alive="$alive $entry"
    done
    listed=$alive
    [ -z "$listed" ] || sleep 0.1
    tries=$((tries + 1))
done
for entry in $listed; do
    kill -s KILL "${entry%%:*}"
done
"#;

/// How the watchdog ends a process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// `SIGKILL`.
    Kill,
    /// `SIGQUIT`, by which PostgreSQL ends its own children and gives back its shared memory.
    Quit,
}

/// Started with the first process. It holds the pipe until this process ends: statics are not dropped.
static WATCHDOG: Mutex<Option<Child>> = Mutex::new(None);

/// Lists a process, so that it does not outlive this one.
pub(crate) fn add(pid: u32, ending: Ending) -> io::Result<()> {
    let signal = match ending {
        Ending::Kill => "KILL",
        Ending::Quit => "QUIT",
    };
    tell(&format!("add {pid} {signal}\n"))
}

/// Strikes a process off, as its id may soon be somebody else's.
pub(crate) fn remove(pid: u32) -> io::Result<()> {
    tell(&format!("del {pid}\n"))
}

fn tell(line: &str) -> io::Result<()> {
    let mut watchdog = WATCHDOG.lock().unwrap_or_else(PoisonError::into_inner);
    let child = match &mut *watchdog {
        Some(child) => child,
        none => none.insert(start()?),
    };
    let Some(pipe) = &mut child.stdin else {
        return Err(io::Error::other("the watchdog has no pipe"));
    };
    pipe.write_all(line.as_bytes())
}

fn start() -> io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", SCRIPT, "ferrox-watchdog"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}
