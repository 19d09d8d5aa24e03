//! Keys that the filter fetches by itself.

use std::time::Duration;

use ferrox_host::{CallOutcome, Headers, mock::MockHost};
use serde_json::{Value, json};

use crate::{
    gateway::Gateway,
    issuer::{NOW, public_jwk, token},
};

const POLICY: &str = r#"{"jwt": {}}"#;

fn config(remote: &Value) -> Value {
    json!({"providers": [
        {"name": "idp", "issuer": "https://id.example", "audiences": ["api"], "remote_jwks": remote},
    ]})
}

fn usual() -> Value {
    config(&json!({"cluster": "outbound|443||id.example", "uri": "https://id.example/keys"}))
}

fn discovering() -> Value {
    let uri = "https://id.example/.well-known/openid-configuration";
    config(&json!({"cluster": "idp", "uri": uri, "discovery": true}))
}

fn key_set(algorithm: &str) -> String {
    json!({"keys": [public_jwk(algorithm)]}).to_string()
}

fn start(host: MockHost, config: &Value) -> Gateway {
    host.set_unix_time(NOW);
    let vm = Gateway::on_host(host, config);
    vm.set_policy(POLICY);
    vm
}

/// Two VMs of one Envoy.
fn two_vms(config: &Value) -> [Gateway; 2] {
    let (one, other) = MockHost::two_vms();
    [start(one, config), start(other, config)]
}

fn one_vm(config: &Value) -> Gateway {
    start(MockHost::default(), config)
}

fn bearer(algorithm: &str) -> String {
    let claims = json!({"iss": "https://id.example", "aud": "api", "sub": "alice", "exp": NOW + 3600});
    token(algorithm, &claims)
}

/// One fetch, from the tick to its answer. Whether a call was made.
fn fetch(vm: &Gateway, status: u16, body: &str) -> bool {
    fetch_with(vm, status, &[], body)
}

fn fetch_with(vm: &Gateway, status: u16, headers: &[(&str, &str)], body: &str) -> bool {
    vm.tick();
    let calls = vm.host.take_calls();
    let Some(call) = calls.first() else { return false };
    assert_eq!(calls.len(), 1);
    let headers: Headers = headers.iter().copied().collect();
    vm.call_ends(call.id, CallOutcome::Answered { status, headers, body: body.as_bytes().to_vec() });
    true
}

fn later(vms: &[Gateway], seconds: u64) {
    for vm in vms {
        vm.host.advance(Duration::from_secs(seconds));
    }
}

#[track_caller]
fn passes(vm: &Gateway, algorithm: &str) {
    let flow = vm.request_with_token(&bearer(algorithm));
    assert_eq!(vm.passed(flow).subject.as_deref(), Some("alice"));
}

#[track_caller]
fn is_denied(vm: &Gateway, algorithm: &str, reason: &str) -> u16 {
    let flow = vm.request_with_token(&bearer(algorithm));
    vm.denied(flow, reason).status
}

#[test]
fn nobody_passes_before_there_are_keys() {
    let vm = one_vm(&usual());
    assert_eq!(is_denied(&vm, "ES256", "keys_unavailable"), 503);
    assert!(vm.host.tick().is_some());
    vm.tick();
    let call = vm.host.take_calls().remove(0);
    assert_eq!((call.cluster.as_str(), call.method.as_str()), ("outbound|443||id.example", "GET"));
    assert_eq!((call.authority.as_str(), call.path.as_str()), ("id.example", "/keys"));
    assert_eq!(call.timeout, Duration::from_secs(5));
    is_denied(&vm, "ES256", "keys_unavailable");
    let body = key_set("ES256").into_bytes();
    vm.call_ends(call.id, CallOutcome::Answered { status: 200, headers: Headers::default(), body });
    passes(&vm, "ES256");
    assert_eq!(vm.host.counted("ferrox.auth.jwks.fetched"), 1);
}

#[test]
fn an_empty_inline_set_is_no_keys_yet() {
    let mut config = usual();
    config["providers"][0] = json!({"name": "idp", "issuer": "https://id.example", "audiences": ["api"],
        "jwks": {"keys": []}});
    let vm = one_vm(&config);
    assert_eq!(is_denied(&vm, "ES256", "keys_unavailable"), 503);
    assert_eq!(vm.host.tick(), None);
}

#[test]
fn one_vm_fetches_for_all() {
    let [one, other] = two_vms(&usual());
    one.tick();
    other.tick();
    let (calls, none) = (one.host.take_calls(), other.host.take_calls());
    assert_eq!((calls.len(), none.len()), (1, 0));
    let body = key_set("ES256").into_bytes();
    one.call_ends(calls[0].id, CallOutcome::Answered { status: 200, headers: Headers::default(), body });
    // A request need not wait for the tick.
    passes(&other, "ES256");
    // Nor a VM that begins.
    other.tick();
    assert!(other.host.take_calls().is_empty());
}

#[test]
fn a_vm_that_dies_holds_the_others_up_only_for_a_while() {
    let vms = two_vms(&usual());
    vms[0].tick();
    let lost = vms[0].host.take_calls().remove(0);
    later(&vms, 5);
    assert!(!fetch(&vms[1], 200, &key_set("ES256")));
    later(&vms, 1);
    assert!(fetch(&vms[1], 200, &key_set("ES256")));
    passes(&vms[0], "ES256");
    // What comes after that replaces nothing.
    let body = key_set("RS256").into_bytes();
    vms[0].call_ends(lost.id, CallOutcome::Answered { status: 200, headers: Headers::default(), body });
    passes(&vms[0], "ES256");
    is_denied(&vms[0], "RS256", "unknown_key");
}

#[test]
fn other_keys_replace_the_earlier_ones_and_what_they_said() {
    let vms = two_vms(&usual());
    fetch(&vms[0], 200, &key_set("ES256"));
    for vm in &vms {
        passes(vm, "ES256");
    }
    later(&vms, 300);
    assert!(fetch(&vms[1], 200, &key_set("RS256")));
    vms[0].tick();
    for vm in &vms {
        passes(vm, "RS256");
        is_denied(vm, "ES256", "unknown_key");
    }
}

#[test]
fn what_cannot_be_used_leaves_the_last_keys_in_use() {
    let vms = two_vms(&usual());
    fetch(&vms[0], 200, &key_set("ES256"));
    let too_large = format!("{}{}", key_set("ES256"), " ".repeat(256 << 10));
    let answers = [(500, "no"), (200, "<html>"), (200, r#"{"keys": []}"#), (200, &too_large)];
    for (failures, (status, body)) in (1..).zip(answers) {
        later(&vms, 300);
        assert!(fetch(&vms[0], status, body));
        assert_eq!(vms[0].host.counted("ferrox.auth.jwks.failed"), failures);
        for vm in &vms {
            vm.tick();
            passes(vm, "ES256");
        }
    }
    assert!(vms[0].host.gauged("ferrox.auth.jwks.oldest_seconds") >= Some(1_200));
    assert_eq!(vms[0].host.counted("ferrox.auth.jwks.fetched"), 1);
}

#[test]
fn a_failure_and_its_end_are_logged_once() {
    let vm = one_vm(&usual());
    let lines = |part: &str| vm.host.logged().iter().filter(|line| line.contains(part)).count();
    for _ in 0..3 {
        assert!(fetch(&vm, 503, ""));
        later(std::slice::from_ref(&vm), 60);
    }
    assert_eq!(lines("no keys fetched, none of its tokens can pass: the answer has status 503"), 1);
    for _ in 0..3 {
        assert!(fetch(&vm, 200, &key_set("ES256")));
        later(std::slice::from_ref(&vm), 300);
    }
    assert_eq!(lines("1 keys fetched"), 1);
}

#[test]
fn a_failed_fetch_is_tried_again_soon_but_not_at_once() {
    let vm = one_vm(&usual());
    vm.host.refuse_calls(true);
    vm.tick();
    vm.host.refuse_calls(false);
    assert_eq!(vm.host.counted("ferrox.auth.jwks.failed"), 1);
    assert!(!fetch(&vm, 200, &key_set("ES256")));
    later(std::slice::from_ref(&vm), 1);
    assert!(fetch(&vm, 200, &key_set("ES256")));
    passes(&vm, "ES256");
}

#[test]
fn an_unknown_key_has_keys_fetched_once_in_thirty_seconds_for_all() {
    let vms = two_vms(&usual());
    fetch(&vms[0], 200, &key_set("ES256"));
    later(&vms, 1);
    for vm in &vms {
        assert_eq!(is_denied(vm, "RS256", "unknown_key"), 401);
    }
    assert!(fetch(&vms[0], 200, &key_set("ES256")));
    for vm in &vms {
        is_denied(vm, "RS256", "unknown_key");
        is_denied(vm, "ES384", "unknown_key");
        assert!(!fetch(vm, 200, ""));
    }
    later(&vms, 30);
    is_denied(&vms[1], "RS256", "unknown_key");
    assert!(fetch(&vms[1], 200, &key_set("RS256")));
    passes(&vms[0], "RS256");
    passes(&vms[1], "RS256");
}

#[test]
fn keys_last_as_long_as_their_answer_says() {
    let vm = one_vm(&usual());
    let headers = [("cache-control", "public, max-age=3600")];
    assert!(fetch_with(&vm, 200, &headers, &key_set("ES256")));
    later(std::slice::from_ref(&vm), 2_699);
    assert!(!fetch(&vm, 200, ""));
    later(std::slice::from_ref(&vm), 1);
    assert!(fetch(&vm, 200, &key_set("ES256")));
}

#[test]
fn a_discovery_document_leads_to_the_keys() {
    let vm = one_vm(&discovering());
    let document = |uri: &str| json!({"issuer": "https://id.example", "jwks_uri": uri}).to_string();
    assert!(fetch(&vm, 200, &document("https://id.example/certs?v=1")));
    let call = vm.host.take_calls().remove(0);
    assert_eq!((call.authority.as_str(), call.path.as_str()), ("id.example", "/certs?v=1"));
    let body = key_set("ES256").into_bytes();
    vm.call_ends(call.id, CallOutcome::Answered { status: 200, headers: Headers::default(), body });
    passes(&vm, "ES256");
    later(std::slice::from_ref(&vm), 300);
    assert!(fetch(&vm, 200, &document("https://evil.example/certs")));
    assert!(vm.host.take_calls().is_empty());
    assert_eq!(vm.host.counted("ferrox.auth.jwks.failed"), 1);
    passes(&vm, "ES256");
}

#[test]
fn a_new_configuration_goes_on_with_the_keys_that_are_there() {
    let (one, other) = MockHost::two_vms();
    let before = start(one, &usual());
    fetch(&before, 200, &key_set("ES256"));
    let mut changed = usual();
    changed["providers"][0]["audiences"] = json!(["api", "more"]);
    let after = start(other, &changed);
    passes(&after, "ES256");
    changed["providers"][0]["remote_jwks"]["uri"] = json!("https://id.example/other");
    let (one, _) = MockHost::two_vms();
    is_denied(&start(one, &changed), "ES256", "keys_unavailable");
}
