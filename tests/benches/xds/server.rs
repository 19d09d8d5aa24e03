//! What the server uses, as the kernel counts it (proc_pid_status(5)).

use std::{fs, time::Duration};

use ferrox_testbed::cpu;

use crate::Failure;

/// The process of the control plane.
pub(crate) struct Server {
    id: u32,
    max_memory: u64,
}

impl Server {
    /// The process of this id, which must not use more than `max_memory` bytes.
    pub(crate) fn new(id: u32, max_memory: u64) -> Self {
        Self { id, max_memory }
    }

    /// Processor time so far.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        Ok(cpu::used(self.id)?)
    }

    /// Most memory since the last [`Server::forget_peak`], in bytes.
    pub(crate) fn peak(&self) -> Result<u64, Failure> {
        self.memory("VmHWM:")
    }

    pub(crate) fn forget_peak(&self) -> Result<(), Failure> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.id), "5")?)
    }

    /// Refuses to go on before the machine runs out of memory.
    pub(crate) fn check_memory(&self) -> Result<(), Failure> {
        let now = self.memory("VmRSS:")?;
        if now > self.max_memory {
            let mib = |bytes| bytes >> 20;
            return Err(format!("the server uses {} MiB, over {}", mib(now), mib(self.max_memory)).into());
        }
        Ok(())
    }

    fn memory(&self, line: &str) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let value = status.lines().find_map(|text| text.strip_prefix(line)).ok_or("the server is gone")?;
        let kib: u64 = value.trim().trim_end_matches("kB").trim_end().parse()?;
        Ok(kib << 10)
    }
}
