//! Each refusal has a reason of its own in the counters and in the access log.

use ferrox_testbed::{gateway::Gateway, tokens::Issuer, upstream::Upstream};
use serde_json::{Value, json};

use super::{Case, assert_judged, claims, now};
use crate::{rows, standalone::proxy::Proxy};

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_reason_in_counters_and_log() {
    let upstream = Upstream::start_new("u").unwrap();
    let (issuer, other) = (Issuer::eddsa("k").unwrap(), Issuer::eddsa("k").unwrap());
    let rule = json!([{"claim": "tenant", "is": {"equals": "a"}}]);
    let rows = [
        rows::upstream(&upstream),
        rows::route("in", "u"),
        rows::route("rules", "u"),
        rows::provider("ed", &issuer.jwks().unwrap()),
        rows::provider("strict", &issuer.jwks().unwrap()),
        format!(
            "update jwt_providers set max_lifetime_seconds = 700, claims = '{rule}' where name = 'strict';"
        ),
        rows::policy("in", "auth", &json!({"jwt": {}, "api_key": {}, "scopes": ["read"]})),
        rows::policy(
            "rules",
            "auth",
            &json!({"jwt": {}, "claims": [{"claim": "mfa", "is": {"equals": true}}]}),
        ),
        rows::consumer("acme", "read", "acme-key"),
    ];
    let mut gateway = Gateway::start(&rows.concat()).await.unwrap();
    let of = |provider: &str, replaced: Value| {
        let mut claims = claims(provider);
        claims["iat"] = json!(now());
        for (name, value) in replaced.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        issuer.token(&claims).unwrap()
    };
    let case =
        |name: &str, replaced: Value, reason| Case::new(name, "/in", reason).bearer(of("ed", replaced));
    let unknown = Issuer::eddsa("other").unwrap().token(&claims("ed")).unwrap();
    let cases = [
        case("good", json!({}), None),
        case("within the leeway", json!({"exp": now() - 30, "iat": now() - 60, "nbf": now() + 30}), None),
        Case::new("key", "/in", None).header("x-api-key", "acme-key"),
        Case::new("nothing", "/in", Some("missing")),
        Case::new("no token", "/in", Some("malformed")).bearer("x"),
        Case::new("another's", "/in", Some("bad_signature")).bearer(other.token(&claims("ed")).unwrap()),
        Case::new("unknown kid", "/in", Some("unknown_key")).bearer(unknown),
        case("expired", json!({"exp": now() - 100}), Some("expired")),
        case("not yet", json!({"nbf": now() + 100}), Some("not_yet_valid")),
        case("made tomorrow", json!({"iat": now() + 86_400}), Some("not_yet_valid")),
        case("for ever", json!({"exp": null}), Some("no_expiry")),
        case("for others", json!({"aud": ["x"]}), Some("wrong_audience")),
        case("for nobody", json!({"aud": null}), Some("wrong_audience")),
        case("of nobody", json!({"iss": null}), Some("unknown_issuer")),
        case("of others", json!({"iss": "https://issuer.test/ed/"}), Some("unknown_issuer")),
        case("no header value", json!({"sub": "a\r\nx: y"}), Some("unusable_claim")),
        case("sub is a number", json!({"sub": 1}), Some("malformed")),
        case("poor", json!({"scope": "write"}), Some("missing_scope")),
        case("scopes in a list", json!({"scope": null, "scp": ["write", "read"]}), None),
        Case::new("no mfa", "/rules", Some("missing_claim")).bearer(of("ed", json!({"mfa": "true"}))),
        Case::new("mfa", "/rules", None).bearer(of("ed", json!({"mfa": true}))),
        Case::new("strict", "/in", None).bearer(of("strict", json!({"tenant": "a"}))),
        Case::new("wrong tenant", "/in", Some("wrong_claim")).bearer(of("strict", json!({"tenant": "b"}))),
        Case::new("too long", "/in", Some("lives_too_long"))
            .bearer(of("strict", json!({"tenant": "a", "exp": now() + 800}))),
        Case::new("guess", "/in", Some("unknown_api_key")).header("x-api-key", "guess"),
        Case::new("two keys", "/in", Some("several_api_keys"))
            .header("x-api-key", "acme-key")
            .header("x-api-key", "acme-key"),
        Case::new("good key, bad token", "/in", Some("malformed"))
            .header("x-api-key", "acme-key")
            .bearer("x"),
    ];
    assert_judged(&mut gateway, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_taken_back_is_refused() {
    let issuer = Issuer::eddsa("k").unwrap();
    let provider = json!({"name": "ed", "issuer": rows::issuer("ed"), "audiences": ["ferrox"], "jwks": issuer.jwks().unwrap()});
    let config = json!({
        "providers": [provider], "policies": {"default": {"jwt": {}}},
        "revoked": {
            "tokens": [{"provider": "ed", "jti": "1"}],
            "subjects": [{"provider": "ed", "subject": "bob", "before": now()}],
        },
    });
    let proxy = Proxy::start(&config, &[]).await;
    for (replaced, status) in [
        (("jti", json!("2")), 200),
        (("jti", json!("1")), 401),
        (("sub", json!("bob")), 401),
        (("sub", json!("bobby")), 200),
    ] {
        let mut claims = claims("ed");
        claims["iat"] = json!(now() - 10);
        claims[replaced.0] = replaced.1;
        let bearer = format!("Bearer {}", issuer.token(&claims).unwrap());
        let response = proxy.get("/", "authorization", &bearer).await;
        assert_eq!(response.status(), status, "{claims}");
        assert_eq!(response.text().await.unwrap().contains("revoked"), status == 401);
    }
}
