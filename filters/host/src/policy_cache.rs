//! Policies that were parsed before.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use crate::Host;

/// How many policies a worker remembers. Beyond it, it forgets all and begins again, which costs a parse each.
const CAPACITY: usize = 10_000;

/// The policies of routes by what identifies them, each parsed once for a worker.
///
/// A route's policy and its digest stand in the route's metadata, see `ferrox_policy::placement`.
#[derive(Debug)]
pub struct PolicyCache<P> {
    namespace: &'static str,
    digest_key: &'static str,
    policy_key: &'static str,
    known: RefCell<HashMap<Vec<u8>, Rc<P>>>,
}

impl<P> PolicyCache<P> {
    /// An empty cache. The policy and its digest are strings under these keys of the namespace.
    #[must_use]
    pub fn new(namespace: &'static str, digest_key: &'static str, policy_key: &'static str) -> Self {
        Self { namespace, digest_key, policy_key, known: RefCell::default() }
    }

    /// The policy of the stream's route; `None` where the route carries none.
    ///
    /// # Errors
    /// When the policy cannot be parsed, with the parser's error.
    pub fn of_route<E>(
        &self,
        host: &dyn Host,
        parse: impl FnOnce(&[u8]) -> Result<P, E>,
    ) -> Result<Option<Rc<P>>, E> {
        let leaf =
            |key: &str| host.property(&["xds", "route_metadata", "filter_metadata", self.namespace, key]);
        let Some(digest) = leaf(self.digest_key).filter(|digest| !digest.is_empty()) else {
            return Ok(None);
        };
        if let Some(policy) = self.known.borrow().get(&digest) {
            return Ok(Some(Rc::clone(policy)));
        }
        let policy = Rc::new(parse(&leaf(self.policy_key).unwrap_or_default())?);
        let mut known = self.known.borrow_mut();
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(digest, Rc::clone(&policy));
        Ok(Some(policy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::MockHost;

    #[test]
    fn a_known_policy_is_parsed_once_and_a_new_one_again() {
        let host = MockHost::default();
        let cache = PolicyCache::new("ns", "digest", "policy");
        let parses = std::cell::Cell::new(0);
        let parse = |json: &[u8]| {
            parses.set(parses.get() + 1);
            String::from_utf8(json.to_vec())
        };
        assert_eq!(cache.of_route(&host, parse), Ok(None));

        host.set_route_metadata("ns", &[("digest", "1"), ("policy", "one")]);
        assert_eq!(*cache.of_route(&host, parse).unwrap().unwrap(), "one");
        assert_eq!(*cache.of_route(&host, parse).unwrap().unwrap(), "one");
        assert_eq!(parses.get(), 1);

        host.set_route_metadata("ns", &[("digest", "2"), ("policy", "two")]);
        assert_eq!(*cache.of_route(&host, parse).unwrap().unwrap(), "two");
        assert_eq!(parses.get(), 2);
    }

    #[test]
    fn a_policy_that_does_not_parse_is_an_error_not_an_absence() {
        let host = MockHost::default();
        host.set_route_metadata("ns", &[("digest", "1"), ("policy", "?")]);
        let cache = PolicyCache::<()>::new("ns", "digest", "policy");
        assert_eq!(cache.of_route(&host, |_| Err("no")), Err("no"));
    }
}
