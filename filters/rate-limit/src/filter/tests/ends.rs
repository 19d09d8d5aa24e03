//! Requests that count until they end.

use super::*;
use ferrox_policy::{rate_limit::Algorithm, sidecar::ReturnRequest};

fn two_at_once(on_store_failure: &str) -> Value {
    let mut limit = limit("slots", "address", on_store_failure);
    limit["algorithm"] = json!("concurrency");
    limit["requests"] = json!(2);
    limit
}

fn bench(on_store_failure: &str) -> Bench {
    Bench::new(Stage::Address, json!([two_at_once(on_store_failure), limit("n", "address", "allow")]))
}

/// The names of the requests whose end was told, in the order of the calls.
fn told(bench: &Bench) -> Vec<Vec<String>> {
    let calls = bench.host.take_calls();
    let leases = calls.iter().map(|call| {
        assert_eq!(call.path, "/v1/limits/return");
        let ended: ReturnRequest = serde_json::from_slice(&call.body).expect("ends");
        ended.limits.into_iter().map(|end| end.lease.expect("a name")).collect()
    });
    leases.collect()
}

/// Asks, and gives the call with the name of the request.
fn ask(bench: &mut Bench) -> (CallId, String) {
    bench.next();
    assert_eq!(bench.request(), Flow::Pause);
    let (call, request) = bench.asked();
    assert_eq!((request.limits[0].algorithm, &request.limits[1].lease), (Algorithm::Concurrency, &None));
    (call, request.limits[0].lease.clone().expect("a name"))
}

fn end(bench: &mut Bench) -> Vec<Vec<String>> {
    bench.stream.on_end(&bench.host);
    told(bench)
}

fn tick(bench: &Bench) -> Vec<Vec<String>> {
    bench.filter.on_tick(&bench.host);
    told(bench)
}

#[test]
fn the_end_of_a_request_that_counted_is_told_at_once_and_once() {
    let mut bench = bench("allow");
    let (call, lease) = ask(&mut bench);
    bench.stream.on_call(&bench.host, call, states(&[(true, 1, 1), (true, 9, 1)]).unwrap());
    assert_eq!(end(&mut bench), [[lease]]);
    assert!(end(&mut bench).is_empty() && tick(&bench).is_empty() && tick(&bench).is_empty());
}

#[test]
fn every_request_has_a_name_of_its_own() {
    let mut bench = bench("allow");
    assert_ne!(ask(&mut bench).1, ask(&mut bench).1);
}

#[test]
fn a_request_that_was_refused_has_nothing_to_end() {
    let mut bench = bench("allow");
    let (call, _) = ask(&mut bench);
    bench.stream.on_call(&bench.host, call, states(&[(true, 1, 1), (false, 0, 1)]).unwrap());
    assert!(end(&mut bench).is_empty() && tick(&bench).is_empty() && tick(&bench).is_empty());
}

#[test]
fn an_end_before_the_answer_is_told_after_it() {
    let mut bench = bench("allow");
    assert!(bench.host.tick().unwrap() >= Duration::from_millis(100), "longer than a question takes");
    let (_, lease) = ask(&mut bench);
    assert!(end(&mut bench).is_empty());
    assert!(tick(&bench).is_empty(), "the tick may have come at once");
    assert_eq!(tick(&bench), [[lease]]);
    assert!(tick(&bench).is_empty());
}

#[test]
fn whatever_way_the_store_fails_the_end_is_told_since_it_may_have_counted() {
    for failure in failures() {
        let mut bench = bench("allow");
        assert!(bench.pass(failure.clone()), "{failure:?}");
        bench.host.refuse_calls(false);
        assert!(end(&mut bench).is_empty(), "{failure:?}");
        assert!(tick(&bench).is_empty());
        assert_eq!(tick(&bench).concat().len(), 1, "{failure:?}");
    }
}

#[test]
fn an_end_that_cannot_be_sent_is_sent_later() {
    let mut bench = bench("allow");
    let (call, lease) = ask(&mut bench);
    bench.stream.on_call(&bench.host, call, states(&[(true, 1, 1), (true, 9, 1)]).unwrap());
    bench.host.refuse_calls(true);
    assert!(end(&mut bench).is_empty() && tick(&bench).is_empty());
    bench.host.refuse_calls(false);
    assert_eq!(tick(&bench), [[lease]]);
}

#[test]
fn a_flood_of_ends_is_told_in_parts_and_what_waits_is_bounded() {
    let mut bench = bench("allow");
    let mut at_once = 0;
    for _ in 0..5_000 {
        ask(&mut bench);
        at_once += end(&mut bench).len();
    }
    assert!(tick(&bench).is_empty());
    let told = tick(&bench);
    assert!(told.iter().all(|part| part.len() <= 64));
    assert_eq!((told.concat().len(), at_once), (4_096, 904));
}

#[test]
fn without_the_store_a_worker_counts_what_is_under_way_and_forgets_what_ended() {
    let mut bench = bench("local");
    let pass = |bench: &mut Bench| {
        bench.next();
        bench.pass(Some(CallOutcome::Reset))
    };
    assert!(pass(&mut bench));
    assert_eq!(bench.respond(&[], "ratelimit"), [r#""slots";r=1"#]);
    assert!(pass(&mut bench));
    let second = std::mem::replace(&mut bench.stream, bench.filter.open());
    assert!(!pass(&mut bench) && bench.reply().status == 429);
    // The one that was refused held nothing.
    end(&mut bench);
    assert!(!pass(&mut bench));
    bench.stream = second;
    end(&mut bench);
    assert!(pass(&mut bench));
    assert!(!pass(&mut bench));
}
