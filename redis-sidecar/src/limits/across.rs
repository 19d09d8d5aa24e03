//! A decision whose counts are in several slots of a Cluster, where no script reaches them all.
//!
//! All slots are first asked whether there is room, which counts nothing: a request that is refused leaves no trace, so a
//! client who is refused takes nothing from others. If all have room, all count. A slot that ran out of room in between makes
//! the others give back. A limit is never exceeded; what can happen is that another request is refused meanwhile, and that a
//! count stays until it expires when Redis fails in the middle.

use std::{sync::Arc, time::Duration};

use ferrox_policy::sidecar::{LimitCheck, Return};
use tokio::{task::JoinSet, time::Instant};

use super::{
    all_have_room,
    returns::give_back,
    scripts::{self, Counted, Mode},
};
use crate::{
    deadline,
    failure::{RedisFailure, Refusal},
    store::Store,
};

/// Decides on `limits`, whose `groups` are in one slot each. `cleaning` is how long to wait for what is given back.
pub(super) async fn decide(
    store: &Arc<Store>,
    limits: &[LimitCheck],
    groups: &[Vec<usize>],
    mode: Mode,
    until: Instant,
    cleaning: Duration,
) -> Result<Vec<Counted>, RedisFailure> {
    let across = Across { store, limits, groups, until };
    if mode == Mode::Charge {
        return whole(across.ask(mode).await);
    }
    let mut looked = whole(across.ask(Mode::Look).await)?;
    if !all_have_room(limits, &looked) {
        across.count_denied(&mut looked).await?;
        return Ok(looked);
    }
    let mut states = across.ask(Mode::Decide).await;
    let passes = whole(states.clone()).is_ok_and(|states| all_have_room(limits, &states));
    if !passes {
        across.undo(&mut states, cleaning).await;
    }
    whole(states)
}

struct Across<'a> {
    store: &'a Arc<Store>,
    limits: &'a [LimitCheck],
    groups: &'a [Vec<usize>],
    until: Instant,
}

impl Across<'_> {
    /// Asks all slots at once. The answers are in the order of the limits.
    async fn ask(&self, mode: Mode) -> Vec<Result<Counted, RedisFailure>> {
        self.ask_groups(mode, self.groups.to_vec()).await
    }

    async fn ask_groups(&self, mode: Mode, groups: Vec<Vec<usize>>) -> Vec<Result<Counted, RedisFailure>> {
        let mut asked = JoinSet::new();
        for group in groups {
            let limits: Vec<_> = group.iter().filter_map(|index| self.limits.get(*index)).cloned().collect();
            let (store, until) = (Arc::clone(self.store), self.until);
            asked.spawn(async move { (group, scripts::ask(&store, &limits, mode, until).await) });
        }
        let nothing = Err(RedisFailure::Refused(Refusal::Nonsense));
        let mut states = vec![nothing; self.limits.len()];
        for (group, answer) in asked.join_all().await {
            for (position, index) in group.into_iter().enumerate() {
                let Some(state) = states.get_mut(index) else { continue };
                *state = match &answer {
                    Ok(counted) => Ok(counted.get(position).cloned().unwrap_or_default()),
                    Err(failure) => Err(failure.clone()),
                };
            }
        }
        states
    }

    /// Counts a refused request where refused requests count.
    async fn count_denied(&self, states: &mut [Counted]) -> Result<(), RedisFailure> {
        let counting =
            self.groups.iter().filter(|group| group.iter().any(|index| self.counts_denied(*index)));
        let counting = counting.cloned().collect();
        let counted = self.ask_groups(Mode::Refuse, counting).await;
        for (index, (state, counted)) in states.iter_mut().zip(counted).enumerate() {
            if self.counts_denied(index) {
                *state = counted?;
            }
        }
        Ok(())
    }

    fn counts_denied(&self, index: usize) -> bool {
        self.limits.get(index).is_some_and(|limit| limit.count_denied)
    }

    /// Gives back what was counted for a request that does not pass after all.
    async fn undo(&self, states: &mut [Result<Counted, RedisFailure>], cleaning: Duration) {
        let counted = self.limits.iter().zip(states);
        let returns: Vec<_> =
            counted.filter_map(|(limit, state)| undo_one(limit, state.as_mut().ok()?)).collect();
        if returns.is_empty() {
            return;
        }
        let store = Arc::clone(self.store);
        // It goes on when the client does not wait for it. A failure is in metrics and log already.
        let undoing =
            tokio::spawn(async move { give_back(&store, &returns, deadline::until(cleaning)).await.is_ok() });
        let undone = undoing.await.is_ok_and(|undone| undone);
        tracing::debug!(undone, "a request was counted and does not pass");
    }
}

/// What gives back what a limit counted, which it then has not counted. Refused requests may count.
fn undo_one(limit: &LimitCheck, state: &mut Counted) -> Option<Return> {
    let stays = if limit.count_denied { limit.cost } else { 0 };
    let tokens = (limit.cost + state.taken).saturating_sub(stays);
    if state.mark == 0 || tokens == 0 {
        return None;
    }
    state.remaining += tokens;
    state.taken = 0;
    Some(Return {
        key: limit.key.clone(),
        algorithm: limit.algorithm,
        limit: limit.limit,
        window_ms: limit.window_ms,
        tokens,
        mark: state.mark,
        lease: limit.lease.clone(),
    })
}

fn whole(states: Vec<Result<Counted, RedisFailure>>) -> Result<Vec<Counted>, RedisFailure> {
    states.into_iter().collect()
}
