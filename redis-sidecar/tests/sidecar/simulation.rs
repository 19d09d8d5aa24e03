//! The script of decisions in a real Redis, at times of the test's choosing.
//!
//! Redis's clock cannot be set, so the script's question after the time is replaced by an answer, and what would have
//! expired by then is removed. Redis's own expiry goes on meanwhile, so it is rounded up to [`TICK_US`]: a fixed window, which
//! ends by it, must be simulated in steps of that; the others keep times of their own.

use std::collections::HashMap;

use redis::{Connection, Script};

use crate::redis_server::RedisServer;

const DECIDE: &str = include_str!("../../src/limits/decide.lua");
const GIVE_BACK: &str = include_str!("../../src/limits/give_back.lua");

/// The script's own origin of time, in seconds since 1970.
const ORIGIN: u64 = 1_760_000_000;

/// More than a slow machine can lose between two commands, in microseconds.
pub(crate) const TICK_US: u64 = 10_000_000;

/// A limit of the simulation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Simulated {
    pub(crate) algorithm: &'static str,
    pub(crate) most: u64,
    pub(crate) window_ms: u64,
    pub(crate) burst: u64,
}

/// What the script says of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) allowed: bool,
    pub(crate) remaining: u64,
    pub(crate) reset_ms: u64,
    pub(crate) retry_ms: u64,
    pub(crate) taken: u64,
    pub(crate) mark: u64,
}

pub(crate) struct Simulation {
    connection: Connection,
    _redis: RedisServer,
    decide: Script,
    give_back: Script,
    now_us: u64,
    /// When each key expires.
    expiries: HashMap<String, u64>,
}

impl Simulation {
    pub(crate) fn start() -> Self {
        let redis = RedisServer::start();
        let connection = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
        let at_a_time = |script: &str| {
            let asked = "redis.call('TIME')";
            assert!(script.contains(asked));
            Script::new(&script.replace(asked, "{ARGV[#ARGV - 1], ARGV[#ARGV]}"))
        };
        Self {
            connection,
            _redis: redis,
            decide: at_a_time(DECIDE),
            give_back: at_a_time(GIVE_BACK),
            now_us: 0,
            expiries: HashMap::new(),
        }
    }

    /// Forgets everything, and begins again at the origin of time.
    pub(crate) fn reset(&mut self) {
        redis::cmd("FLUSHALL").exec(&mut self.connection).unwrap();
        self.expiries.clear();
        self.now_us = 0;
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.now_us
    }

    pub(crate) fn advance(&mut self, us: u64) {
        self.now_us += us;
        for (key, expiry) in &self.expiries {
            let left = expiry.saturating_sub(self.now_us).div_ceil(1_000);
            // With no time left, the key goes at once.
            redis::cmd("PEXPIRE").arg(key).arg(left).exec(&mut self.connection).unwrap();
        }
        self.expiries.retain(|_, expiry| *expiry > self.now_us);
    }

    /// A decision on one limit.
    pub(crate) fn decide(&mut self, key: &str, limit: Simulated, cost: u64, take: u64, lease: &str) -> Said {
        let mut invocation = self.decide.prepare_invoke();
        invocation
            .key(key)
            .arg("decide")
            .arg(limit.algorithm)
            .arg(limit.most)
            .arg(limit.window_ms)
            .arg(limit.burst);
        invocation.arg(cost).arg(0).arg(0).arg(take).arg(lease);
        invocation.arg(ORIGIN + self.now_us / 1_000_000).arg(self.now_us % 1_000_000);
        let states: Vec<(bool, u64, u64, u64, u64, u64)> = invocation.invoke(&mut self.connection).unwrap();
        self.note_expiry(key);
        let [(allowed, remaining, reset_ms, retry_ms, taken, mark)] = states.try_into().unwrap();
        Said { allowed, remaining, reset_ms, retry_ms, taken, mark }
    }

    pub(crate) fn give_back(&mut self, key: &str, limit: Simulated, tokens: u64, mark: u64, lease: &str) {
        let mut invocation = self.give_back.prepare_invoke();
        invocation.key(key).arg(limit.algorithm).arg(limit.most).arg(limit.window_ms);
        invocation.arg(tokens).arg(mark).arg(lease);
        invocation.arg(ORIGIN + self.now_us / 1_000_000).arg(self.now_us % 1_000_000);
        let returned: u64 = invocation.invoke(&mut self.connection).unwrap();
        assert_eq!(returned, 1);
        self.note_expiry(key);
    }

    fn note_expiry(&mut self, key: &str) {
        let left: i64 = redis::cmd("PTTL").arg(key).query(&mut self.connection).unwrap();
        assert_ne!(left, -1, "{key} never expires");
        match u64::try_from(left) {
            Ok(left) => {
                let ticks = (left * 1_000).div_ceil(TICK_US);
                self.expiries.insert(key.to_owned(), self.now_us + ticks * TICK_US);
            }
            // It is gone.
            Err(_) => drop(self.expiries.remove(key)),
        }
    }
}
