//! How many requests may wait at once.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{failure::Failure, metrics::Metrics};

/// The places for waiting requests.
#[derive(Debug)]
pub(crate) struct Waiting {
    places: Semaphore,
    metrics: Arc<Metrics>,
}

impl Waiting {
    pub(crate) fn new(places: u32, metrics: Arc<Metrics>) -> Self {
        Self { places: Semaphore::new(places as usize), metrics }
    }

    /// Takes a place for as long as the value lives, or refuses at once: a queue that only grows helps nobody.
    pub(crate) fn enter(&self) -> Result<Place<'_>, Failure> {
        let Ok(permit) = self.places.try_acquire() else {
            self.metrics.shed();
            return Err(Failure::Shed);
        };
        self.metrics.waiting.inc();
        Ok(Place { _permit: permit, metrics: &self.metrics })
    }
}

/// The place of one request.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    _permit: SemaphorePermit<'a>,
    metrics: &'a Metrics,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.metrics.waiting.dec();
    }
}
