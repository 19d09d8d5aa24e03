//! Each algorithm against a simple reference, over random times, costs and keys.

use ferrox_policy::{
    rate_limit::Algorithm,
    sidecar::{LimitCheck, LimitState, judge::Judge},
};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::simulation::{Said, Simulated, Simulation, TICK_US};

/// A step: so much later, a request of a cost for a key, which takes more if it can.
#[derive(Debug, Clone, Copy)]
struct Step {
    later_us: u64,
    cost: u64,
    take: u64,
    key: &'static str,
}

const KEYS: [&str; 2] = ["ferrox:1:limit|a", "ferrox:1:limit|b"];
const SECOND: u64 = 1_000_000;

fn steps(later_us: impl Strategy<Value = u64>) -> impl Strategy<Value = Vec<Step>> {
    let take = prop_oneof![3 => Just(0), 1 => 0..40_u64];
    let step = (later_us, 0..4_u64, take, prop::sample::select(KEYS.as_slice()))
        .prop_map(|(later_us, cost, take, key)| Step { later_us, cost, take, key });
    prop::collection::vec(step, 1..60)
}

/// Runs random histories and has each decision judged.
fn simulate(limits: impl Strategy<Value = Simulated>, later_us: impl Strategy<Value = u64>) {
    let mut simulation = Simulation::start();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(48));
    let simulation = std::cell::RefCell::new(&mut simulation);
    runner
        .run(&(limits, steps(later_us)), |(limit, steps)| {
            let mut simulation = simulation.borrow_mut();
            simulation.reset();
            let mut judge = Judge::default();
            for step in &steps {
                simulation.advance(step.later_us);
                let said = simulation.decide(step.key, limit, step.cost, step.take, "");
                prop_assert!(said.taken <= step.take);
                let (check, state) = (question(limit, step), state(said));
                judge.judge(simulation.now_us(), &check, &state).map_err(TestCaseError::fail)?;
            }
            Ok(())
        })
        .unwrap();
}

fn question(limit: Simulated, step: &Step) -> LimitCheck {
    let algorithm = match limit.algorithm {
        "fixed_window" => Algorithm::FixedWindow,
        "sliding_window" => Algorithm::SlidingWindow,
        "token_bucket" => Algorithm::TokenBucket,
        other => panic!("{other} is not judged here"),
    };
    LimitCheck {
        algorithm,
        burst: Some(limit.burst),
        cost: step.cost,
        take: step.take,
        ..LimitCheck::fixed_window(step.key, limit.most, limit.window_ms)
    }
}

fn state(said: Said) -> LimitState {
    let Said { allowed, remaining, reset_ms, retry_ms, taken, mark } = said;
    LimitState { allowed, remaining, reset_ms, retry_ms, taken, mark }
}

fn limit(algorithm: &'static str, seconds: std::ops::Range<u64>) -> impl Strategy<Value = Simulated> {
    (1..30_u64, seconds, 1..30_u64).prop_map(move |(most, seconds, burst)| Simulated {
        algorithm,
        most,
        window_ms: seconds * 1_000,
        burst,
    })
}

#[test]
fn a_fixed_window_is_one_that_is_counted_by_hand() {
    let limits = limit("fixed_window", 1..10)
        .prop_map(|limit| Simulated { window_ms: limit.window_ms * TICK_US / SECOND, ..limit });
    simulate(limits, (0..4_u64).prop_map(|ticks| ticks * TICK_US));
}

#[test]
fn a_sliding_window_never_has_more_than_the_limit_and_refuses_nothing_that_fits() {
    simulate(limit("sliding_window", 1..100), 0..20 * SECOND);
}

#[test]
fn a_token_bucket_is_one_that_is_filled_by_hand() {
    simulate(limit("token_bucket", 1..100), 0..20 * SECOND);
}

#[test]
fn who_waits_as_long_as_told_finds_room() {
    let mut simulation = Simulation::start();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(48));
    let simulation = std::cell::RefCell::new(&mut simulation);
    let limits = prop_oneof![limit("sliding_window", 1..100), limit("token_bucket", 1..100)];
    runner
        .run(&(limits, 0..SECOND), |(limit, offset)| {
            let mut simulation = simulation.borrow_mut();
            simulation.reset();
            simulation.advance(offset);
            let refused = loop {
                let said = simulation.decide(KEYS[0], limit, 1, 0, "");
                if !said.allowed {
                    break said;
                }
            };
            simulation.advance(refused.retry_ms * 1_000);
            let said = simulation.decide(KEYS[0], limit, 1, 0, "");
            prop_assert!(said.allowed, "{:?} then {:?}", refused, said);
            Ok(())
        })
        .unwrap();
}

#[test]
fn requests_under_way_are_counted_until_they_end_or_are_given_up() {
    let mut simulation = Simulation::start();
    let two = Simulated { algorithm: "concurrency", most: 2, window_ms: 60_000, burst: 1 };
    let begin = |simulation: &mut Simulation, lease: &str| simulation.decide(KEYS[0], two, 1, 0, lease);
    assert_eq!(begin(&mut simulation, "a").remaining, 1);
    assert!(begin(&mut simulation, "b").allowed);
    let refused = begin(&mut simulation, "c");
    assert!(!refused.allowed);
    assert_eq!(refused.retry_ms, 60_000);
    assert!(begin(&mut simulation, "a").allowed, "one that is known is prolonged");
    assert!(!simulation.decide(KEYS[0], two, 0, 0, "c").allowed, "a look");

    simulation.give_back(KEYS[0], two, 0, 0, "b");
    simulation.give_back(KEYS[0], two, 0, 0, "b");
    assert!(begin(&mut simulation, "c").allowed);
    assert!(!begin(&mut simulation, "d").allowed);

    simulation.advance(30_000_000);
    assert!(begin(&mut simulation, "a").allowed);
    simulation.advance(30_000_000);
    let after = begin(&mut simulation, "d");
    assert!(after.allowed && after.remaining == 0, "c was given up, a was prolonged: {after:?}");
}

#[test]
fn what_is_given_back_can_be_had_again() {
    let mut simulation = Simulation::start();
    for algorithm in ["sliding_window", "token_bucket"] {
        simulation.reset();
        let sixteen = Simulated { algorithm, most: 16, window_ms: 60_000, burst: 16 };
        let first = simulation.decide(KEYS[0], sixteen, 1, 10, "");
        assert_eq!((first.taken, first.remaining), (1, 14), "an eighth of what is left");
        simulation.give_back(KEYS[0], sixteen, 1, first.mark, "");
        assert_eq!(simulation.decide(KEYS[0], sixteen, 0, 0, "").remaining, 15);
        let rest = simulation.decide(KEYS[0], sixteen, 15, 10, "");
        assert_eq!((rest.allowed, rest.remaining, rest.taken), (true, 0, 0));
        assert!(!simulation.decide(KEYS[0], sixteen, 1, 0, "").allowed);
        // Long after: nothing is left to give back to.
        simulation.advance(200_000_000);
        simulation.give_back(KEYS[0], sixteen, 5, first.mark, "");
        assert_eq!(simulation.decide(KEYS[0], sixteen, 0, 0, "").remaining, 16);
    }
}
