//! Asking every Envoy again and again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use super::{Audience, Proxy, question::Questioner};
use crate::nodes::Nodes;

/// Most Envoys that are asked at once, of those that answered the last time or were never asked.
const AT_ONCE: usize = 12;

/// Most Envoys that are asked at once, of those that did not answer the last time. They have a limit of their own, so that
/// however many are silent, no other waits for them.
const SILENT_AT_ONCE: usize = 4;

/// Asks every connected Envoy what it counts, in rounds, and tells an audience.
pub struct Rounds {
    nodes: Arc<Nodes>,
    audience: Arc<[Arc<dyn Audience>]>,
    questioner: Arc<Questioner>,
    answering: Arc<Semaphore>,
    silent: Arc<Semaphore>,
    under_way: BTreeMap<Proxy, JoinHandle<()>>,
    /// Those that did not answer the last time.
    silent_proxies: Arc<Mutex<BTreeSet<Proxy>>>,
}

impl Rounds {
    /// Asks for these.
    #[must_use]
    pub fn new(nodes: Arc<Nodes>, audience: impl Into<Arc<[Arc<dyn Audience>]>>) -> Self {
        Self {
            nodes,
            audience: audience.into(),
            questioner: Arc::new(Questioner::new()),
            answering: Arc::new(Semaphore::new(AT_ONCE)),
            silent: Arc::new(Semaphore::new(SILENT_AT_ONCE)),
            under_way: BTreeMap::new(),
            silent_proxies: Arc::default(),
        }
    }

    /// Begins a round this often, for ever.
    pub async fn run(mut self, period: Duration) {
        let mut rounds = interval(period);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            self.begin();
        }
    }

    /// Asks every Envoy but those that still owe an answer.
    fn begin(&mut self) {
        let connected = Proxy::connected(&self.nodes);
        self.audience.iter().for_each(|audience| audience.round_begins(&connected));
        lock(&self.silent_proxies).retain(|proxy| connected.contains(proxy));
        self.under_way.retain(|_, question| !question.is_finished());
        for proxy in connected {
            if proxy.address.is_some() && !self.under_way.contains_key(&proxy) {
                let question = tokio::spawn(self.question(proxy.clone()));
                self.under_way.insert(proxy, question);
            }
        }
    }

    fn question(&self, proxy: Proxy) -> impl Future<Output = ()> + Send + 'static {
        let (audience, questioner) = (Arc::clone(&self.audience), Arc::clone(&self.questioner));
        let silent_proxies = Arc::clone(&self.silent_proxies);
        let turns = match lock(&silent_proxies).contains(&proxy) {
            true => Arc::clone(&self.silent),
            false => Arc::clone(&self.answering),
        };
        async move {
            // Nobody closes them.
            let Ok(_turn) = turns.acquire().await else { return };
            let Some(address) = proxy.address else { return };
            match questioner.ask(address).await {
                Ok(stats) => {
                    lock(&silent_proxies).remove(&proxy);
                    audience.iter().for_each(|audience| audience.answered(&proxy, &stats));
                }
                Err(reason) => {
                    let reason = reason.to_string();
                    audience.iter().for_each(|audience| audience.silent(&proxy, &reason));
                    lock(&silent_proxies).insert(proxy);
                }
            }
        }
    }
}

fn lock(proxies: &Mutex<BTreeSet<Proxy>>) -> MutexGuard<'_, BTreeSet<Proxy>> {
    // No code panics while it holds the lock; if it did, the set would still be readable.
    proxies.lock().unwrap_or_else(PoisonError::into_inner)
}
