//! What an API key is good for.

use ferrox_host::Flow;
use ferrox_policy::auth::{ApiKey, Consumer, KeySet};
use serde_json::{Value, json};

use crate::{
    gateway::{ACME_DIGEST, ACME_KEY, Gateway, config},
    issuer::NOW,
};

/// A route that any key opens, and one key of a consumer with the scopes `read` and `write`, with these members: once as people
/// write it, once as the control plane ships it.
fn with_key(key: &Value) -> [Gateway; 2] {
    let mut key = key.clone();
    key["sha256"] = ACME_DIGEST.into();
    let consumers = json!([{"name": "acme", "scopes": ["read", "write"], "keys": [key]}]);
    let parsed: Vec<Consumer> = serde_json::from_value(consumers.clone()).unwrap();
    let grants: Vec<_> = parsed.iter().flat_map(Consumer::grants).collect();
    let shipped = json!({"api_keys": KeySet::pack(&parsed, &grants).unwrap()});
    [json!({"consumers": consumers}), shipped].map(|config| {
        let gateway = Gateway::with_config(&config);
        gateway.set_policy(r#"{"api_key": {}}"#);
        gateway
    })
}

fn ask(gateway: &Gateway) -> Flow {
    gateway.request(&[("x-api-key", ACME_KEY)])
}

#[track_caller]
fn denied(key: &Value, reason: &str, status: u16) {
    for gateway in with_key(key) {
        let reply = gateway.denied(ask(&gateway), reason);
        assert_eq!(reply.status, status);
        let text = String::from_utf8(reply.body).unwrap();
        assert!(!text.contains("acme") && !text.contains(ACME_KEY) && !text.contains(ACME_DIGEST), "{text}");
    }
}

#[track_caller]
fn scopes(key: &Value) -> Vec<String> {
    let [written, shipped] = with_key(key).map(|gateway| gateway.passed(ask(&gateway)));
    assert_eq!((written.consumer.as_deref(), &written), (Some("acme"), &shipped));
    written.scopes
}

#[test]
fn a_key_has_the_scopes_of_its_consumer_or_some_of_them() {
    assert_eq!(scopes(&json!({})), ["read", "write"]);
    assert_eq!(scopes(&json!({"scopes": ["write"]})), ["write"]);
    assert!(scopes(&json!({"scopes": []})).is_empty());
}

#[test]
fn a_key_with_fewer_scopes_opens_less() {
    for gateway in with_key(&json!({"scopes": ["write"]})) {
        gateway.set_policy(r#"{"api_key": {}, "scopes": ["read"]}"#);
        assert_eq!(gateway.denied(ask(&gateway), "missing_scope").status, 403);
    }
}

#[test]
fn a_key_is_good_for_its_time_alone() {
    scopes(&json!({"not_before": NOW, "expires": NOW + 1}));
    denied(&json!({"not_before": NOW + 1}), "not_yet_valid_api_key", 401);
    denied(&json!({"expires": NOW}), "expired_api_key", 401);
}

#[test]
fn a_key_that_is_switched_off_opens_nothing() {
    denied(&json!({"disabled": true}), "disabled_api_key", 401);
    denied(&json!({"disabled": true, "expires": NOW}), "disabled_api_key", 401);
}

#[test]
fn a_key_with_routes_opens_them_alone() {
    for gateway in with_key(&json!({"routes": ["orders", "stock"]})) {
        for (route, allowed) in [("orders", true), ("stock", true), ("order", false), ("", false)] {
            gateway.host.set_property(&["xds", "route_name"], route.as_bytes());
            match allowed {
                true => drop(gateway.passed(ask(&gateway))),
                false => assert_eq!(gateway.denied(ask(&gateway), "wrong_route").status, 403),
            }
        }
    }
    denied(&json!({"routes": ["orders"]}), "wrong_route", 403);
}

#[test]
fn a_key_of_ours_that_was_mistyped_is_told_from_one_that_is_unknown() {
    let gateway = Gateway::with_config(&config());
    gateway.set_policy(r#"{"api_key": {}}"#);
    let key = ApiKey::from_random([5; 24]);
    let ask = |key: &str| gateway.request(&[("x-api-key", key)]);
    assert_eq!(gateway.denied(ask(key.as_str()), "unknown_api_key").status, 401);
    for mistyped in [&key.as_str()[..41], "fx_", &key.as_str().replace('0', "O").replace("fx_2", "fx_3")] {
        assert_eq!(gateway.denied(ask(mistyped), "malformed_api_key").status, 401);
    }
    gateway.denied(ask(&"a".repeat(9_000)), "malformed_api_key");
}

#[test]
fn several_keys_of_one_consumer_are_good_at_once() {
    let keys = [1, 2].map(|byte| ApiKey::from_random([byte; 24]));
    let digests = keys.each_ref().map(|key| json!({"sha256": key.sha256()}));
    let gateway = Gateway::with_config(&json!({"consumers": [{"name": "acme", "keys": digests}]}));
    gateway.set_policy(r#"{"api_key": {}}"#);
    for key in &keys {
        gateway.passed(gateway.request(&[("x-api-key", key.as_str())]));
    }
}
