//! A store that fails: after a few requests nobody waits for it.

use super::*;

const A_WHILE: Duration = Duration::from_secs(5);

fn bench(on_store_failure: &str) -> Bench {
    Bench::new(Stage::Address, json!([limit("n", "address", on_store_failure)]))
}

fn pass(bench: &mut Bench, outcome: Option<CallOutcome>) -> bool {
    bench.next();
    bench.pass(outcome)
}

/// Sends a request about which the store is not asked. Whether it passed.
fn pass_unasked(bench: &mut Bench) -> bool {
    bench.next();
    let flow = bench.request();
    assert!(bench.host.take_calls().is_empty(), "it was asked");
    assert_eq!(flow == Flow::Pause, bench.host.replied().is_some());
    flow == Flow::Continue
}

fn open(bench: &mut Bench) {
    for _ in 0..5 {
        pass(bench, Some(CallOutcome::Reset));
    }
    bench.host.refuse_calls(false);
}

fn well() -> Option<CallOutcome> {
    states(&[(true, 1, 1_000)])
}

#[test]
fn after_failures_in_a_row_each_limit_does_at_once_what_its_policy_says() {
    for failure in failures() {
        for (on_store_failure, passes) in [("allow", true), ("deny", false), ("local", true)] {
            let mut bench = bench(on_store_failure);
            for _ in 0..5 {
                pass(&mut bench, failure.clone());
            }
            bench.host.refuse_calls(false);
            assert_eq!(pass_unasked(&mut bench), passes, "{on_store_failure} {failure:?}");
            assert_eq!((bench.counted("store_failed"), bench.counted("short_circuited")), (5, 1));
        }
    }
}

#[test]
fn local_counts_go_on_where_the_store_is_not_asked() {
    let mut bench = bench("local");
    open(&mut bench);
    let passed = (0..20).filter(|_| pass_unasked(&mut bench)).count();
    assert_eq!(passed, 5, "ten for a worker, of which five passed before");
    assert_eq!(bench.reply().status, 429);
}

#[test]
fn answers_between_failures_keep_it_closed() {
    let mut bench = bench("allow");
    for _ in 0..3 {
        for _ in 0..4 {
            pass(&mut bench, answered(503, ""));
        }
        pass(&mut bench, well());
    }
    assert_eq!((bench.counted("breaker_opened"), bench.counted("short_circuited")), (0, 0));
}

#[test]
fn a_question_that_the_sidecar_does_not_understand_says_nothing_of_the_next() {
    let mut bench = bench("allow");
    for _ in 0..10 {
        pass(&mut bench, answered(400, ""));
        pass(&mut bench, answered(413, ""));
    }
    assert_eq!((bench.counted("store_failed"), bench.counted("breaker_opened")), (20, 0));
}

#[test]
fn one_request_asks_as_a_probe_and_its_answer_lets_all_ask_again() {
    let mut bench = bench("deny");
    open(&mut bench);
    bench.host.advance(A_WHILE);
    bench.next();
    assert_eq!(bench.request(), Flow::Pause);
    let (call, _) = bench.asked();
    let probe = std::mem::replace(&mut bench.stream, bench.filter.open());
    assert!(!pass_unasked(&mut bench), "while the probe is under way");
    bench.stream = probe;
    bench.host.next_stream(REQUEST);
    bench.stream.on_call(&bench.host, call, well().unwrap());
    assert_eq!(bench.host.take_resumed(), [Side::Request]);
    assert!(pass(&mut bench, well()));
    assert_eq!((bench.counted("breaker_opened"), bench.counted("breaker_closed")), (1, 1));
}

#[test]
fn a_probe_that_fails_is_decided_by_the_policy_and_the_next_comes_later() {
    let mut bench = bench("allow");
    open(&mut bench);
    bench.host.advance(A_WHILE);
    assert!(pass(&mut bench, answered(503, "")));
    assert!(pass_unasked(&mut bench));
    assert_eq!((bench.counted("breaker_opened"), bench.counted("breaker_closed")), (1, 0));
}

#[test]
fn it_is_logged_once_when_it_opens_and_once_when_it_closes_and_a_gauge_tells_its_state() {
    let mut bench = bench("allow");
    let gauge = |bench: &Bench| bench.host.gauged("ferrox.rate_limit.address.breaker_open");
    assert_eq!(gauge(&bench), Some(0));
    open(&mut bench);
    for _ in 0..100 {
        pass_unasked(&mut bench);
    }
    assert_eq!((gauge(&bench), bench.host.logged().len()), (Some(1), 2));
    assert!(bench.host.logged()[1].contains("not asked any more"), "{:?}", bench.host.logged());
    for _ in 0..3 {
        bench.host.advance(A_WHILE);
        pass(&mut bench, Some(CallOutcome::Reset));
    }
    assert_eq!(bench.host.logged().len(), 2);
    bench.host.advance(A_WHILE);
    pass(&mut bench, well());
    assert_eq!(gauge(&bench), Some(0));
    assert!(bench.host.logged()[2].contains("asked again"), "{:?}", bench.host.logged());
}

#[test]
fn a_worker_whose_breaker_is_open_says_so_again_after_another_closed() {
    let mut bench = bench("allow");
    open(&mut bench);
    let gauge = bench.host.gauge("ferrox.rate_limit.address.breaker_open");
    bench.host.set_gauge(gauge, 0);
    bench.filter.on_tick(&bench.host);
    assert_eq!(bench.host.gauged("ferrox.rate_limit.address.breaker_open"), Some(1));
}

fn slots() -> Bench {
    let mut slots = limit("slots", "address", "allow");
    slots["algorithm"] = json!("concurrency");
    Bench::new(Stage::Address, json!([slots]))
}

#[test]
fn the_end_of_a_request_about_which_nobody_was_asked_is_told_nobody() {
    let mut bench = slots();
    open(&mut bench);
    for _ in 0..3 {
        assert!(pass_unasked(&mut bench));
        bench.stream.on_end(&bench.host);
        bench.host.advance(A_WHILE);
        for _ in 0..2 {
            bench.filter.on_tick(&bench.host);
            assert!(bench.host.take_calls().iter().all(|call| call.path != "/v1/limits/return"));
        }
        assert!(pass(&mut bench, Some(CallOutcome::Reset)));
    }
}

#[test]
fn ends_are_kept_while_the_store_fails_and_probe_it_where_no_request_does() {
    let mut bench = slots();
    bench.next();
    assert_eq!(bench.request(), Flow::Pause);
    let (call, request) = bench.asked();
    let held = std::mem::replace(&mut bench.stream, bench.filter.open());
    open(&mut bench);
    bench.stream = held;
    bench.stream.on_call(&bench.host, call, well().unwrap());
    bench.stream.on_end(&bench.host);
    for _ in 0..3 {
        bench.filter.on_tick(&bench.host);
        assert!(bench.host.take_calls().is_empty(), "it fails");
    }
    bench.host.advance(A_WHILE);
    bench.filter.on_tick(&bench.host);
    let calls = bench.host.take_calls();
    let body = String::from_utf8(calls[0].body.clone()).unwrap();
    assert!(calls.len() == 1 && body.contains(request.limits[0].lease.as_deref().unwrap()), "{body}");
    bench.filter.on_call(&bench.host, calls[0].id, answered(204, "").unwrap());
    assert_eq!(bench.counted("breaker_closed"), 1);
    assert!(pass(&mut bench, well()));
}

#[test]
fn without_requests_a_tick_probes_by_a_count_of_its_own() {
    let mut bench = bench("allow");
    open(&mut bench);
    bench.filter.on_tick(&bench.host);
    assert!(bench.host.take_calls().is_empty(), "not yet");
    bench.host.advance(A_WHILE);
    bench.filter.on_tick(&bench.host);
    let (call, question) = bench.asked();
    assert_eq!(question.limits[0].key, "ferrox:1:limit_probe");
    bench.filter.on_call(&bench.host, call, answered(503, "").unwrap());
    assert_eq!(bench.counted("breaker_closed"), 0);
    bench.host.advance(A_WHILE);
    bench.filter.on_tick(&bench.host);
    let (call, _) = bench.asked();
    bench.filter.on_call(&bench.host, call, answered(200, "").unwrap());
    assert_eq!(bench.counted("breaker_closed"), 1);
    bench.host.advance(A_WHILE);
    bench.filter.on_tick(&bench.host);
    assert!(bench.host.take_calls().is_empty());
}

#[test]
fn a_policy_says_how_long_its_requests_wait() {
    let waits = |config: Value, policy: Value| {
        let mut bench = Bench::configured(config);
        bench.route(Stage::Address, "r", &policy.to_string());
        assert_eq!(bench.request(), Flow::Pause);
        u64::try_from(bench.host.take_calls().remove(0).timeout.as_millis()).unwrap()
    };
    let config = json!({"stage": "address", "sidecar": {"cluster": "sidecar"}});
    let mut policy = json!({"limits": [limit("n", "address", "allow")]});
    assert_eq!(waits(config.clone(), policy.clone()), 20);
    policy["timeout_ms"] = json!(300);
    assert_eq!(waits(config, policy), 300);
}
