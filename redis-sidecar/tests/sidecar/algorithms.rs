//! Each algorithm against a simple reference, over random times, costs and keys.

use std::collections::HashMap;

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

/// Runs random histories; `judge` is told of each decision with its time and must agree with it.
fn simulate<J>(
    limits: impl Strategy<Value = Simulated>,
    later_us: impl Strategy<Value = u64>,
    judge: impl Fn(Simulated) -> J,
) where
    J: FnMut(&Step, u64, Said) -> Result<(), TestCaseError>,
{
    let mut simulation = Simulation::start();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(48));
    let simulation = std::cell::RefCell::new(&mut simulation);
    runner
        .run(&(limits, steps(later_us)), |(limit, steps)| {
            let mut simulation = simulation.borrow_mut();
            simulation.reset();
            let mut judge = judge(limit);
            for step in &steps {
                simulation.advance(step.later_us);
                let said = simulation.decide(step.key, limit, step.cost, step.take, "");
                prop_assert!(said.taken <= step.take);
                judge(step, simulation.now_us(), said)?;
            }
            Ok(())
        })
        .unwrap();
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
    simulate(limits, (0..4_u64).prop_map(|ticks| ticks * TICK_US), |limit| {
        let mut windows: HashMap<&str, (u64, u64)> = HashMap::new();
        move |step, now, said| {
            let window = windows.entry(step.key).or_insert((now, 0));
            if window.1 == 0 || now >= window.0 + limit.window_ms * 1_000 {
                *window = (now, 0);
            }
            prop_assert_eq!(said.allowed, window.1 + step.cost.max(1) <= limit.most);
            if said.allowed {
                window.1 += step.cost + said.taken;
            }
            prop_assert_eq!(said.remaining, limit.most - window.1);
            Ok(())
        }
    });
}

#[test]
fn a_sliding_window_never_has_more_than_the_limit_and_refuses_nothing_that_fits() {
    simulate(limit("sliding_window", 1..100), 0..20 * SECOND, |limit| {
        let window = limit.window_ms * 1_000;
        let mut counted: Vec<(&str, u64, u64)> = Vec::new();
        move |step, now, said| {
            let since = |span: u64| -> u64 {
                let recent = |(key, at, _): &&(&str, u64, u64)| *key == step.key && *at + span > now;
                counted.iter().filter(recent).map(|(_, _, cost)| cost).sum()
            };
            if said.allowed {
                let used = since(window) + step.cost + said.taken;
                prop_assert!(used <= limit.most, "{used} of {}", limit.most);
            } else {
                // A sixteenth of a window more than a window.
                prop_assert!(since(window / 16 * 17 + 1) + step.cost.max(1) > limit.most);
            }
            if said.allowed {
                counted.push((step.key, now, step.cost + said.taken));
            }
            Ok(())
        }
    });
}

#[test]
fn a_token_bucket_is_one_that_is_filled_by_hand() {
    simulate(limit("token_bucket", 1..100), 0..20 * SECOND, |limit| {
        let burst = limit.burst as f64;
        let a_microsecond = limit.most as f64 / (limit.window_ms * 1_000) as f64;
        let mut buckets: HashMap<&str, (f64, u64)> = HashMap::new();
        move |step, now, said| {
            let bucket = buckets.entry(step.key).or_insert((burst, now));
            *bucket = ((bucket.0 + (now - bucket.1) as f64 * a_microsecond).min(burst), now);
            let needed = step.cost.max(1) as f64;
            // The two reckon in doubles; where they are that near they may differ.
            if (bucket.0 - needed).abs() > 1e-3 {
                prop_assert_eq!(said.allowed, bucket.0 >= needed, "{} of {}", needed, bucket.0);
            }
            if said.allowed {
                bucket.0 -= (step.cost + said.taken) as f64;
                prop_assert!(bucket.0 >= -1e-3, "{}", bucket.0);
            }
            prop_assert!((said.remaining as f64 - bucket.0.max(0.0).floor()).abs() <= 1.0);
            Ok(())
        }
    });
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
