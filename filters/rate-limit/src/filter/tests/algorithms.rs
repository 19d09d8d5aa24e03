//! What a limit says of how it counts, and what the store and the client hear of it.

use super::*;
use ferrox_policy::rate_limit::Algorithm;

fn with(fields: Value) -> Value {
    let mut limit = limit("n", "address", "local");
    limit.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    limit
}

#[test]
fn the_question_says_how_to_count() {
    let bucket = with(json!({"algorithm": "token_bucket", "burst": 20, "cost": 3, "count_denied": true}));
    let reported = with(json!({"name": "r", "algorithm": "sliding_window", "report_only": true}));
    let mut bench = Bench::new(Stage::Address, json!([bucket, reported]));
    assert_eq!(bench.request(), Flow::Pause);
    let (_, request) = bench.asked();
    let [bucket, reported] = &request.limits[..] else { panic!("{request:?}") };
    assert_eq!((bucket.algorithm, bucket.burst, bucket.cost), (Algorithm::TokenBucket, Some(20), 3));
    assert_eq!((bucket.count_denied, bucket.report_only, bucket.take), (true, false, 0));
    assert_eq!((reported.algorithm, reported.report_only), (Algorithm::SlidingWindow, true));
    assert_eq!((reported.cost, &reported.lease, request.charge), (1, &None, false));
}

#[test]
fn a_limit_of_everybody_has_one_key_for_all_and_is_decided_before_authentication() {
    let mut bench = Bench::new(Stage::Address, json!([limit("n", "all", "allow")]));
    let first = bench.keys();
    assert_eq!(first, ["ferrox:1:limit|2:r1|1:n|5:fixed|3:all"]);
    bench.host.set_property(&["source", "address"], b"198.51.100.7:1");
    assert_eq!(bench.keys(), first);
}

#[test]
fn a_limit_that_is_only_reported_refuses_nobody_and_is_told_to_the_operator_alone() {
    let mut bench = Bench::new(Stage::Address, json!([with(json!({"report_only": true}))]));
    let state = json!({"allowed": false, "remaining": 0, "reset_ms": 1, "retry_ms": 1});
    assert!(bench.pass(answered(200, &json!({"allowed": true, "limits": [state]}).to_string())));
    assert_eq!((bench.counted("allowed"), bench.counted("reported"), bench.counted("denied")), (1, 1, 0));
    let note = bench.host.filter_state(Stage::Address.filter()).unwrap_or_default();
    assert_eq!(String::from_utf8(note).as_deref(), Ok("allowed reported n"));
    assert!(bench.respond(&[], "ratelimit").is_empty());
    assert!(bench.respond(&[], "ratelimit-policy").is_empty());
}

#[test]
fn a_limit_that_is_only_reported_refuses_nobody_when_the_store_fails() {
    for on_store_failure in ["deny", "local"] {
        let fields = json!({"report_only": true, "requests": 1, "on_store_failure": on_store_failure, "local_percent": 1});
        let mut bench = Bench::new(Stage::Address, json!([with(fields)]));
        for _ in 0..3 {
            bench.next();
            assert!(bench.pass(Some(CallOutcome::Reset)), "{on_store_failure}");
        }
    }
}

#[test]
fn a_worker_has_its_part_of_the_limit_and_of_the_burst() {
    for (fields, passed) in [
        (json!({"local_percent": 50}), 5),
        (json!({"local_percent": 50, "cost": 2}), 2),
        (json!({"local_percent": 1, "cost": 2}), 1),
        (json!({"algorithm": "sliding_window", "local_percent": 30}), 3),
        (json!({"algorithm": "token_bucket", "burst": 4, "local_percent": 50}), 2),
        (json!({"algorithm": "token_bucket", "burst": 30, "cost": 15, "local_percent": 50}), 1),
    ] {
        let mut bench = Bench::new(Stage::Address, json!([with(fields.clone())]));
        let pass = |_: &u32| {
            bench.next();
            bench.pass(Some(CallOutcome::Reset))
        };
        assert_eq!((0..20).filter(pass).count(), passed, "{fields}");
    }
}
