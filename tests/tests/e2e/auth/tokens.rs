//! Tokens, by what their issuers say.

use ferrox_testbed::{gateway::Gateway, tokens::Issuer, upstream::Upstream};
use serde_json::{Value, json};

use super::{bearer, challenge, claims, get, now};
use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_judged_by_signature_time_audience_issuer_and_scope() {
    let upstream = Upstream::start_new("u").unwrap();
    let issuers = [
        ("hs", Issuer::hs256("k").unwrap()),
        ("es", Issuer::es256("k").unwrap()),
        ("ed", Issuer::eddsa("k").unwrap()),
    ];
    let mut rows = rows::upstream(&upstream) + &rows::route("in", "u") + &rows::route("admin", "u");
    for (name, issuer) in &issuers {
        rows += &rows::provider(name, &issuer.jwks().unwrap());
    }
    rows += &rows::policy("in", "auth", &json!({"jwt": {}}));
    rows += &rows::policy("admin", "auth", &json!({"jwt": {"providers": ["hs"]}, "scopes": ["admin"]}));
    let gateway = Gateway::start(&rows).await.unwrap();

    for (name, issuer) in &issuers {
        let response = bearer(&gateway, "/in", &issuer.token(&claims(name)).unwrap()).await;
        assert_eq!(response.status(), 200, "{name}");
        let seen = upstream.last().unwrap().headers;
        assert_eq!(
            (&seen["x-ferrox-subject"], &seen["x-ferrox-scopes"]),
            (&"alice".parse().unwrap(), &"read".parse().unwrap())
        );
    }
    let (_, hs) = &issuers[0];
    let with = |name: &str, value: Value| {
        let mut claims = claims("hs");
        claims[name] = value;
        hs.token(&claims).unwrap()
    };
    let missing = get(&gateway, "/in", &[]).await;
    assert_eq!((missing.status().as_u16(), challenge(&missing)), (401, r#"Bearer realm="ferrox""#));
    let expired = bearer(&gateway, "/in", &with("exp", json!(now() - 3600))).await;
    assert_eq!(expired.status(), 401);
    assert!(challenge(&expired).contains(r#"error="invalid_token""#));
    for token in [
        with("nbf", json!(now() + 3600)),
        with("aud", json!("others")),
        with("iss", json!("https://evil.test")),
        Issuer::hs256("k").unwrap().token(&claims("hs")).unwrap(),
        issuers[1].1.token(&claims("hs")).unwrap(),
        "not.a.token".to_owned(),
    ] {
        assert_eq!(bearer(&gateway, "/in", &token).await.status(), 401, "{token}");
    }
    let poor = bearer(&gateway, "/admin", &hs.token(&claims("hs")).unwrap()).await;
    assert_eq!(poor.status(), 403);
    assert!(challenge(&poor).contains("insufficient_scope"));
    assert_eq!(bearer(&gateway, "/admin", &with("scope", json!("admin"))).await.status(), 200);
    let other = issuers[1].1.token(&{
        let mut claims = claims("es");
        claims["scope"] = json!("admin");
        claims
    });
    assert_eq!(
        bearer(&gateway, "/admin", &other.unwrap()).await.status(),
        401,
        "a provider that the route does not name"
    );
}
