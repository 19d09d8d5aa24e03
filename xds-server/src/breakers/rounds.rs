//! Asking every Envoy again and again.

use std::{collections::BTreeMap, sync::Arc};

use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use super::{Breakers, Proxy, question::Questioner};

/// Most Envoys that are asked at once, of those that answered the last time or were never asked.
const AT_ONCE: usize = 12;

/// Most Envoys that are asked at once, of those that did not answer the last time. They have a limit of their own, so that
/// however many are silent, no other waits for them.
const SILENT_AT_ONCE: usize = 4;

/// Asks every connected Envoy how its breakers are, in rounds.
pub struct Rounds {
    breakers: Arc<Breakers>,
    questioner: Arc<Questioner>,
    answering: Arc<Semaphore>,
    silent: Arc<Semaphore>,
    under_way: BTreeMap<Proxy, JoinHandle<()>>,
}

impl Rounds {
    /// Asks for these.
    #[must_use]
    pub fn new(breakers: Arc<Breakers>) -> Self {
        Self {
            breakers,
            questioner: Arc::new(Questioner::new()),
            answering: Arc::new(Semaphore::new(AT_ONCE)),
            silent: Arc::new(Semaphore::new(SILENT_AT_ONCE)),
            under_way: BTreeMap::new(),
        }
    }

    /// Runs for ever, or returns at once if Envoys are not to be asked.
    pub async fn run(mut self) {
        let Some(period) = self.breakers.interval else { return };
        let mut rounds = interval(period);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            self.begin();
        }
    }

    /// Asks every Envoy but those that still owe an answer.
    fn begin(&mut self) {
        let connected = self.breakers.connected();
        self.breakers.forget_others(&connected);
        self.under_way.retain(|_, question| !question.is_finished());
        for proxy in connected {
            if proxy.address.is_some() && !self.under_way.contains_key(&proxy) {
                let question = tokio::spawn(self.question(proxy.clone()));
                self.under_way.insert(proxy, question);
            }
        }
    }

    fn question(&self, proxy: Proxy) -> impl Future<Output = ()> + Send + 'static {
        let (breakers, questioner) = (Arc::clone(&self.breakers), Arc::clone(&self.questioner));
        let turns = match breakers.book().is_silent(&proxy) {
            true => Arc::clone(&self.silent),
            false => Arc::clone(&self.answering),
        };
        async move {
            // Nobody closes them.
            let Ok(_turn) = turns.acquire().await else { return };
            let Some(address) = proxy.address else { return };
            let answer = questioner.ask(address).await;
            breakers.note(&proxy, answer.map_err(|reason| reason.to_string()));
        }
    }
}
