use ferrox_policy::auth::KeyDigest;
use serde_json::json;

use super::{
    sample::{api_key, consumer, gateway, keyring, policy, provider, sound, target},
    *,
};

/// What is wrong after a change to sound rows.
pub(super) fn problems(change: impl FnOnce(&mut Rows)) -> Vec<String> {
    let mut rows = sound();
    change(&mut rows);
    Model::parse(&rows, &keyring()).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

pub(super) fn problem(change: impl FnOnce(&mut Rows)) -> String {
    let problems = problems(change);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

#[test]
fn sound_rows_become_a_model() {
    let mut rows = sound();
    rows.route_upstreams.push(target("orders", "users", 0));
    rows.route_policies.push(policy("orders", "auth", json!({"jwt": {"providers": ["id"]}, "api_key": {}})));
    rows.jwt_providers.push(provider("id", "https://id"));
    rows.consumers.push(consumer("acme", &["read"]));
    rows.live.api_keys.push(api_key("key", "acme"));
    let model = Model::parse(&rows, &keyring()).unwrap();

    let orders = model.routes().next().unwrap();
    assert_eq!(orders.upstreams().map(UpstreamName::as_str).collect::<Vec<_>>(), ["orders"]);
    assert!(orders.policies.auth.is_some() && orders.policies.cache.is_none());
    assert_eq!(model.upstreams().next().unwrap().endpoints.len(), 1);
    let keys = model.auth().api_keys.as_ref().unwrap();
    assert_eq!(keys.find(&KeyDigest::of(b"key")).unwrap().consumer, "acme");
    assert_eq!(model.auth().providers[0].name, "id");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let found = problems(|rows| {
        rows.routes[0].hosts = vec!["ok".to_owned(), "x y".to_owned()];
        rows.routes[0].methods = vec!["get".to_owned()];
        rows.routes[1].timeout_ms = -1;
        rows.upstreams[0].open_for_ms = 99;
        rows.endpoints[0].port = 0;
    });
    let begins = [
        "upstreams 'orders': field open_for_ms: 99 must be 100 to 3600000",
        "endpoints 'orders ::1:0': field port: 0 must be 1 to 65535",
        "routes 'orders': field hosts[1]: 'x y' is not a host",
        "routes 'orders': field methods[0]: 'get' is no method",
        "routes 'users': field timeout_ms: -1 must be 0 to 3600000",
    ];
    assert_eq!(found.len(), begins.len(), "{found:#?}");
    for (problem, begin) in found.iter().zip(begins) {
        assert!(problem.starts_with(begin), "{problem}");
    }
}

#[test]
fn a_reference_to_nothing_is_refused() {
    let found = problem(|rows| rows.route_upstreams.push(target("orders", "nobody", 1)));
    assert_eq!(found, "route_upstreams 'orders nobody': field upstream: there is no upstream 'nobody'");
    assert!(
        problem(|rows| rows.route_upstreams.push(target("nothing", "orders", 1)))
            .contains("no route 'nothing'")
    );
    assert!(
        problem(|rows| rows.endpoints[0].upstream = "nobody".to_owned()).contains("no upstream 'nobody'")
    );
    assert!(
        problem(|rows| rows.route_policies.push(policy("nothing", "cache", json!({})))).contains("no route")
    );
}

#[test]
fn a_route_needs_somewhere_to_go() {
    assert_eq!(
        problem(|rows| rows.route_upstreams.truncate(1)),
        "routes 'users': has no upstream in route_upstreams"
    );
    assert_eq!(
        problem(|rows| rows.route_upstreams[1].weight = 0),
        "routes 'users': has only upstreams of weight 0"
    );
    assert!(problem(|rows| rows.route_upstreams[1].weight = -1).contains("field weight: -1"));
}

#[test]
fn an_upstream_may_have_no_endpoint() {
    assert_eq!(problems(|rows| rows.endpoints.clear()), Vec::<String>::new());
}

#[test]
fn a_route_has_one_path_and_a_host() {
    assert!(problem(|rows| rows.routes[0].path_exact = Some("/x".to_owned())).contains("exactly one of"));
    assert!(problem(|rows| rows.routes[0].path_prefix = None).contains("exactly one of"));
    assert!(
        problem(|rows| rows.routes[0].path_prefix = Some("/a/../b".to_owned())).contains("field path_prefix")
    );
    assert!(problem(|rows| rows.routes[0].hosts.clear()).contains("field hosts: needs at least one"));
    let twice = |rows: &mut Rows| rows.routes[0].hosts = vec!["A.com".to_owned(), "a.com".to_owned()];
    assert!(problem(twice).contains("field hosts[1]: 'a.com' stands twice"));
}

#[test]
fn a_route_has_no_more_methods_than_envoy_takes() {
    let found = problem(|rows| rows.routes[0].methods = ["A", "B", "C"].map(|name| name.repeat(32)).to_vec());
    assert!(
        found.starts_with("routes 'orders': field methods: ") && found.contains("is too large"),
        "{found}"
    );
}

#[test]
fn a_policy_is_refused_by_its_field() {
    let limit = json!({"limits": [{"name": "n", "by": "address", "requests": 0, "window_seconds": 1}]});
    let found = problem(|rows| rows.route_policies.push(policy("orders", "rate_limit", limit)));
    assert_eq!(
        found,
        "route_policies 'orders rate_limit': field policy.limits[0].requests: must be 1 to 1000000000"
    );
    let found = problem(|rows| rows.route_policies.push(policy("orders", "auth", json!({}))));
    assert!(
        found.starts_with("route_policies 'orders auth': field policy: one of jwt and api_key"),
        "{found}"
    );
    assert!(
        problem(|rows| rows.route_policies.push(policy("orders", "cors", json!({})))).contains("field kind")
    );
}

#[test]
fn a_policy_names_providers_that_exist() {
    let jwt = policy("orders", "auth", json!({"jwt": {"providers": ["nobody"]}}));
    assert_eq!(
        problem(|rows| rows.route_policies.push(jwt)),
        "route_policies 'orders auth': field policy.jwt.providers[0]: there is no JWT provider 'nobody'"
    );
}

#[test]
fn a_limit_by_identity_needs_an_auth_policy() {
    let limits = json!({"limits": [{"name": "n", "by": "identity", "requests": 1, "window_seconds": 1}]});
    let by_identity = policy("orders", "rate_limit", limits);
    let found = problem(|rows| rows.route_policies.push(by_identity.clone()));
    assert!(found.contains("field policy.limits[0]: limit 'n' needs to know who asks, but"), "{found}");
    let auth = policy("orders", "auth", json!({"api_key": {}}));
    assert!(problems(|rows| rows.route_policies.extend([auth, by_identity])).is_empty());
}

#[test]
fn auth_tells_later_filters_the_claims_that_limits_count_by() {
    let by = json!([{"claim": "org"}, {"claim": ["sub"]}]);
    let limits = json!({"limits": [{"name": "n", "by": by, "requests": 1, "window_seconds": 1}]});
    let by_claim = policy("orders", "rate_limit", limits);
    let found = problem(|rows| {
        rows.route_policies.extend([policy("orders", "auth", json!({"api_key": {}})), by_claim.clone()]);
    });
    assert!(found.contains("field policy.limits[0]: limit 'n' counts by a claim, but"), "{found}");
    let mut rows = sound();
    let auth = policy("orders", "auth", json!({"jwt": {}, "publish_claims": ["sub"]}));
    rows.route_policies.extend([auth, by_claim]);
    let model = Model::parse(&rows, &keyring()).unwrap();
    let auth = model.routes().next().unwrap().policies.auth.as_ref().unwrap();
    assert_eq!(serde_json::to_value(&auth.publish_claims).unwrap(), json!(["sub", "org"]));
}

#[test]
fn the_gateways_issuers_are_refused_by_row() {
    let found = problem(|rows| {
        rows.jwt_providers = vec![provider("a", "https://a"), provider("b", "https://b")];
        rows.jwt_providers[1].audiences.clear();
    });
    assert!(found.starts_with("jwt_providers 'b': field audiences: needs at least one"), "{found}");
    let same = |rows: &mut Rows| {
        rows.jwt_providers = vec![provider("a", "https://a"), provider("b", "https://a")];
    };
    assert!(problem(same).starts_with("jwt_providers 'b': field issuer: 'https://a'"));
}

#[test]
fn a_provider_has_algorithms_that_exist_and_that_its_keys_fit() {
    let refused = |algorithms: &[&str]| {
        problem(|rows| {
            rows.jwt_providers = vec![provider("a", "https://a")];
            rows.jwt_providers[0].algorithms = algorithms.iter().map(|name| (*name).to_owned()).collect();
        })
    };
    assert!(
        refused(&["EdDSA", "none"])
            .starts_with("jwt_providers 'a': field algorithms[1]: 'none' must be one of HS256")
    );
    let found = refused(&["RS256"]);
    assert_eq!(found, "jwt_providers 'a': field jwks.keys[0].alg: EdDSA is none of the issuer's RS256");
}

#[test]
fn the_rules_of_a_provider_are_parsed() {
    let refused = |claims: serde_json::Value| {
        problem(|rows| {
            rows.jwt_providers = vec![provider("a", "https://a")];
            rows.jwt_providers[0].claims = claims;
        })
    };
    assert_eq!(refused(json!({})), "jwt_providers 'a': field claims: must be a list");
    let rules = json!([{"claim": "a", "is": "present"}, {"claim": "b", "is": "absent"}]);
    let found = refused(rules);
    assert!(found.starts_with("jwt_providers 'a': field claims[1].is: unknown variant `absent`"), "{found}");
}

#[test]
fn a_key_that_the_filter_would_refuse_is_refused_by_row_and_field() {
    let found = problem(|rows| {
        rows.jwt_providers = vec![provider("a", "https://a"), provider("b", "https://b")];
        rows.jwt_providers[1].jwks.as_mut().unwrap()["keys"][0]["x"] = json!("c2hvcnQ");
    });
    assert!(found.starts_with("jwt_providers 'b': field jwks.keys[0]"), "{found}");
    assert!(!found.contains("c2hvcnQ"), "{found}");
}

#[test]
fn a_refused_key_set_is_not_quoted() {
    for jwks in [json!("c2VjcmV0"), json!({"keys": "c2VjcmV0"}), json!(["c2VjcmV0"])] {
        let found = problem(|rows| {
            rows.jwt_providers = vec![provider("a", "https://a")];
            rows.jwt_providers[0].jwks = Some(jwks);
        });
        assert!(found.starts_with("jwt_providers 'a': field jwks: must be a JWK Set"), "{found}");
        assert!(!found.contains("c2VjcmV0"));
    }
}

#[test]
fn consumers_are_refused_by_row() {
    let found = problem(|rows| rows.consumers = vec![consumer("a", &["x"]), consumer("b", &["x y"])]);
    assert!(found.starts_with("consumers 'b': field scopes[0]: 'x y' is no scope"), "{found}");
    let found = problem(|rows| rows.consumers = vec![consumer("a", &[]), consumer("a", &[])]);
    assert_eq!(found, "consumers 'a': field name: stands twice");
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let mut rows = sound();
    rows.jwt_providers = vec![provider("a", "https://a"), provider("b", "https://b")];
    let forwards = Model::parse(&rows, &keyring()).unwrap();
    rows.routes.reverse();
    rows.upstreams.reverse();
    rows.jwt_providers.reverse();
    rows.route_upstreams.reverse();
    assert!(forwards == Model::parse(&rows, &keyring()).unwrap());
}

#[test]
fn a_route_must_name_gateways_that_exist() {
    let found = problem(|rows| rows.routes[0].gateways = vec!["ferrox".to_owned(), "nowhere".to_owned()]);
    assert_eq!(found, "routes 'orders': field gateways[1]: there is no gateway 'nowhere'");
    let found = problem(|rows| rows.routes[0].gateways.clear());
    assert!(found.starts_with("routes 'orders': field gateways: "), "{found}");
}

#[test]
fn a_gateway_that_shards_by_host_takes_exact_hosts_only() {
    let in_other = |hosts: &[&str]| {
        problems(|rows| {
            rows.gateways.push(gateway("other", "host"));
            rows.routes[0].gateways.push("other".to_owned());
            rows.routes[0].hosts = hosts.iter().map(ToString::to_string).collect();
        })
    };
    assert_eq!(in_other(&["a.example.com", "[::1]"]), [""; 0]);
    let reason = |host: &str| {
        format!(
            "routes 'orders': field hosts: '{host}' is no exact host, as gateway 'other' needs, which shards by host"
        )
    };
    assert_eq!(in_other(&["*"]), [reason("*")]);
    assert_eq!(in_other(&["a.com", "*.example.com"]), [reason("*.example.com")]);
    let found = problem(|rows| rows.gateways.push(gateway("other", "path")));
    assert_eq!(found, "gateways 'other': field sharding: 'path' must be none or host");
}
