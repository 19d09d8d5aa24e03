//! Fetching what is due.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use super::{Book, Jwks, Outcome, fetch, http::Http, schedule};
use crate::{
    model::KeySource,
    store::{JwksFetch, JwksTurn, Kept, Store, StoreError},
};

/// How often it is looked what is due.
const LOOK: Duration = Duration::from_secs(1);

/// Most providers whose keys are fetched at once.
const AT_ONCE: usize = 4;

/// How long others wait for an attempt: longer than one takes, which is two documents at most.
const LEASE: Duration = Duration::from_secs(30);

/// Tokens of unknown keys, which anybody can send, bring a fetch forward at most this often.
const UNKNOWN_KEY_AT_MOST_EVERY: Duration = Duration::from_secs(30);

/// Fetches the keys of the providers that are served. Of several replicas, one does at a time; one that cannot write fetches
/// nothing and ships what others do.
pub struct Keeper {
    attempts: Attempts,
    under_way: BTreeMap<String, JoinHandle<()>>,
    /// Why the database could not be used, to tell it once.
    database_error: Option<String>,
}

/// What an attempt needs.
#[derive(Clone)]
struct Attempts {
    store: Store,
    http: Arc<Http>,
    jwks: Arc<Jwks>,
    at_once: Arc<Semaphore>,
}

impl Keeper {
    /// Fetches for these; over TLS, from whom the authorities in a PEM file vouch for.
    ///
    /// # Errors
    /// When there is no TLS at all.
    pub fn new(store: Store, jwks: Arc<Jwks>, trusted_ca: &Path) -> Result<Self, rustls::Error> {
        let http = Arc::new(Http::new(trusted_ca)?);
        let attempts = Attempts { store, http, jwks, at_once: Arc::new(Semaphore::new(AT_ONCE)) };
        Ok(Self { attempts, under_way: BTreeMap::new(), database_error: None })
    }

    /// Runs for ever.
    pub async fn run(mut self) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let error = self.look().await.err().map(|error| error.to_string());
            if let Some(error) = error.as_ref().filter(|error| self.database_error.as_ref() != Some(error)) {
                tracing::warn!(error, "keys are not fetched; the last good ones stay");
            }
            self.database_error = error;
        }
    }

    /// Begins the attempts that are due.
    async fn look(&mut self) -> Result<(), StoreError> {
        self.under_way.retain(|_, attempt| !attempt.is_finished());
        let Attempts { store, jwks, .. } = &self.attempts;
        let model = jwks.publication.model();
        let sources = model.as_ref().map_or(&[][..], |model| model.key_sources());
        if sources.is_empty() {
            return Ok(());
        }
        if jwks.unknown_key.swap(false, Ordering::Relaxed) {
            let hastened = store.hasten_jwks(UNKNOWN_KEY_AT_MOST_EVERY).await;
            jwks.unknown_key.fetch_or(hastened.is_err(), Ordering::Relaxed);
            hastened?;
        }
        let fetches = store.jwks_fetches().await?;
        for source in sources {
            let before = fetches.iter().find(|fetch| fetch.provider == source.provider);
            let is_due = before.is_none_or(|fetch| fetch.is_due || fetch.source != source.url);
            if is_due && !self.under_way.contains_key(&source.provider) {
                let attempt = self.attempts.clone().run(source.clone(), before.cloned());
                self.under_way.insert(source.provider.clone(), tokio::spawn(attempt));
            }
        }
        jwks.book().fetches = fetches;
        Ok(())
    }
}

impl Attempts {
    async fn run(self, source: KeySource, before: Option<JwksFetch>) {
        // Nobody closes it.
        let Ok(_one) = self.at_once.acquire().await else { return };
        let attempt = self.attempt(&source, before.filter(|before| before.source == source.url)).await;
        let error = attempt.err().map(|error| error.to_string());
        let told = std::mem::replace(&mut self.jwks.book().database_error, error.clone());
        if let Some(error) = error.filter(|error| told.as_ref() != Some(error)) {
            tracing::warn!(
                provider = source.provider,
                error,
                "keys are not fetched; the last good ones stay"
            );
        }
    }

    /// `before` is how it went from this very source.
    async fn attempt(&self, source: &KeySource, before: Option<JwksFetch>) -> Result<(), StoreError> {
        let KeySource { provider, url, refresh, .. } = source;
        let Some(turn) = self.store.claim_jwks(provider, url, LEASE).await? else { return Ok(()) };
        match fetch::fetch(&self.http, source).await {
            Ok(fetched) => {
                let after = schedule::after_success(*refresh, fetched.max_age, chance());
                let kept = self.store.keep_jwks(&turn, &fetched.keys.to_json(), after).await?;
                self.note_success(source, before.as_ref(), kept);
                Ok(())
            }
            Err(error) => self.note_failure(source, before.as_ref(), &turn, &error.to_string()).await,
        }
    }

    fn note_success(&self, source: &KeySource, before: Option<&JwksFetch>, kept: Kept) {
        let (provider, url) = (source.provider.as_str(), source.shown_url());
        let outcome = match kept {
            Kept::Changed => Outcome::Changed,
            Kept::Same => Outcome::Same,
            Kept::Late => return,
        };
        if before.is_some_and(|before| before.error.is_some()) {
            tracing::info!(provider, url, "keys can be fetched again");
        }
        if outcome == Outcome::Changed {
            tracing::info!(provider, url, "keys changed");
        }
        self.jwks.book().count(provider, outcome);
    }

    /// Told once for each reason: an issuer can be down for days.
    async fn note_failure(
        &self,
        source: &KeySource,
        before: Option<&JwksFetch>,
        turn: &JwksTurn,
        reason: &str,
    ) -> Result<(), StoreError> {
        let provider = source.provider.as_str();
        if before.and_then(|before| before.error.as_deref()) != Some(reason) {
            tracing::warn!(provider, reason, "keys cannot be fetched; the last good ones stay");
        }
        self.jwks.book().count(provider, Outcome::Failed);
        let failures = before.map_or(0, |before| u32::try_from(before.failures).unwrap_or(0));
        let after = schedule::after_failures(failures.saturating_add(1), chance());
        self.store.fail_jwks(turn, reason, after).await
    }
}

impl Book {
    /// How fetching goes for a provider from this source.
    pub(super) fn fetch(&self, provider: &str, source: &str) -> Option<&JwksFetch> {
        self.fetches.iter().find(|fetch| fetch.provider == provider && fetch.source == source)
    }

    fn count(&mut self, provider: &str, outcome: Outcome) {
        *self.outcomes.entry((provider.to_owned(), outcome)).or_default() += 1;
    }
}

/// From 0 to 1. Without a source of chance, replicas are only less apart.
fn chance() -> f64 {
    let mut byte = [0];
    match SystemRandom::new().fill(&mut byte) {
        Ok(()) => f64::from(byte[0]) / 255.0,
        Err(_) => 0.5,
    }
}
