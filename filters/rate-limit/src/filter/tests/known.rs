//! Limits that are known to be over.

use super::*;

fn over(retry_ms: u64) -> Value {
    json!({"allowed": false, "remaining": 0, "reset_ms": 60_000, "retry_ms": retry_ms})
}

fn refusal(states: &[Value]) -> Option<CallOutcome> {
    answered(200, &json!({"allowed": false, "limits": states}).to_string())
}

/// Sends a request about which nobody is asked.
fn refused_unasked(bench: &mut Bench) -> Reply {
    bench.next();
    assert_eq!(bench.request(), Flow::Pause);
    assert!(bench.host.take_calls().is_empty(), "it was asked");
    bench.reply()
}

#[test]
fn a_limit_that_is_over_refuses_without_a_question_and_answers_as_the_store_would() {
    let mut bench = Bench::new(Stage::Address, json!([limit("a", "address", "allow")]));
    bench.next();
    assert!(!bench.pass(refusal(&[over(7_000)])));
    let asked = bench.reply();
    assert_eq!(refused_unasked(&mut bench), asked);

    bench.host.advance(Duration::from_millis(3_500));
    let later = refused_unasked(&mut bench);
    let header = |name: &str| later.headers.iter().find(|(header, _)| header == name).unwrap().1.clone();
    assert_eq!((header("retry-after"), header("ratelimit")), ("4".to_owned(), r#""a";r=0;t=57"#.to_owned()));
    assert_eq!((bench.counted("denied"), bench.counted("denied_known")), (3, 2));
    let note = bench.host.filter_state(Stage::Address.filter()).unwrap_or_default();
    assert_eq!(String::from_utf8(note).as_deref(), Ok("denied a"));

    bench.host.advance(Duration::from_millis(3_500));
    bench.next();
    assert!(bench.pass(states(&[(true, 9, 60_000)])), "it is asked again");
}

#[test]
fn it_is_refused_without_a_question_also_while_the_store_fails() {
    let mut bench = Bench::new(Stage::Address, json!([limit("a", "address", "allow")]));
    assert!(!bench.pass(refusal(&[over(7_000)])));
    bench.host.refuse_calls(true);
    assert_eq!(refused_unasked(&mut bench).status, 429);
    assert_eq!(bench.counted("store_failed"), 0);
}

#[test]
fn each_client_is_known_by_itself() {
    let mut bench = Bench::new(Stage::Address, json!([limit("a", "address", "allow")]));
    assert!(!bench.pass(refusal(&[over(7_000)])));
    bench.host.set_property(&["source", "address"], b"198.51.100.7:1");
    bench.next();
    assert!(bench.pass(states(&[(true, 9, 60_000)])));
}

#[test]
fn a_request_that_is_refused_without_a_question_holds_no_slot() {
    let mut slots = limit("slots", "address", "allow");
    slots["algorithm"] = json!("concurrency");
    let mut bench = Bench::new(Stage::Address, json!([slots, limit("a", "address", "allow")]));
    let slot = json!({"allowed": true, "remaining": 1, "reset_ms": 1});
    assert!(!bench.pass(refusal(&[slot, over(7_000)])));
    refused_unasked(&mut bench);
    bench.stream.on_end(&bench.host);
    bench.filter.on_tick(&bench.host);
    bench.filter.on_tick(&bench.host);
    assert!(bench.host.take_calls().is_empty());
}

#[test]
fn a_worker_that_is_to_remember_nothing_asks_each_time() {
    let config = json!({"stage": "address", "sidecar": {"cluster": "s"}, "known_keys": 0});
    let mut bench = Bench::configured(config);
    bench.route(Stage::Address, "r", &json!({"limits": [limit("a", "address", "allow")]}).to_string());
    for _ in 0..2 {
        bench.next();
        assert!(!bench.pass(refusal(&[over(7_000)])));
    }
    assert_eq!(bench.counted("denied_known"), 0);
}
