use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;
use crate::local::LocalCounts;

fn at(milliseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000) + Duration::from_millis(milliseconds)
}

fn check(key: &str) -> LimitCheck {
    LimitCheck::fixed_window(key, 10, 60_000)
}

fn over(remaining: u64, reset_ms: u64, retry_ms: u64) -> LimitState {
    LimitState { remaining, reset_ms, retry_ms, ..LimitState::default() }
}

/// What knows this of these keys since 0.
fn knowing(checks: &[LimitCheck], states: &[LimitState]) -> KnownOver {
    let mut known = KnownOver::new(10);
    known.learn(at(0), checks, &LimitsResponse { allowed: false, limits: states.to_vec() }, LONGEST);
    known
}

#[test]
fn a_key_that_is_over_stays_so_until_there_can_be_room() {
    let mut known = knowing(&[check("a")], &[over(0, 9_000, 3_000)]);
    let mut after = |ms| known.refused(at(ms), &[check("a")]);
    assert_eq!(after(0), Some(vec![Some(over(0, 9_000, 3_000))]));
    assert_eq!(after(2_999), Some(vec![Some(over(0, 6_001, 1))]));
    assert_eq!(after(3_000), None);
    assert_eq!(after(2_999), None, "it is forgotten");
}

#[test]
fn nothing_is_known_for_longer_than_the_store_may_change_by_other_hands() {
    let mut known = knowing(&[check("a")], &[over(0, 86_400_000, 86_400_000)]);
    assert!(known.refused(at(9_999), &[check("a")]).is_some());
    assert_eq!(known.refused(at(10_000), &[check("a")]), None);
}

#[test]
fn one_limit_that_is_over_is_enough_and_the_others_are_not_known() {
    let checks = [check("a"), check("b")];
    let mut known = knowing(&checks, &[LimitState { allowed: true, ..over(5, 1, 0) }, over(0, 2_000, 2_000)]);
    assert_eq!(known.refused(at(0), &checks), Some(vec![None, Some(over(0, 2_000, 2_000))]));
    assert_eq!(known.refused(at(0), &checks[..1]), None);
}

#[test]
fn what_must_be_counted_or_can_change_at_any_time_is_asked_about() {
    let exact = check("a");
    for (name, other) in [
        ("denied requests count", LimitCheck { count_denied: true, ..exact.clone() }),
        ("under way", LimitCheck { algorithm: Algorithm::Concurrency, ..exact.clone() }),
        ("a larger limit", LimitCheck { limit: 11, ..exact.clone() }),
        ("another window", LimitCheck { window_ms: 1, ..exact.clone() }),
        ("a larger burst", LimitCheck { burst: Some(11), ..exact.clone() }),
    ] {
        let mut known = knowing(std::slice::from_ref(&exact), &[over(0, 9_000, 9_000)]);
        assert_eq!(known.refused(at(0), std::slice::from_ref(&other)), None, "{name}");
        let mut known = knowing(std::slice::from_ref(&other), &[over(0, 9_000, 9_000)]);
        assert_eq!(known.refused(at(0), std::slice::from_ref(&exact)), None, "{name}");
    }
    let mut known = knowing(std::slice::from_ref(&exact), &[over(0, 9_000, 9_000)]);
    let counts = LimitCheck { count_denied: true, ..check("b") };
    assert_eq!(known.refused(at(0), &[exact, counts]), None, "another counts requests that are denied");
}

#[test]
fn a_limit_that_is_only_reported_refuses_nobody_and_is_reported_with_one_that_does() {
    let checks = [check("a"), LimitCheck { report_only: true, ..check("b") }];
    let states = [over(0, 9_000, 9_000), over(0, 2_000, 2_000)];
    let mut known = knowing(&checks, &states);
    assert_eq!(known.refused(at(0), &checks[1..]), None);
    assert_eq!(known.refused(at(0), &checks), Some(states.map(Some).to_vec()));
}

#[test]
fn there_may_be_room_for_what_needs_less() {
    let costs = |cost| LimitCheck { cost, ..check("a") };
    let mut known = knowing(&[costs(3)], &[over(2, 9_000, 9_000)]);
    assert!(known.refused(at(0), &[costs(3)]).is_some() && known.refused(at(0), &[costs(4)]).is_some());
    assert_eq!(known.refused(at(0), &[costs(2)]), None);
}

#[test]
fn a_clock_set_back_refuses_nobody() {
    let mut known = KnownOver::new(10);
    let response = LimitsResponse { allowed: false, limits: vec![over(0, 9_000, 9_000)] };
    known.learn(at(100_000), &[check("a")], &response, LONGEST);
    assert_eq!(known.refused(at(0), &[check("a")]), None);
}

#[test]
fn with_no_room_nothing_is_known() {
    let mut known = KnownOver::new(0);
    let response = LimitsResponse { allowed: false, limits: vec![over(0, 9_000, 9_000)] };
    known.learn(at(0), &[check("a")], &response, LONGEST);
    assert_eq!(known.refused(at(0), &[check("a")]), None);
}

#[test]
fn a_key_that_is_asked_about_outlives_a_flood_of_others() {
    let mut known = knowing(&[check("a")], &[over(0, 9_000, 9_000)]);
    for number in 0..1_000 {
        let response = LimitsResponse { allowed: false, limits: vec![over(0, 9_000, 9_000)] };
        known.learn(at(0), &[check(&number.to_string())], &response, LONGEST);
        assert!(known.refused(at(0), &[check("a")]).is_some(), "after {number}");
        assert!(known.young.len() + known.old.len() <= 10);
    }
    assert_eq!(known.refused(at(0), &[check("3")]), None);
}

/// A request of a worker, so much later, with a limit of a key each.
#[derive(Debug, Clone)]
struct Step {
    later: u64,
    worker: usize,
    costs: Vec<u64>,
}

fn step() -> impl Strategy<Value = Step> {
    let later = prop_oneof![Just(0), 0..2_000_u64, 0..20_000_u64];
    (later, 0..2_usize, prop::collection::vec(1..4_u64, 1..3)).prop_map(|(later, worker, costs)| Step {
        later,
        worker,
        costs,
    })
}

fn limit() -> impl Strategy<Value = LimitCheck> {
    use Algorithm::{FixedWindow, SlidingWindow, TokenBucket};
    let algorithm = prop::sample::select(vec![FixedWindow, SlidingWindow, TokenBucket]);
    (algorithm, 3..10_u64, 1..60_u64, 3..10_u64).prop_map(|(algorithm, limit, seconds, burst)| LimitCheck {
        algorithm,
        burst: (algorithm == TokenBucket).then_some(burst),
        ..LimitCheck::fixed_window("", limit, seconds * 1_000)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// By whichever of two workers, for one limit or two: what is refused without a question would have been refused with one, and nobody
    /// is told to wait for longer.
    #[test]
    fn only_what_the_store_would_refuse_is_refused_without_it(
        limit in limit(), capacity in 1..4_usize, steps in prop::collection::vec(step(), 1..100),
    ) {
        let mut store = LocalCounts::new(10);
        let mut workers = [KnownOver::new(capacity), KnownOver::new(capacity)];
        let mut now = 0;
        for step in steps {
            now += step.later;
            let keyed = |(key, cost): (usize, &u64)| LimitCheck { key: key.to_string(), cost: *cost, ..limit.clone() };
            let checks: Vec<_> = step.costs.iter().enumerate().map(keyed).collect();
            let refused = workers[step.worker].refused(at(now), &checks);
            let response = store.count(at(now), &checks);
            let Some(states) = refused else {
                workers[step.worker].learn(at(now), &checks, &response, LONGEST);
                continue;
            };
            prop_assert!(!response.allowed, "{:?} though {:?}", states, response);
            for (known, said) in states.iter().zip(&response.limits) {
                let Some(known) = known else { continue };
                prop_assert!(!known.allowed && !said.allowed && known.retry_ms <= said.retry_ms + 1, "{:?} {:?}", known, said);
            }
        }
    }
}
