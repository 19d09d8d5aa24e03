//! Where the entries are: call-outs to the sidecar, and what a worker remembers of how they went.

use std::cell::Cell;

use ferrox_host::{Call, CallId, CallOutcome, CallRefused, Host, Level};
use ferrox_policy::sidecar::{CACHE_PATH, Sidecar, TTL_HEADER};

/// The sidecar as one worker sees it.
#[derive(Debug)]
pub(crate) struct Store {
    sidecar: Sidecar,
    /// Whether the last call failed, so that the log tells of a change and not of each request.
    failing: Cell<bool>,
}

/// What a look-up brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Bytes under this name; whether they are an entry is for the reader to see.
    Bytes(Vec<u8>),
    /// Nothing under this name.
    Nothing,
    /// The sidecar failed, so nobody knows.
    Failed,
}

impl Store {
    pub(crate) fn new(sidecar: Sidecar) -> Self {
        Self { sidecar, failing: Cell::new(false) }
    }

    /// Begins to look up a name.
    pub(crate) fn get(&self, host: &dyn Host, name: &str) -> Result<CallId, CallRefused> {
        self.call(host, "GET", name, &[], &[])
    }

    /// Begins to store an entry for so many seconds.
    pub(crate) fn put(
        &self,
        host: &dyn Host,
        name: &str,
        entry: &[u8],
        ttl_seconds: u64,
    ) -> Result<CallId, CallRefused> {
        let ttl = ttl_seconds.max(1).to_string();
        self.call(host, "PUT", name, &[(TTL_HEADER, &ttl)], entry)
    }

    /// Reads the answer to [`Store::get`].
    pub(crate) fn found(&self, host: &dyn Host, outcome: CallOutcome) -> Found {
        match outcome {
            CallOutcome::Answered { status: 200, body, .. } => {
                self.recovered(host);
                Found::Bytes(body)
            }
            CallOutcome::Answered { status: 404, .. } => {
                self.recovered(host);
                Found::Nothing
            }
            failure => {
                self.failed(host, &failure);
                Found::Failed
            }
        }
    }

    /// Reads the answer to [`Store::put`]: whether the entry is stored.
    pub(crate) fn stored(&self, host: &dyn Host, outcome: &CallOutcome) -> bool {
        let stored = matches!(outcome, CallOutcome::Answered { status: 200..=299, .. });
        if stored {
            self.recovered(host);
        } else {
            self.failed(host, outcome);
        }
        stored
    }

    fn call(
        &self,
        host: &dyn Host,
        method: &str,
        name: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<CallId, CallRefused> {
        let path = format!("{CACHE_PATH}/{name}");
        let timeout = self.sidecar.cache_timeout();
        let cluster = &self.sidecar.cluster;
        let call =
            host.call(&Call { cluster, method, authority: cluster, path: &path, headers, body, timeout });
        if call.is_err() {
            self.log_failure(host, &format!("Envoy refuses calls to cluster '{cluster}'"));
        }
        call
    }

    fn failed(&self, host: &dyn Host, outcome: &CallOutcome) {
        let what = match outcome {
            CallOutcome::Answered { status, .. } => format!("the sidecar answers {status}"),
            CallOutcome::Reset => "the sidecar's answer was cut off".to_owned(),
        };
        self.log_failure(host, &what);
    }

    fn log_failure(&self, host: &dyn Host, what: &str) {
        if !self.failing.replace(true) {
            host.log(Level::Warn, &format!("the cache is bypassed: {what}"));
        }
    }

    fn recovered(&self, host: &dyn Host) {
        if self.failing.replace(false) {
            host.log(Level::Warn, "the cache is used again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ferrox_host::{Headers, mock::MockHost};

    use super::*;

    fn store() -> Store {
        Store::new(Sidecar { cluster: "sidecar".to_owned(), timeout_ms: Some(70) })
    }

    fn answer(status: u16) -> CallOutcome {
        CallOutcome::Answered { status, headers: Headers::default(), body: b"b".to_vec() }
    }

    #[test]
    fn calls_follow_the_sidecars_contract() {
        let host = MockHost::default();
        store().get(&host, "abc").unwrap();
        store().put(&host, "abc", b"entry", 9).unwrap();
        store().put(&host, "abc", b"entry", 0).unwrap();
        let calls = host.take_calls();
        assert!(calls.iter().all(|call| call.cluster == "sidecar" && call.path == "/v1/cache/abc"));
        assert!(calls.iter().all(|call| call.timeout == Duration::from_millis(70)));
        assert_eq!((calls[0].method.as_str(), calls[0].headers.len()), ("GET", 0));
        assert_eq!((calls[1].method.as_str(), calls[1].body.as_slice()), ("PUT", &b"entry"[..]));
        assert_eq!(calls[1].headers, [("x-ferrox-ttl".to_owned(), "9".to_owned())]);
        assert_eq!(calls[2].headers[0].1, "1", "never less than the contract's least");
    }

    #[test]
    fn only_200_and_404_are_answers_to_a_look_up() {
        let host = MockHost::default();
        assert_eq!(store().found(&host, answer(200)), Found::Bytes(b"b".to_vec()));
        assert_eq!(store().found(&host, answer(404)), Found::Nothing);
        for failure in [answer(204), answer(400), answer(503), answer(504), CallOutcome::Reset] {
            assert_eq!(store().found(&host, failure.clone()), Found::Failed, "{failure:?}");
        }
    }

    #[test]
    fn only_success_is_stored() {
        let host = MockHost::default();
        assert!(store().stored(&host, &answer(204)));
        for failure in [answer(400), answer(413), answer(503), CallOutcome::Reset] {
            assert!(!store().stored(&host, &failure), "{failure:?}");
        }
    }

    #[test]
    fn the_log_tells_of_changes_not_of_requests() {
        let host = MockHost::default();
        let store = store();
        store.found(&host, answer(404));
        assert!(host.logged().is_empty());
        store.found(&host, answer(503));
        store.found(&host, CallOutcome::Reset);
        host.refuse_calls(true);
        store.get(&host, "abc").unwrap_err();
        assert_eq!(host.logged(), ["the cache is bypassed: the sidecar answers 503"]);
        store.found(&host, answer(404));
        store.found(&host, answer(200));
        assert_eq!(host.logged().len(), 2, "{:?}", host.logged());
        store.get(&host, "abc").unwrap_err();
        assert_eq!(host.logged().len(), 3, "{:?}", host.logged());
    }
}
