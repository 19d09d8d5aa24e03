//! What Envoy's log says of each request, and what it never says.

use ferrox_testbed::{
    gateway::Gateway,
    upstream::{Answer, Upstream},
    wait::eventually,
};
use serde_json::{Value, json};

use crate::rows;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Sends a GET that the log is to know by `name`, its user agent.
async fn get(gateway: &Gateway, name: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    let request = gateway.client().get(gateway.url(path)).header("user-agent", name);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.unwrap().status().as_u16()
}

/// The whole log. Envoy writes what it still holds when it stops.
pub(crate) async fn log(gateway: &mut Gateway) -> String {
    gateway.envoy().unwrap().service().stop().await.unwrap();
    gateway.envoy().unwrap().log_tail(usize::MAX)
}

/// The line of the last request of this name.
pub(crate) fn line(log: &str, name: &str) -> Value {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line.trim()).ok());
    lines.rev().find(|line| line["user_agent"] == name).unwrap_or_else(|| panic!("no line of {name}"))
}

/// The fields that are expected; the others may be anything.
fn assert_says(line: &Value, expected: &Value) {
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&line[field], value, "{field} of {line:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_says_who_asked_what_was_decided_and_who_answered() {
    let upstream = Upstream::start_new("u").unwrap();
    let mut down = Upstream::start_new("down").unwrap();
    let limit = json!({"timeout_ms": 1_000, "limits": [{"name": "burst", "by": "address", "requests": 1, "window_seconds": 600}]});
    let rows = [
        rows::upstream(&upstream),
        rows::upstream(&down),
        rows::route("partners", "u"),
        rows::route("limited", "u"),
        rows::route("cached", "u"),
        rows::route("down", "down"),
        rows::policy("partners", "auth", &json!({"api_key": {}})),
        rows::policy("limited", "rate_limit", &limit),
        rows::policy("cached", "cache", &json!({})),
        rows::consumer("acme", "orders", "acme-key"),
    ];
    let mut gateway = Gateway::start(&rows.concat()).await.unwrap();
    down.close();
    upstream.answer("/cached", Answer::default().header("cache-control", "max-age=600"));

    assert_eq!(get(&gateway, "allowed", "/partners/a", &[("x-api-key", "acme-key")]).await, 200);
    assert_eq!(get(&gateway, "denied", "/partners", &[("x-ferrox-consumer", "root")]).await, 401);
    assert_eq!(get(&gateway, "within", "/limited", &[]).await, 200);
    assert_eq!(get(&gateway, "limited", "/limited", &[]).await, 429);
    assert_eq!(get(&gateway, "miss", "/cached", &[]).await, 200);
    eventually("the answer comes from the cache", async || {
        let before = upstream.requests("/cached");
        get(&gateway, "hit", "/cached", &[]).await;
        upstream.requests("/cached") == before
    })
    .await
    .unwrap();
    assert_eq!(get(&gateway, "unrouted", "/nowhere", &[]).await, 404);
    assert_eq!(get(&gateway, "down", "/down", &[]).await, 503);

    let log = log(&mut gateway).await;
    let allowed = line(&log, "allowed");
    assert_says(
        &allowed,
        &json!({
            "listener": "ferrox_listener", "client": "127.0.0.1", "tls_version": null, "tls_server_name": null,
            "consumer": "acme", "auth": null, "rate_limit_address": null, "rate_limit_identity": null,
            "cache": null, "method": "GET", "path": "/partners/a", "protocol": "HTTP/1.1", "route": "partners",
            "status": 200, "flags": "-", "upstream": "u", "attempts": 1, "trace": null,
        }),
    );
    assert!(allowed["identity"].as_str().unwrap().contains("orders"), "{allowed:#}");
    assert!(allowed["upstream_ms"].is_u64() && allowed["duration_ms"].is_u64(), "{allowed:#}");
    assert_says(
        &line(&log, "denied"),
        &json!({"consumer": null, "identity": null, "auth": "missing", "route": "partners", "status": 401,
            "endpoint": null, "attempts": 0, "upstream_ms": null}),
    );
    assert_says(&line(&log, "within"), &json!({"rate_limit_address": "allowed", "status": 200}));
    assert_says(&line(&log, "limited"), &json!({"rate_limit_address": "denied burst", "status": 429}));
    assert_says(&line(&log, "miss"), &json!({"cache": "fwd=miss", "endpoint": allowed["endpoint"]}));
    let hit = line(&log, "hit");
    assert!(hit["cache"].as_str().unwrap().starts_with("hit; ttl="), "{hit:#}");
    assert_says(&hit, &json!({"endpoint": null, "attempts": 0, "status": 200}));
    assert_says(
        &line(&log, "unrouted"),
        &json!({"route": null, "status": 404, "details": "route_not_found", "flags": "NR", "upstream": null}),
    );
    assert_says(
        &line(&log, "down"),
        &json!({"flags": "UF", "status": 503, "upstream": "down", "attempts": 1}),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_untouched_and_a_request_id_is_ours() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [rows::upstream(&upstream), rows::route("traced", "u")];
    let mut gateway = Gateway::start(&rows.concat()).await.unwrap();
    let headers = [("traceparent", TRACE), ("tracestate", "a=b"), ("x-request-id", "forged")];
    assert_eq!(get(&gateway, "traced", "/traced", &headers).await, 200);
    let seen = upstream.last().unwrap().headers;
    assert_eq!(
        (seen["traceparent"].as_bytes(), seen["tracestate"].as_bytes()),
        (TRACE.as_bytes(), &b"a=b"[..])
    );
    let id = seen["x-request-id"].to_str().unwrap();
    assert_ne!(id, "forged");

    let long = format!("{TRACE}{}", "x".repeat(1000));
    assert_eq!(get(&gateway, "long", "/traced", &[("traceparent", &long)]).await, 200);
    let log = log(&mut gateway).await;
    assert_says(&line(&log, "traced"), &json!({"trace": TRACE, "request_id": id}));
    assert_says(&line(&log, "long"), &json!({"trace": TRACE}));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_is_ever_logged() {
    let upstream = Upstream::start_new("u").unwrap();
    let issuer = ferrox_testbed::tokens::Issuer::hs256("k").unwrap();
    let claims =
        |expiry: u64| json!({"iss": rows::issuer("hs"), "aud": "ferrox", "sub": "alice", "exp": expiry});
    let (token, expired) = (issuer.token(&claims(4_000_000_000)).unwrap(), issuer.token(&claims(1)).unwrap());
    let rows = [
        rows::upstream(&upstream),
        rows::route("open", "u"),
        rows::route("in", "u"),
        rows::provider("hs", &issuer.jwks().unwrap()),
        rows::policy("in", "auth", &json!({"jwt": {}, "api_key": {}})),
        rows::consumer("acme", "", "acme-secret"),
    ];
    let mut gateway = Gateway::start(&rows.concat()).await.unwrap();
    let bearer = |token: &str| format!("Bearer {token}");
    let (good, stale) = (bearer(&token), bearer(&expired));
    for (path, headers, status) in [
        ("/in", [("authorization", good.as_str()), ("x-api-key", "acme-secret")], 200),
        ("/in", [("authorization", &stale), ("cookie", "session-secret")], 401),
        ("/in", [("x-api-key", "wrong-secret"), ("cookie", "session-secret")], 401),
        ("/in?access_token=query-secret", [("authorization", &good), ("cookie", "session-secret")], 200),
        (
            "/open?key=query-secret#x",
            [("authorization", "Basic basic-secret"), ("x-api-key", "other-secret")],
            200,
        ),
        ("/nowhere?key=query-secret", [("authorization", &good), ("x-api-key", "acme-secret")], 404),
    ] {
        assert_eq!(get(&gateway, "secretive", path, &headers).await, status, "{path} {headers:?}");
    }
    let log = log(&mut gateway).await;
    // A token is three parts, and none of them is anybody's business.
    let parts = token.split('.').chain(expired.split('.'));
    for secret in parts.chain(["-secret", "access_token"]) {
        assert!(!log.contains(secret), "'{secret}' in Envoy's log");
    }
    assert_says(&line(&log, "secretive"), &json!({"path": "/nowhere"}));
}
