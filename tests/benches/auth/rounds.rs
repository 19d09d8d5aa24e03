//! The turns of the variants.

use std::time::Duration;

use crate::{
    Failure,
    bed::Bed,
    load::Clients,
    requests::Pools,
    variant::{Brings, Filter, Variant},
};

/// Requests before anything is measured: enough for V8 to have compiled what is used often.
const WARM_UP: usize = 2_000;

/// What is measured, and with how many requests each.
pub(crate) struct Rounds(Vec<Turns>);

/// The turns of one variant.
struct Turns {
    clients: Clients,
    /// Requests in a turn.
    requests: usize,
    /// The number of the next request.
    next: usize,
    /// Microseconds for a request, for each turn.
    microseconds: Vec<f64>,
}

impl Rounds {
    /// Finds out how many requests make a turn of so many milliseconds.
    pub(crate) async fn warm_up(
        bed: &Bed,
        variants: &[Variant],
        pools: &Pools,
        clients: u16,
        turn_ms: u32,
    ) -> Result<Self, Failure> {
        let mut all = Vec::new();
        for (variant, listener) in variants.iter().zip(&bed.listeners) {
            let clients = Clients::connect(listener.address(), clients).await?;
            let mut turns = Turns { clients, requests: WARM_UP, next: 0, microseconds: Vec::new() };
            turns.take(bed, variant, pools).await?;
            let each = turns.microseconds.pop().unwrap_or_default().max(1.0);
            turns.requests = (f64::from(turn_ms) * 1000.0 / each).ceil() as usize;
            all.push(turns);
        }
        Ok(Self(all))
    }

    /// Each variant once.
    pub(crate) async fn turn(
        &mut self,
        bed: &Bed,
        variants: &[Variant],
        pools: &Pools,
    ) -> Result<(), Failure> {
        for (turns, variant) in self.0.iter_mut().zip(variants) {
            turns.take(bed, variant, pools).await?;
        }
        Ok(())
    }

    /// Microseconds for a request, for each variant in each round.
    pub(crate) fn finish(self) -> Vec<Vec<f64>> {
        self.0.into_iter().map(|turns| turns.microseconds).collect()
    }
}

impl Turns {
    async fn take(&mut self, bed: &Bed, variant: &Variant, pools: &Pools) -> Result<(), Failure> {
        let failed = |failure: Failure| format!("{}: {failure}", variant.name);
        let requests = pools.of(variant.brings);
        let verified_before = bed.verified().await?;
        let before = bed.cpu()?;
        self.clients.ask(requests, self.next, self.requests, variant.statuses()).await.map_err(failed)?;
        let used: Duration = bed.cpu()?.saturating_sub(before);
        self.next += self.requests;
        check(variant, bed.verified().await? - verified_before, self.requests)?;
        self.microseconds.push(used.as_secs_f64() * 1e6 / self.requests as f64);
        Ok(())
    }
}

/// Whether as many signatures were verified as it should be: a token that is remembered is not fresh.
fn check(variant: &Variant, verified: u64, requests: usize) -> Result<(), Failure> {
    let is_ours = matches!(variant.filter, Filter::Ferrox { .. } | Filter::FerroxAllInWasm);
    let most = match variant.brings {
        Brings::FreshToken(_) if is_ours => (requests as u64, requests as u64),
        // Some are refused unseen, but not all.
        Brings::WrongToken(_) if is_ours => (1, requests as u64),
        // Each of the few is verified once.
        Brings::KnownToken if is_ours => (0, 100),
        _ => (0, 0),
    };
    if (most.0..=most.1).contains(&verified) {
        return Ok(());
    }
    Err(format!("{}: {requests} requests had {verified} signatures verified", variant.name).into())
}
