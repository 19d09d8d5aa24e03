use std::time::UNIX_EPOCH;

use super::*;

mod simulation;
mod store;

fn at(us: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_760_000_000) + Duration::from_micros(us)
}

fn ms(milliseconds: u64) -> SystemTime {
    at(milliseconds * 1_000)
}

fn check(key: &str) -> LimitCheck {
    LimitCheck::fixed_window(key, 800, 60_000)
}

/// Asks so often, and ends the period then. What is to be taken.
fn period(leases: &mut Leases, now: u64, times: u64) -> u64 {
    for _ in 0..times {
        if leases.pass(ms(now), &[check("a")]).is_none() {
            leases.asked(ms(now), &check("a"));
        }
    }
    let due = leases.tick(ms(now));
    let take = due.takes.iter().flat_map(|request| &request.limits).map(|check| check.take).sum();
    for request in &due.takes {
        let state = |check: &LimitCheck| LimitState {
            allowed: true,
            remaining: 500,
            reset_ms: 30_000,
            taken: check.take,
            mark: 7,
            ..LimitState::default()
        };
        let limits = request.limits.iter().map(state).collect();
        leases.took(ms(now), request, &LimitsResponse { allowed: true, limits });
    }
    take
}

#[test]
fn nothing_is_held_of_a_key_that_is_seldom_used() {
    let mut leases = Leases::new(10);
    for second in 0..10 {
        assert_eq!(period(&mut leases, second * 1_000, 1), 0);
    }
    leases.tick(ms(11_000));
    assert!(leases.keys.is_empty());
}

#[test]
fn what_is_held_follows_what_is_used_and_is_at_most_an_eighth_of_the_limit() {
    let mut leases = Leases::new(10);
    assert_eq!(period(&mut leases, 0, 10), 10);
    assert_eq!(period(&mut leases, 1_000, 10), 10, "all were used, and were enough");
    assert_eq!(period(&mut leases, 2_000, 30), 30, "more than was there");
    assert_eq!(period(&mut leases, 3_000, 300), 100, "an eighth of 800");
    assert_eq!(period(&mut leases, 4_000, 20), 0, "half of it, and more is held");
}

#[test]
fn a_request_passes_only_by_tokens_of_all_its_limits_and_is_told_how_they_stand() {
    let mut leases = Leases::new(10);
    period(&mut leases, 0, 10);
    assert_eq!(leases.pass(ms(0), &[check("a"), check("b")]), None);
    let states = leases.pass(ms(400), &[check("a")]).expect("held");
    assert_eq!((states[0].allowed, states[0].remaining, states[0].reset_ms), (true, 509, 29_600));
    let costly = LimitCheck { cost: 10, ..check("a") };
    assert_eq!(leases.pass(ms(400), &[costly]), None, "9 are held");
    let other = LimitCheck { limit: 10, ..check("a") };
    assert_eq!(leases.pass(ms(400), &[other]), None, "they were taken for another limit");
}

#[test]
fn what_was_not_used_is_given_back_once() {
    let mut leases = Leases::new(10);
    period(&mut leases, 0, 10);
    assert!(leases.pass(ms(0), &[check("a")]).is_some());
    assert_eq!(leases.pass(ms(2_000), &[check("a")]), None, "its time is over");
    let back = leases.tick(ms(2_000)).returns;
    assert_eq!(back.iter().map(|back| (back.tokens, back.mark)).collect::<Vec<_>>(), [(9, 7)]);
    assert!(leases.tick(ms(3_000)).returns.is_empty() && leases.keys.is_empty());
}

#[test]
fn tokens_of_a_bucket_do_not_come_back() {
    let mut leases = Leases::new(10);
    let bucket = LimitCheck { algorithm: Algorithm::TokenBucket, burst: Some(700), ..check("a") };
    for _ in 0..10 {
        leases.asked(ms(0), &bucket);
    }
    let request = leases.tick(ms(0)).takes.remove(0);
    let state = LimitState { allowed: true, taken: 10, mark: 1, ..LimitState::default() };
    leases.took(ms(0), &request, &LimitsResponse { allowed: true, limits: vec![state] });
    assert!(leases.pass(ms(1_999), std::slice::from_ref(&bucket)).is_some());
    assert_eq!(leases.pass(ms(2_000), &[bucket]), None);
    assert!(leases.tick(ms(2_000)).returns.is_empty());
}

#[test]
fn after_a_lost_answer_nothing_is_taken_for_some_time() {
    let mut leases = Leases::new(10);
    let ask = |leases: &mut Leases, now| {
        (0..10).for_each(|_| leases.asked(ms(now), &check("a")));
        leases.tick(ms(now)).takes
    };
    let taken = ask(&mut leases, 0);
    assert_eq!(taken.len(), 1);
    assert!(ask(&mut leases, 500).is_empty(), "one is under way");
    leases.lost(ms(1_000), &taken[0]);
    assert!(ask(&mut leases, 10_999).is_empty());
    assert_eq!(ask(&mut leases, 11_000).len(), 1);
}

#[test]
fn a_flood_of_keys_is_bounded_and_so_are_the_questions_of_a_tick() {
    let mut leases = Leases::new(1_000);
    for number in 0..10_000 {
        for _ in 0..3 {
            leases.asked(ms(0), &check(&number.to_string()));
        }
    }
    assert_eq!(leases.keys.len(), 1_000);
    let takes = leases.tick(ms(0)).takes;
    assert!(takes.len() == MOST_QUESTIONS && takes.iter().all(|take| take.limits.len() <= AT_ONCE));
}

#[test]
fn a_clock_set_back_gives_out_nothing() {
    let mut leases = Leases::new(10);
    period(&mut leases, 100_000, 10);
    assert_eq!(leases.pass(ms(0), &[check("a")]), None);
}
