//! The turns of the variants.

use std::time::Duration;

use ferrox_testbed::bench::{
    Failure,
    turns::{Turns, each},
};

use crate::{bed::Bed, requests::Pools, services::Spent, variant::Variant};

/// What is measured.
pub(crate) struct Rounds(Vec<(Turns, Costs)>);

/// CPU microseconds for a request of one variant, for each round.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    pub(crate) envoy: Vec<f64>,
    /// What Envoy asks, without its Redis.
    pub(crate) service: Vec<f64>,
    pub(crate) redis: Vec<f64>,
    /// Both together.
    pub(crate) behind: Vec<f64>,
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
        for (variant, listener) in variants.iter().zip(bed.envoys.listeners()) {
            let mut turns = Turns::connect(listener.address(), clients).await?;
            let mut first = Costs::default();
            take(&mut turns, &mut first, bed, variant, pools).await?;
            turns.last(turn, first.envoy.first().copied().unwrap_or_default());
            all.push((turns, Costs::default()));
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
        for ((turns, costs), variant) in self.0.iter_mut().zip(variants) {
            take(turns, costs, bed, variant, pools).await?;
        }
        Ok(())
    }

    /// The costs of each variant.
    pub(crate) fn finish(self) -> Vec<Costs> {
        self.0.into_iter().map(|(_, costs)| costs).collect()
    }
}

async fn take(
    turns: &mut Turns,
    costs: &mut Costs,
    bed: &Bed,
    variant: &Variant,
    pools: &Pools,
) -> Result<(), Failure> {
    let failed = |failure: Failure| format!("{}: {failure}", variant.name);
    let service = variant.filter.asks();
    let asked_before = asked(bed, variant).await?;
    let (envoy, spent) = (bed.envoys.cpu()?, service.map(|service| bed.services.cpu(service)).transpose()?);
    let requests = turns.take(pools.of(variant.from), variant.statuses()).await.map_err(failed)?;
    costs.envoy.push(each(bed.envoys.cpu()?.saturating_sub(envoy), requests));
    if let (Some(service), Some(before)) = (service, spent) {
        let Spent { service, redis } = bed.services.cpu(service)?.since(before);
        costs.service.push(each(service, requests));
        costs.redis.push(each(redis, requests));
        costs.behind.push(each(service + redis, requests));
    }
    check(variant, asked(bed, variant).await? - asked_before, requests)
}

async fn asked(bed: &Bed, variant: &Variant) -> Result<u64, Failure> {
    match variant.filter.asks() {
        None => Ok(0),
        Some(service) => bed.asked(service).await,
    }
}

/// Whether the service was asked as often as it should be: a limit that is not asked about costs nothing.
fn check(variant: &Variant, asked: u64, requests: usize) -> Result<(), Failure> {
    let (least, most) = variant.filter.questions(requests as u64);
    if (least..=most).contains(&asked) {
        return Ok(());
    }
    Err(format!("{}: {requests} requests asked {asked} times instead of {least} to {most}", variant.name)
        .into())
}
