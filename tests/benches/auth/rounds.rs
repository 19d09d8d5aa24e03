//! The turns of the variants.

use std::time::Duration;

use ferrox_testbed::bench::{
    Failure,
    turns::{Turns, each},
};

use crate::{
    bed::Bed,
    requests::Pools,
    variant::{Brings, Filter, Variant},
};

/// What is measured.
pub(crate) struct Rounds(Vec<Measured>);

/// One variant.
struct Measured {
    turns: Turns,
    /// Microseconds for a request, for each turn.
    microseconds: Vec<f64>,
}

impl Rounds {
    /// Finds out how many requests make a turn of this processor time.
    pub(crate) async fn warm_up(
        bed: &Bed,
        variants: &[Variant],
        pools: &Pools,
        clients: u16,
        turn: Duration,
    ) -> Result<Self, Failure> {
        let mut all = Vec::new();
        for (variant, listener) in variants.iter().zip(bed.listeners()) {
            let turns = Turns::connect(listener.address(), clients).await?;
            let mut measured = Measured { turns, microseconds: Vec::new() };
            measured.take(bed, variant, pools).await?;
            measured.turns.last(turn, measured.microseconds.pop().unwrap_or_default());
            all.push(measured);
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
        for (measured, variant) in self.0.iter_mut().zip(variants) {
            measured.take(bed, variant, pools).await?;
        }
        Ok(())
    }

    /// Microseconds for a request, for each variant in each round.
    pub(crate) fn finish(self) -> Vec<Vec<f64>> {
        self.0.into_iter().map(|measured| measured.microseconds).collect()
    }
}

impl Measured {
    async fn take(&mut self, bed: &Bed, variant: &Variant, pools: &Pools) -> Result<(), Failure> {
        let failed = |failure: Failure| format!("{}: {failure}", variant.name);
        let verified_before = bed.verified().await?;
        let before = bed.cpu()?;
        let requests = pools.of(variant.brings);
        let asked = self.turns.take(requests, variant.statuses()).await.map_err(failed)?;
        let used = bed.cpu()?.saturating_sub(before);
        check(variant, bed.verified().await? - verified_before, asked)?;
        self.microseconds.push(each(used, asked));
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
