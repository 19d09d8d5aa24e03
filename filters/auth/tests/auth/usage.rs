//! Reports of which keys were used.

use std::time::Duration;

use ferrox_auth::Auth;
use ferrox_host::{CallOutcome, Headers, Plugin, mock::SentCall};
use ferrox_policy::auth::{KeyUsageReport, MAX_KEYS_IN_REPORT, USAGE_PATH};
use serde_json::{Value, json};

use crate::{
    gateway::{ACME_DIGEST, ACME_KEY, Gateway, config},
    issuer::NOW,
};

fn reporting() -> Value {
    let mut config = config();
    config["usage"] = json!({"cluster": "control", "gateway": "edge", "timeout_ms": 500});
    config
}

fn gateway() -> Gateway {
    let gateway = Gateway::with_config(&reporting());
    gateway.set_policy(r#"{"api_key": {}}"#);
    gateway
}

fn ask(gateway: &Gateway) {
    gateway.passed(gateway.request(&[("x-api-key", ACME_KEY)]));
}

/// What is sent at the next tick.
fn tick(gateway: &Gateway) -> Vec<SentCall> {
    gateway.auth.on_tick(&gateway.host);
    gateway.host.take_calls()
}

fn answer(gateway: &Gateway, call: &SentCall, status: u16) {
    let outcome = CallOutcome::Answered { status, headers: Headers::default(), body: Vec::new() };
    gateway.auth.on_call(&gateway.host, call.id, outcome);
}

/// How often the one key was used, and when last.
#[track_caller]
fn used(calls: &[SentCall]) -> (u64, u64) {
    let [call] = calls else { panic!("one report, not {}", calls.len()) };
    let report: KeyUsageReport = ferrox_policy::parse(&call.body).unwrap();
    let [key] = report.keys.as_slice() else { panic!("one key: {report:?}") };
    assert_eq!((key.sha256.to_string().as_str(), report.gateway.as_deref()), (ACME_DIGEST, Some("edge")));
    (key.requests, key.last_used)
}

#[test]
fn the_use_of_a_key_is_reported_at_the_tick_and_once() {
    let gateway = gateway();
    assert_eq!(gateway.host.tick(), Some(Duration::from_secs(10)));
    assert!(tick(&gateway).is_empty(), "nothing was used");
    ask(&gateway);
    gateway.host.advance(Duration::from_secs(5));
    ask(&gateway);
    assert!(gateway.host.take_calls().is_empty(), "no request calls anybody");

    let calls = tick(&gateway);
    assert_eq!(used(&calls), (2, NOW + 5));
    let call = &calls[0];
    assert_eq!((call.cluster.as_str(), call.authority.as_str()), ("control", "control"));
    assert_eq!(
        (call.method.as_str(), call.path.as_str(), call.timeout),
        ("POST", USAGE_PATH, Duration::from_millis(500))
    );
    answer(&gateway, call, 204);
    assert!(tick(&gateway).is_empty(), "it was reported");
    assert_eq!(gateway.host.counted("ferrox.auth.usage.reported"), 1);
}

#[test]
fn what_was_refused_is_not_counted() {
    let gateway = gateway();
    gateway.denied(gateway.request(&[("x-api-key", "guess")]), "unknown_api_key");
    gateway.set_policy(r#"{"api_key": {}, "scopes": ["admin"]}"#);
    gateway.denied(gateway.request(&[("x-api-key", ACME_KEY)]), "missing_scope");
    assert!(tick(&gateway).is_empty());
}

#[test]
fn a_report_that_failed_is_part_of_the_next() {
    let gateway = gateway();
    ask(&gateway);
    gateway.host.refuse_calls(true);
    assert!(tick(&gateway).is_empty());
    gateway.host.refuse_calls(false);
    ask(&gateway);
    let calls = tick(&gateway);
    assert_eq!(used(&calls).0, 2);
    answer(&gateway, &calls[0], 503);
    let calls = tick(&gateway);
    assert_eq!(used(&calls).0, 2);
    gateway.auth.on_call(&gateway.host, calls[0].id, CallOutcome::Reset);
    ask(&gateway);
    assert_eq!(used(&tick(&gateway)).0, 3);
    assert_eq!(gateway.host.counted("ferrox.auth.usage.failed"), 3);
}

#[test]
fn a_slow_receiver_is_asked_again_only_when_its_time_is_over() {
    let gateway = gateway();
    ask(&gateway);
    assert_eq!(used(&tick(&gateway)).0, 1);
    ask(&gateway);
    assert!(tick(&gateway).is_empty());
    gateway.host.advance(Duration::from_secs(2));
    assert_eq!(used(&tick(&gateway)).0, 2);
}

#[test]
fn counts_outlive_the_configuration() {
    let mut gateway = gateway();
    ask(&gateway);
    gateway.auth = Auth::configure(&gateway.host, reporting().to_string().as_bytes()).unwrap();
    ask(&gateway);
    assert_eq!(used(&tick(&gateway)).0, 2);
}

#[test]
fn many_keys_are_reported_in_parts_and_no_more_than_memory_is_for() {
    let key = |number: usize| format!("key {number}");
    let digests: Vec<_> =
        (0..10_500).map(|number| ferrox_policy::auth::KeyDigest::of(key(number).as_bytes())).collect();
    let mut config = reporting();
    config["consumers"] = json!([{"name": "acme", "key_sha256": digests}]);
    let gateway = Gateway::with_config(&config);
    gateway.set_policy(r#"{"api_key": {}}"#);
    for number in 0..10_500 {
        gateway.passed(gateway.request(&[("x-api-key", &key(number))]));
    }
    let calls = tick(&gateway);
    let sizes: Vec<_> = calls
        .iter()
        .map(|call| ferrox_policy::parse::<KeyUsageReport>(&call.body).unwrap().keys.len())
        .collect();
    assert_eq!(sizes, [MAX_KEYS_IN_REPORT; 10]);
    assert_eq!(gateway.host.counted("ferrox.auth.usage.lost"), 500);
}

#[test]
fn without_a_receiver_nothing_is_counted() {
    let gateway = Gateway::with_policy(json!({"api_key": {}}));
    ask(&gateway);
    assert_eq!((tick(&gateway).len(), gateway.host.tick()), (0, None));
}

#[test]
fn where_keys_of_issuers_make_the_ticks_shorter_reports_keep_their_time() {
    let mut config = reporting();
    config["providers"] = json!([{
        "name": "far", "issuer": "https://far.example", "audiences": ["api"],
        "remote_jwks": {"cluster": "far", "uri": "https://far.example/keys"},
    }]);
    let gateway = Gateway::with_config(&config);
    gateway.set_policy(r#"{"api_key": {}}"#);
    assert_eq!(gateway.host.tick(), Some(Duration::from_millis(250)));
    ask(&gateway);
    let reports = |ticks: usize| {
        (0..ticks).flat_map(|_| tick(&gateway)).filter(|call| call.cluster == "control").count()
    };
    assert_eq!((reports(39), reports(1)), (0, 1));
}
