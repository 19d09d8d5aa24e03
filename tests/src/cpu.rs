//! Processor time, as the kernel counts it (proc_pid_stat(5)).

use std::{fs, time::Duration};

use crate::Error;

/// What a process has used so far, in all its threads, as user and in the kernel; in steps of 10 ms.
///
/// # Errors
/// When the process is gone.
pub fn used(process: u32) -> Result<Duration, Error> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).map_err(Error::io(format!("reading {path}")))?;
    // The program's name, which may hold spaces, ends with the last parenthesis; the state follows as field 3.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let times = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    Ok(Duration::from_millis(times.sum::<u64>() * 1000 / rustix::param::clock_ticks_per_second().max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_more_and_more() {
        let before = used(std::process::id()).unwrap();
        while used(std::process::id()).unwrap() == before {}
        assert!(used(u32::MAX).is_err());
    }
}
