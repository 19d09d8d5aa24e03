//! Tokens that a worker holds.

use super::*;
use ferrox_policy::sidecar::ReturnRequest;

fn leased() -> Value {
    let mut limit = limit("n", "address", "allow");
    (limit["mode"], limit["requests"]) = (json!("leased"), json!(800));
    limit
}

fn bench() -> Bench {
    Bench::new(Stage::Address, json!([leased()]))
}

fn pass_asked(bench: &mut Bench) {
    bench.next();
    assert!(bench.pass(states(&[(true, 700, 60_000)])));
}

/// Sends a request about which nobody is asked. Whether it passed.
fn pass_unasked(bench: &mut Bench) -> bool {
    bench.next();
    let flow = bench.request();
    bench.host.take_calls().is_empty() && flow == Flow::Continue
}

/// Asks for three requests, and gives the take of the tick after.
fn take(bench: &mut Bench) -> (CallId, LimitsRequest) {
    (0..3).for_each(|_| pass_asked(bench));
    bench.filter.on_tick(&bench.host);
    bench.asked()
}

fn took(bench: &Bench, call: CallId, taken: u64) {
    let state = json!({"allowed": true, "remaining": 500, "reset_ms": 60_000, "taken": taken, "mark": u64::from(taken > 0) * 9});
    let answer = json!({"allowed": true, "limits": [state]}).to_string();
    bench.filter.on_call(&bench.host, call, answered(200, &answer).unwrap());
}

#[test]
fn what_a_tick_took_lets_as_many_requests_pass_without_a_question() {
    let mut bench = bench();
    let (call, request) = take(&mut bench);
    let check = &request.limits[0];
    assert_eq!((check.cost, check.take, check.limit, request.charge), (0, 3, 800, true));
    took(&bench, call, 3);
    for remain in [502, 501, 500] {
        assert!(pass_unasked(&mut bench));
        assert_eq!(bench.respond(&[], "ratelimit"), [format!(r#""n";r={remain};t=60"#)]);
    }
    pass_asked(&mut bench);
    assert_eq!((bench.counted("allowed"), bench.counted("leased")), (7, 3));
}

#[test]
fn what_is_not_used_is_given_back() {
    let mut bench = bench();
    let (call, request) = take(&mut bench);
    took(&bench, call, 3);
    assert!(pass_unasked(&mut bench));
    bench.host.advance(Duration::from_secs(2));
    bench.filter.on_tick(&bench.host);
    let call = bench.host.take_calls().remove(0);
    let back: ReturnRequest = serde_json::from_slice(&call.body).expect("a return");
    assert_eq!((call.path.as_str(), &back.limits[0].key), ("/v1/limits/return", &request.limits[0].key));
    assert_eq!((back.limits[0].tokens, back.limits[0].mark), (2, 9));
    pass_asked(&mut bench);
}

#[test]
fn while_one_limit_is_exact_every_request_asks_and_nothing_is_taken() {
    let mut bench = Bench::new(Stage::Address, json!([leased(), limit("exact", "address", "allow")]));
    for _ in 0..5 {
        bench.next();
        assert!(bench.pass(states(&[(true, 700, 60_000), (true, 9, 60_000)])));
    }
    bench.filter.on_tick(&bench.host);
    assert!(bench.host.take_calls().is_empty());
}

#[test]
fn exact_limits_take_nothing() {
    let mut bench = Bench::new(Stage::Address, json!([limit("n", "address", "allow")]));
    (0..5).for_each(|_| pass_asked(&mut bench));
    bench.filter.on_tick(&bench.host);
    assert!(bench.host.take_calls().is_empty());
}

#[test]
fn a_take_that_is_not_answered_is_not_repeated_at_once_and_counts_for_the_breaker() {
    let mut bench = bench();
    let (call, _) = take(&mut bench);
    bench.filter.on_call(&bench.host, call, CallOutcome::Reset);
    assert_eq!(bench.counted("store_failed"), 1);
    (0..3).for_each(|_| pass_asked(&mut bench));
    bench.filter.on_tick(&bench.host);
    assert!(bench.host.take_calls().is_empty());
}

#[test]
fn tokens_are_given_out_also_while_the_store_fails_and_none_are_taken() {
    let mut bench = bench();
    let (call, _) = take(&mut bench);
    took(&bench, call, 3);
    bench.route(Stage::Address, "r2", &json!({"limits": [limit("n", "address", "allow")]}).to_string());
    for _ in 0..5 {
        bench.next();
        bench.pass(Some(CallOutcome::Reset));
    }
    assert_eq!(bench.counted("breaker_opened"), 1);
    bench.route(Stage::Address, "r1", &json!({"limits": [leased()]}).to_string());
    assert!((0..3).all(|_| pass_unasked(&mut bench)));
    assert_eq!(bench.counted("leased"), 3);
    bench.filter.on_tick(&bench.host);
    assert!(bench.host.take_calls().is_empty());
}

#[test]
fn the_store_of_a_leased_bucket_allows_a_smaller_burst() {
    let mut bucket = leased();
    (bucket["algorithm"], bucket["burst"]) = (json!("token_bucket"), json!(80));
    let mut bench = Bench::new(Stage::Address, json!([bucket]));
    assert_eq!(bench.request(), Flow::Pause);
    assert_eq!(bench.asked().1.limits[0].burst, Some(70));
}
