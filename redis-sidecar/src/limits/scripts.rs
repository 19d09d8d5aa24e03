//! The two scripts that run in Redis.

use std::sync::LazyLock;

use ferrox_policy::{
    rate_limit::Algorithm,
    sidecar::{LimitCheck, Return},
};
use tokio::time::Instant;

use crate::{
    command::{Arguments, Command, Script},
    failure::{RedisFailure, Refusal},
    store::Store,
};

static DECIDE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("decide.lua")));
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("give_back.lua")));

/// What a script is to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Count it if all limits have room.
    Decide,
    /// Count it in any case.
    Charge,
    /// Tell whether there is room, and count nothing.
    Look,
    /// Count it only where refused requests count.
    Refuse,
}

/// What became of a limit.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted {
    pub(super) has_room: bool,
    pub(super) remaining: u64,
    pub(super) reset_ms: u64,
    pub(super) retry_ms: u64,
    pub(super) taken: u64,
    /// Where it was counted. 0: it was not.
    pub(super) mark: u64,
}

/// Asks about limits that are together, see [`Store::together`].
pub(super) async fn ask(
    store: &Store,
    limits: &[LimitCheck],
    mode: Mode,
    until: Instant,
) -> Result<Vec<Counted>, RedisFailure> {
    let mut keys = Vec::new();
    let mut arguments = Arguments::default();
    arguments.push(match mode {
        Mode::Decide => "decide",
        Mode::Charge => "charge",
        Mode::Look => "look",
        Mode::Refuse => "refuse",
    });
    for limit in limits {
        keys.push(limit.key.clone());
        arguments
            .push(name(limit.algorithm))
            .push(limit.limit)
            .push(limit.window_ms)
            .push(limit.burst.unwrap_or(limit.limit))
            .push(limit.cost)
            .push(u8::from(limit.report_only))
            .push(u8::from(limit.count_denied))
            .push(limit.take)
            .push(limit.lease.as_deref().unwrap_or_default());
    }
    let command = Command::script(&DECIDE, keys, arguments);
    let states: Vec<(bool, u64, u64, u64, u64, u64)> = store.run(&command, until).await?;
    if states.len() != limits.len() {
        return Err(RedisFailure::Refused(Refusal::Nonsense));
    }
    let counted = |(has_room, remaining, reset_ms, retry_ms, taken, mark)| Counted {
        has_room,
        remaining,
        reset_ms,
        retry_ms,
        taken,
        mark,
    };
    Ok(states.into_iter().map(counted).collect())
}

/// Gives back to limits that are together.
pub(super) async fn give_back(store: &Store, returns: &[Return], until: Instant) -> Result<(), RedisFailure> {
    let mut keys = Vec::new();
    let mut arguments = Arguments::default();
    for back in returns {
        keys.push(back.key.clone());
        arguments
            .push(name(back.algorithm))
            .push(back.limit)
            .push(back.window_ms)
            .push(back.tokens)
            .push(back.mark)
            .push(back.lease.as_deref().unwrap_or_default());
    }
    let _looked_at: usize = store.run(&Command::script(&GIVE_BACK, keys, arguments), until).await?;
    Ok(())
}

/// What the scripts call it.
const fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::FixedWindow => "fixed_window",
        Algorithm::SlidingWindow => "sliding_window",
        Algorithm::TokenBucket => "token_bucket",
        Algorithm::Concurrency => "concurrency",
    }
}
