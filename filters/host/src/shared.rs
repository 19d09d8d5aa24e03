//! Shared data: what the VMs of one Envoy tell each other.
//!
//! Envoy has a VM for each worker thread and one for its main thread. They see one map, as all VMs with the same `vm_id` do,
//! also those of other filters where that is empty. It never forgets a key, so keys are bounded by the configuration.

/// A value of the shared data, see [`Host::shared`](crate::Host::shared).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedValue {
    /// The value.
    pub bytes: Vec<u8>,
    /// Changes with each write, also with one of the same bytes.
    pub cas: u32,
}

/// What a write to the shared data replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacing {
    /// Whatever is there.
    Anything,
    /// Nothing: the key must be new.
    Nothing,
    /// The value that was read with this [`SharedValue::cas`].
    Version(u32),
}

impl Replacing {
    /// The version as Envoy takes it. 0 stands for any; a version that is not reached (they count up from 1, for all keys
    /// together) is written only where there is no value yet.
    #[cfg(any(target_arch = "wasm32", test))]
    pub(crate) fn cas(self) -> u32 {
        match self {
            Self::Anything => 0,
            Self::Nothing => u32::MAX,
            Self::Version(cas) => cas,
        }
    }
}

/// Another VM wrote first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overtaken;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_version_is_taken_for_any() {
        assert_eq!(Replacing::Anything.cas(), 0);
        assert_ne!(Replacing::Nothing.cas(), 0);
        assert_eq!(Replacing::Version(7).cas(), 7);
    }
}
