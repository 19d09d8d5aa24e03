use super::*;
use ferrox_policy::{rate_limit::Algorithm, sidecar::judge::Judge};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000;

/// Some time after 1970 on which no window begins of itself.
fn at_us(us: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(1_760_000_000_123_456 + us)
}

/// One thing that happens: so much later, a request of a cost for a key. Where requests under way are counted, one that began
/// earlier may end before.
#[derive(Debug, Clone)]
struct Step {
    later: u64,
    key: &'static str,
    cost: u64,
    count_denied: bool,
    report_only: bool,
    ends: Option<usize>,
}

fn step() -> impl Strategy<Value = Step> {
    let later = prop_oneof![Just(0), 0..20 * SECOND, 0..SECOND];
    let key = prop::sample::select(vec!["a", "b"]);
    let flags = (prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    (later, key, 0..4_u64, flags, prop::option::of(0..60_usize)).prop_map(
        |(later, key, cost, (count_denied, report_only), ends)| Step {
            later,
            key,
            cost,
            count_denied,
            report_only,
            ends,
        },
    )
}

fn limit() -> impl Strategy<Value = LimitCheck> {
    use Algorithm::{Concurrency, FixedWindow, SlidingWindow, TokenBucket};
    let algorithm = prop::sample::select(vec![FixedWindow, SlidingWindow, TokenBucket, Concurrency]);
    (algorithm, 1..30_u64, 1..100_u64, 1..30_u64).prop_map(|(algorithm, limit, seconds, burst)| LimitCheck {
        algorithm,
        burst: (algorithm == TokenBucket).then_some(burst),
        ..LimitCheck::fixed_window("", limit, seconds * 1_000)
    })
}

/// The question of a step.
fn question(limit: &LimitCheck, step: &Step, number: usize) -> LimitCheck {
    let under_way = limit.algorithm == Algorithm::Concurrency;
    LimitCheck {
        key: step.key.to_owned(),
        cost: if under_way { 1 } else { step.cost },
        count_denied: step.count_denied && !under_way,
        report_only: step.report_only,
        lease: under_way.then(|| number.to_string()),
        ..limit.clone()
    }
}

fn count(counts: &mut LocalCounts, now: u64, check: &LimitCheck) -> LimitState {
    let response = counts.count(at_us(now), std::slice::from_ref(check));
    assert_eq!(response.allowed, response.limits[0].allowed || check.report_only);
    response.limits[0].clone()
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000 + seconds)
}

fn check(key: &str, limit: u64) -> LimitCheck {
    LimitCheck::fixed_window(key, limit, 10_000)
}

#[test]
fn a_window_counts_from_its_first_request_and_starts_again() {
    let mut counts = LocalCounts::new(10);
    let two = check("k", 2);
    let mut count = |seconds| {
        let response = counts.count(at(seconds), std::slice::from_ref(&two));
        let state = response.limits[0].clone();
        (response.allowed, state.remaining, state.reset_ms)
    };
    assert_eq!(count(0), (true, 1, 10_000));
    assert_eq!(count(4), (true, 0, 6_000));
    assert_eq!(count(9), (false, 0, 1_000));
    assert_eq!(count(10), (true, 1, 10_000));
    assert_eq!(count(11), (true, 0, 9_000));
    assert_eq!(count(12), (false, 0, 8_000));
}

#[test]
fn a_request_is_counted_by_all_or_none() {
    let mut counts = LocalCounts::new(10);
    let (one, five) = (check("a", 1), check("b", 5));
    assert!(counts.count(at(0), &[one.clone(), five.clone()]).allowed);
    let denied = counts.count(at(1), &[one.clone(), five.clone()]);
    assert!(!denied.allowed && !denied.limits[0].allowed && denied.limits[1].allowed);
    assert_eq!(denied.limits[1].remaining, 4);
    assert_eq!(counts.count(at(1), &[five]).limits[0].remaining, 3);
}

#[test]
fn a_flood_of_keys_is_bounded_and_known_keys_go_on() {
    let mut counts = LocalCounts::new(100);
    let known = check("known", 1_000);
    assert!(counts.count(at(0), std::slice::from_ref(&known)).allowed);
    let allowed = (0..10_000).filter(|n| counts.count(at(0), &[check(&n.to_string(), 1)]).allowed).count();
    assert_eq!((allowed, counts.keys.len()), (99, 100));
    assert!(counts.count(at(0), std::slice::from_ref(&known)).allowed);
}

#[test]
fn ended_windows_make_room_at_most_once_a_second() {
    let mut counts = LocalCounts::new(1);
    assert!(counts.count(at(0), &[check("old", 1)]).allowed);
    // A search that finds nothing; 10 s after the start the window ends.
    assert!(!counts.count(at(9) + Duration::from_millis(500), &[check("new", 1)]).allowed);
    assert!(!counts.count(at(10), &[check("new", 1)]).allowed);
    assert!(counts.count(at(11), &[check("new", 1)]).allowed);
}

#[test]
fn two_new_keys_need_two_places() {
    let mut counts = LocalCounts::new(1);
    let (a, b) = (check("a", 1), check("b", 1));
    assert!(!counts.count(at(0), &[a.clone(), b]).allowed);
    assert!(counts.keys.is_empty());
    assert!(counts.count(at(0), &[a]).allowed);
}

#[test]
fn a_clock_set_back_locks_nobody_out() {
    let mut counts = LocalCounts::new(1);
    let one = check("k", 1);
    assert!(counts.count(at(100), std::slice::from_ref(&one)).allowed);
    assert!(!counts.count(at(101), std::slice::from_ref(&one)).allowed);
    assert!(counts.count(at(0), std::slice::from_ref(&one)).allowed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_worker_counts_by_the_rules_of_the_store(
        limit in limit(), steps in prop::collection::vec(step(), 1..60),
    ) {
        let (mut counts, mut judge, mut now) = (LocalCounts::new(2), Judge::default(), 0);
        let mut asked: Vec<LimitCheck> = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            now += step.later;
            if let Some(ended) = step.ends.and_then(|index| asked.get(index)) {
                counts.end(std::slice::from_ref(ended));
                judge.end(&ended.key, ended.lease.as_deref().unwrap_or_default());
            }
            let check = question(&limit, step, number);
            let state = count(&mut counts, now, &check);
            judge.judge(now, &check, &state).map_err(TestCaseError::fail)?;
            asked.push(check);
        }
    }

    #[test]
    fn who_waits_as_long_as_told_finds_room_and_then_all_of_it(
        limit in limit(), steps in prop::collection::vec(step(), 1..30),
    ) {
        let (mut counts, mut now) = (LocalCounts::new(2), 0);
        let mut last = None;
        for (number, step) in steps.iter().enumerate() {
            now += step.later;
            // Debts are paid in more than the time that is told.
            let step = Step { key: "a", count_denied: false, report_only: false, ..step.clone() };
            let check = question(&limit, &step, number);
            last = Some((count(&mut counts, now, &check), check));
        }
        let (state, check) = last.expect("a step");
        let again = LimitCheck { lease: check.lease.map(|_| "again".to_owned()), ..check };
        let most = again.burst.unwrap_or(again.limit);
        if !state.allowed && again.cost <= most {
            let retried = count(&mut counts, now + state.retry_ms * 1_000, &again);
            prop_assert!(retried.allowed, "{:?} then {:?}", state, retried);
        } else if again.lease.is_none() {
            let look = LimitCheck { cost: 0, ..again };
            prop_assert_eq!(count(&mut counts, now + state.reset_ms * 1_000, &look).remaining, most);
        }
    }

    /// Also by requests that count though they are refused. What is under way is at most what Envoy holds.
    #[test]
    fn whatever_is_asked_memory_is_bounded(
        limit in limit(),
        capacity in 1..20_usize,
        keys in prop::collection::vec((0..100_u32, step()), 1..300),
    ) {
        let (mut counts, mut now) = (LocalCounts::new(capacity), 0);
        for (number, (key, step)) in keys.into_iter().enumerate() {
            now += step.later;
            let check = question(&limit, &Step { report_only: false, ..step }, number);
            count(&mut counts, now, &LimitCheck { key: key.to_string(), ..check });
            prop_assert!(counts.keys.len() <= capacity);
            let largest = counts.keys.values().map(|known| known.count.size()).max().unwrap_or(0);
            let most = if limit.algorithm == Algorithm::Concurrency { limit.limit } else { 17 };
            prop_assert!(largest as u64 <= most, "{} in one count", largest);
        }
    }
}
