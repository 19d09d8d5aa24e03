//! Keys from a URL.
//!
//! Envoy has a VM for each worker thread, and keys are fetched once for all of them: by the VM whose tick comes first when
//! they are due, which takes a lease in shared data (`plan`, on the `board`). What it fetched is checked before it replaces
//! anything, and a failure replaces nothing. Every VM sees on its tick that there are other keys, and at once when a token
//! names a key that it does not know.

mod answer;
mod board;
mod metrics;
mod plan;

use std::{
    cell::{Cell, RefCell},
    time::{Duration, UNIX_EPOCH},
};

use ferrox_host::{Call, CallId, CallOutcome, Host, Level};
use ferrox_policy::auth::{Algorithm, JwtProvider, RemoteJwks, https_parts};

pub(crate) use self::metrics::Metrics;
use self::{
    answer::{Answer, Trouble, jwks_uri},
    board::Board,
    plan::Millis,
};
use crate::key_set::KeySet;

/// How often a VM looks whether something is to be done.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// The keys of one provider that come from a URL.
#[derive(Debug)]
pub(crate) struct Remote {
    provider: String,
    issuer: String,
    algorithms: Vec<Algorithm>,
    source: RemoteJwks,
    board: Board,
    /// The version of the keys that this VM has.
    loaded: Cell<u64>,
    under_way: RefCell<Option<Fetch>>,
}

/// A fetch of this VM.
#[derive(Debug, Clone, Copy)]
struct Fetch {
    call: CallId,
    lease: Millis,
    asked_for: AskedFor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AskedFor {
    Discovery,
    Keys,
}

impl Remote {
    pub(crate) fn new(provider: &JwtProvider, source: &RemoteJwks) -> Self {
        Self {
            provider: provider.name.clone(),
            issuer: provider.issuer.clone(),
            algorithms: provider.algorithms.clone(),
            source: source.clone(),
            board: Board::of(provider, source),
            loaded: Cell::default(),
            under_way: RefCell::default(),
        }
    }

    /// The keys, if there are other ones than this VM has.
    pub(crate) fn newer(&self, host: &dyn Host) -> Option<KeySet> {
        let version = self.board.plan(host).version;
        if self.loaded.replace(version) == version {
            return None;
        }
        KeySet::fetched(&self.board.keys(host)?, &self.algorithms).ok()
    }

    /// How long ago the keys were fetched; `None` if they never were.
    pub(crate) fn age(&self, host: &dyn Host) -> Option<Duration> {
        let fetched = self.board.plan(host).fetched;
        (fetched > 0).then(|| Duration::from_millis(unix_millis(host).saturating_sub(fetched)))
    }

    /// Has the keys fetched soon, since a token names one that is not known.
    pub(crate) fn ask(&self, host: &dyn Host) {
        let now = unix_millis(host);
        self.board.change(host, |plan| plan.ask(now));
    }

    /// Fetches the keys if that is due and no other VM does.
    pub(crate) fn fetch_if_due(&self, host: &dyn Host, metrics: &Metrics) {
        let now = unix_millis(host);
        let lease = now.saturating_add(self.lease());
        if !self.board.plan(host).is_due(now) || !self.board.change(host, |plan| plan.take(now, lease)) {
            return;
        }
        let asked_for = if self.source.discovery { AskedFor::Discovery } else { AskedFor::Keys };
        if let Err(trouble) = self.call(host, lease, asked_for, &self.source.cluster, &self.source.uri) {
            self.failed(host, metrics, lease, &trouble);
        }
    }

    /// Whether a call is one of this provider's.
    pub(crate) fn awaits(&self, call: CallId) -> bool {
        self.under_way.borrow().is_some_and(|fetch| fetch.call == call)
    }

    /// Takes the end of the call that it awaits.
    pub(crate) fn on_call(&self, host: &dyn Host, metrics: &Metrics, outcome: CallOutcome) {
        let Some(fetch) = self.under_way.take() else { return };
        let went_on = Answer::of(outcome).and_then(|answer| match fetch.asked_for {
            AskedFor::Discovery => self.call_for_keys(host, fetch.lease, &answer),
            AskedFor::Keys => self.take(host, metrics, fetch.lease, &answer),
        });
        if let Err(trouble) = went_on {
            self.failed(host, metrics, fetch.lease, &trouble);
        }
    }

    /// Enough for every call of a fetch to end by itself.
    fn lease(&self) -> Millis {
        let calls = if self.source.discovery { 2 } else { 1 };
        calls * Millis::from(self.source.timeout_ms) + 1_000
    }

    fn call_for_keys(&self, host: &dyn Host, lease: Millis, answer: &Answer) -> Result<(), Trouble> {
        let (authority, _) = https_parts(&self.source.uri).ok_or(Trouble::NoUri)?;
        let elsewhere = self.source.jwks_cluster.as_deref();
        let uri = jwks_uri(&answer.body, &self.issuer, authority, elsewhere.is_some())?;
        self.call(host, lease, AskedFor::Keys, elsewhere.unwrap_or(&self.source.cluster), &uri)
    }

    fn call(
        &self,
        host: &dyn Host,
        lease: Millis,
        asked_for: AskedFor,
        cluster: &str,
        uri: &str,
    ) -> Result<(), Trouble> {
        let (authority, path) = https_parts(uri).ok_or(Trouble::NoUri)?;
        let call = host.call(&Call {
            cluster,
            method: "GET",
            authority,
            path,
            headers: &[("accept", "application/json, application/jwk-set+json")],
            body: &[],
            timeout: Duration::from_millis(self.source.timeout_ms.into()),
        });
        let call = call.map_err(|_| Trouble::Refused(cluster.to_owned()))?;
        self.under_way.replace(Some(Fetch { call, lease, asked_for }));
        Ok(())
    }

    fn take(
        &self,
        host: &dyn Host,
        metrics: &Metrics,
        lease: Millis,
        answer: &Answer,
    ) -> Result<(), Trouble> {
        let keys = KeySet::fetched(&answer.body, &self.algorithms)?;
        let before = self.board.plan(host);
        if !before.is_held(lease) {
            return Ok(());
        }
        let is_new = before.version == 0 || self.board.keys(host).is_none_or(|known| known != answer.body);
        if is_new {
            self.board.put_keys(host, &answer.body);
        }
        let lasts = answer.lasts.unwrap_or(Millis::from(self.source.refresh_seconds) * 1_000);
        let (now, random) = (unix_millis(host), host.random());
        self.board.change(host, |plan| {
            let is_held = plan.is_held(lease);
            if is_held {
                plan.succeed(now, is_new, lasts, random);
            }
            is_held
        });
        host.count(metrics.fetched);
        if is_new || before.failures > 0 {
            host.log(Level::Info, &format!("provider '{}': {} keys fetched", self.provider, keys.len()));
        }
        Ok(())
    }

    fn failed(&self, host: &dyn Host, metrics: &Metrics, lease: Millis, trouble: &Trouble) {
        host.count(metrics.failed);
        let before = self.board.plan(host);
        let (now, random) = (unix_millis(host), host.random());
        self.board.change(host, |plan| {
            let is_held = plan.is_held(lease);
            if is_held {
                plan.fail(now, random);
            }
            is_held
        });
        if before.failures > 0 {
            return;
        }
        let (level, so) = match before.version {
            0 => (Level::Error, "none of its tokens can pass"),
            _ => (Level::Warn, "the last ones stay in use"),
        };
        let provider = &self.provider;
        host.log(level, &format!("provider '{provider}': no keys fetched, {so}: {trouble}"));
    }
}

/// Milliseconds since 1970.
fn unix_millis(host: &dyn Host) -> Millis {
    let since = host.now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or_default()
}
