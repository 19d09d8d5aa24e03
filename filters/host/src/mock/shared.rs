//! Shared data in memory.

use std::{cell::RefCell, collections::HashMap};

use crate::{Overtaken, Replacing, SharedValue};

/// What Envoy keeps for all VMs of one `vm_id`.
#[derive(Default)]
pub(super) struct SharedData(RefCell<Contents>);

#[derive(Default)]
struct Contents {
    values: HashMap<String, SharedValue>,
    /// One count for all keys, as Envoy has it.
    last_cas: u32,
}

impl SharedData {
    pub(super) fn get(&self, key: &str) -> Option<SharedValue> {
        self.0.borrow().values.get(key).cloned()
    }

    pub(super) fn set(&self, key: &str, bytes: &[u8], replacing: Replacing) -> Result<(), Overtaken> {
        let mut contents = self.0.borrow_mut();
        let stands = contents.values.get(key).map(|value| value.cas);
        let fits = match replacing {
            Replacing::Anything => true,
            Replacing::Nothing => stands.is_none(),
            // As in Envoy, which asks only where there is a value.
            Replacing::Version(cas) => stands.is_none_or(|stands| stands == cas),
        };
        if !fits {
            return Err(Overtaken);
        }
        contents.last_cas += 1;
        let cas = contents.last_cas;
        contents.values.insert(key.to_owned(), SharedValue { bytes: bytes.to_vec(), cas });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Host, Overtaken, Replacing, mock::MockHost};

    #[test]
    fn of_two_who_replace_one_version_the_second_is_told() {
        let (one, other) = MockHost::two_vms();
        assert_eq!(one.shared("k"), None);
        assert_eq!(one.set_shared("k", b"1", Replacing::Nothing), Ok(()));
        assert_eq!(other.set_shared("k", b"2", Replacing::Nothing), Err(Overtaken));

        let seen = other.shared("k").unwrap();
        assert_eq!(seen.bytes, b"1");
        assert_eq!(one.set_shared("k", b"1", Replacing::Version(seen.cas)), Ok(()));
        assert_eq!(other.set_shared("k", b"2", Replacing::Version(seen.cas)), Err(Overtaken));
        assert_eq!(other.set_shared("k", b"2", Replacing::Anything), Ok(()));
        assert_eq!(one.shared("k").unwrap().bytes, b"2");
    }
}
