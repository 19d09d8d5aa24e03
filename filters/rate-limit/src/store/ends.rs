//! Ends of requests that are told later.

use std::mem;

use ferrox_policy::sidecar::Return;

/// How many ends wait to be told at most, so that no flood of requests makes them more.
const MOST_WAITING: usize = 4_096;

/// Ends that are told at the next tick but one, so that a whole period has passed.
#[derive(Debug, Default)]
pub(super) struct Ends {
    young: Vec<Return>,
    old: Vec<Return>,
}

impl Ends {
    /// Whether there was room to keep them.
    pub(super) fn keeps(&mut self, ends: &[Return]) -> bool {
        let fits = self.young.len() + self.old.len() + ends.len() <= MOST_WAITING;
        if fits {
            self.young.extend_from_slice(ends);
        }
        fits
    }

    /// What is to be told at this tick.
    pub(super) fn due(&mut self) -> Vec<Return> {
        mem::replace(&mut self.old, mem::take(&mut self.young))
    }

    /// Keeps for the next tick what was due at this one.
    pub(super) fn put_off(&mut self, due: &[Return]) {
        let room = MOST_WAITING.saturating_sub(self.young.len() + self.old.len());
        self.old.extend(due.iter().take(room).cloned());
    }
}
