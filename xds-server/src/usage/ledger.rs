//! What was reported and is not written yet.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ferrox_policy::auth::{AuthConfig, KeyDigest, KeyUsageReport};

use crate::{model::Model, publish::Publication, store::KeyUse};

/// Adds up reports. It remembers only keys that are served, so whoever reports cannot fill the memory.
#[derive(Debug)]
pub struct Ledger {
    publication: Publication,
    waiting: Mutex<Waiting>,
}

type Waiting = BTreeMap<KeyDigest, KeyUse>;

/// Nothing is served yet, so no key is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nothing is served yet")]
pub(super) struct NotReady;

impl Ledger {
    /// An empty one for the keys of what is published.
    #[must_use]
    pub fn new(publication: Publication) -> Self {
        Self { publication, waiting: Mutex::default() }
    }

    /// Adds a report that comes at `now`, in seconds since 1970. Keys that are not served are ignored: they were revoked
    /// meanwhile. No use is later than now, whatever the clock of who reports it says.
    pub(super) fn add(&self, report: &KeyUsageReport, now: u64) -> Result<(), NotReady> {
        let model = self.publication.model().ok_or(NotReady)?;
        let mut waiting = self.waiting();
        for key in report.keys.iter().filter(|key| knows(model.auth(), &key.sha256)) {
            let used = KeyUse { last_used: key.last_used.min(now), requests: key.requests };
            join(&mut waiting, key.sha256, used);
        }
        Ok(())
    }

    /// Takes out all that waits.
    pub(super) fn take(&self) -> Vec<(KeyDigest, KeyUse)> {
        mem::take(&mut *self.waiting()).into_iter().collect()
    }

    /// Puts back what could not be written, but for keys that are served no longer.
    pub(super) fn put_back(&self, unwritten: &[(KeyDigest, KeyUse)]) {
        let model = self.publication.model();
        let known =
            |digest: &KeyDigest| model.as_deref().map(Model::auth).is_some_and(|auth| knows(auth, digest));
        let mut waiting = self.waiting();
        for (digest, used) in unwritten.iter().filter(|(digest, _)| known(digest)) {
            join(&mut waiting, *digest, *used);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn knows(auth: &AuthConfig, digest: &KeyDigest) -> bool {
    auth.api_keys.as_ref().is_some_and(|keys| keys.find(digest).is_some())
}

fn join(waiting: &mut Waiting, digest: KeyDigest, used: KeyUse) {
    let known = waiting.entry(digest).or_default();
    known.last_used = known.last_used.max(used.last_used);
    known.requests = known.requests.saturating_add(used.requests);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ferrox_policy::auth::KeyUsage;

    use super::*;
    use crate::{
        metrics::Metrics,
        model::sample::{api_key, consumer, keyring, sound},
    };

    fn ledger(keys: &[&str]) -> Ledger {
        let publication = Publication::new(Arc::new(Metrics::default()));
        serve(&publication, keys);
        Ledger::new(publication)
    }

    fn serve(publication: &Publication, keys: &[&str]) {
        let mut rows = sound();
        rows.consumers.push(consumer("acme", &[]));
        rows.live.api_keys.extend(keys.iter().map(|key| api_key(key, "acme")));
        publication.serves(Arc::new(Model::parse(&rows, &keyring()).unwrap()));
    }

    fn digest(key: &str) -> KeyDigest {
        KeyDigest::of(key.as_bytes())
    }

    fn report(keys: &[(&str, u64, u64)]) -> KeyUsageReport {
        let usage = |(key, requests, last_used): &(&str, u64, u64)| KeyUsage {
            sha256: digest(key),
            requests: *requests,
            last_used: *last_used,
        };
        KeyUsageReport { gateway: None, keys: keys.iter().map(usage).collect() }
    }

    #[test]
    fn reports_add_up_and_unknown_keys_take_no_memory() {
        let ledger = ledger(&["a", "b"]);
        ledger.add(&report(&[("a", 2, 50), ("b", 1, 40), ("guess", 9, 9)]), 100).unwrap();
        ledger.add(&report(&[("a", 3, 30)]), 100).unwrap();
        let mut found = ledger.take();
        found.sort_by_key(|(_, used)| used.requests);
        let used = |requests, last_used| KeyUse { last_used, requests };
        assert_eq!(found, [(digest("b"), used(1, 40)), (digest("a"), used(5, 50))]);
        assert_eq!(ledger.take(), []);
    }

    #[test]
    fn no_use_lies_in_the_future_and_no_count_wraps() {
        let ledger = ledger(&["a"]);
        ledger.add(&report(&[("a", u64::MAX, u64::MAX)]), 100).unwrap();
        ledger.add(&report(&[("a", u64::MAX, 1)]), 100).unwrap();
        assert_eq!(ledger.take(), [(digest("a"), KeyUse { last_used: 100, requests: u64::MAX })]);
    }

    #[test]
    fn what_was_not_written_is_kept_beside_what_came_meanwhile_for_keys_that_are_still_served() {
        let ledger = ledger(&["a", "b"]);
        ledger.add(&report(&[("a", 1, 10), ("b", 1, 10)]), 100).unwrap();
        let unwritten = ledger.take();
        ledger.add(&report(&[("a", 1, 20)]), 100).unwrap();
        serve(&ledger.publication, &["a"]);
        ledger.put_back(&unwritten);
        assert_eq!(ledger.take(), [(digest("a"), KeyUse { last_used: 20, requests: 2 })]);
    }

    #[test]
    fn before_anything_is_served_reports_are_not_taken() {
        let ledger = Ledger::new(Publication::new(Arc::new(Metrics::default())));
        assert_eq!(ledger.add(&report(&[("a", 1, 1)]), 100), Err(NotReady));
    }
}
