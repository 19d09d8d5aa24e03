//! Certificates that are served while they expire. That keeps no change from being served, so people are told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{sync::watch, time::sleep};

use crate::{
    metrics::Metrics,
    model::{CertificateName, Model},
};

/// The clock is looked at this often, also when nothing expires soon, since it may be set.
const LOOK: Duration = Duration::from_secs(3600);

/// Names of certificates, and when they expire in seconds since 1970.
type Expiries = BTreeMap<String, i64>;

/// Watches the certificates that are served.
pub(super) struct ExpiryWatch {
    served: watch::Sender<Expiries>,
    metrics: Arc<Metrics>,
}

impl ExpiryWatch {
    /// Starts to watch. It ends when this value is dropped.
    pub(super) fn start(metrics: Arc<Metrics>) -> Self {
        let (served, expiries) = watch::channel(Expiries::new());
        tokio::spawn(run(expiries));
        Self { served, metrics }
    }

    /// The listeners and upstreams of this model are served.
    pub(super) fn serve(&self, model: &Model) {
        let to_clients = model.listeners().flat_map(|listener| listener.certificates());
        let to_upstreams =
            model.upstreams().filter_map(|upstream| upstream.tls.as_ref()?.client_certificate.as_deref());
        let expiries: Expiries = to_clients
            .map(CertificateName::as_str)
            .chain(to_upstreams)
            .filter_map(|name| model.certificate(name))
            .map(|certificate| (certificate.name.to_string(), certificate.expiry.seconds()))
            .collect();
        let before = self.served.send_replace(expiries.clone());
        self.metrics.certificates(before.into_keys().filter(|name| !expiries.contains_key(name)), &expiries);
    }
}

async fn run(mut served: watch::Receiver<Expiries>) {
    let mut told = BTreeSet::new();
    loop {
        let expiries = served.borrow_and_update().clone();
        let now = now();
        told.retain(|(name, expiry)| expiries.get(name) == Some(expiry));
        for (certificate, expiry) in expired(&expiries, now) {
            if told.insert((certificate.clone(), *expiry)) {
                tracing::warn!(certificate, "a certificate that is served has expired");
            }
        }
        tokio::select! {
            changed = served.changed() => if changed.is_err() { return },
            () = sleep(until_next(&expiries, now).min(LOOK)) => {}
        }
    }
}

/// A certificate is valid up to and including its last second (RFC 5280 section 4.1.2.5).
fn expired(expiries: &Expiries, now: i64) -> impl Iterator<Item = (&String, &i64)> {
    expiries.iter().filter(move |(_, expiry)| **expiry < now)
}

fn until_next(expiries: &Expiries, now: i64) -> Duration {
    let left = expiries.values().filter_map(|expiry| u64::try_from(expiry - now).ok()).min();
    left.map_or(Duration::MAX, |left| Duration::from_secs(left + 1))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_expired_is_told_and_what_has_not_is_waited_for() {
        let expiries = Expiries::from([("old", 9), ("now", 10), ("next", 15), ("late", 99)].map(owned));
        assert_eq!(expired(&expiries, 10).map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["old"]);
        assert_eq!(until_next(&expiries, 10), Duration::from_secs(1));
        assert_eq!(until_next(&expiries, 11), Duration::from_secs(5));
        assert_eq!(until_next(&expiries, 100), Duration::MAX);
    }

    fn owned((name, expiry): (&str, i64)) -> (String, i64) {
        (name.to_owned(), expiry)
    }
}
