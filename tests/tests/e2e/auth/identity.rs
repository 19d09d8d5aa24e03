//! Who a request comes from is what auth says, whatever the client says.

use ferrox_testbed::{gateway::Gateway, tokens::Issuer, upstream::Upstream};
use serde_json::json;

use super::{claims, get};
use crate::{hostile, rows};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_bring_an_identity_of_their_own() {
    let upstream = Upstream::start_new("u").unwrap();
    let issuer = Issuer::hs256("k").unwrap();
    let rows = [
        rows::upstream(&upstream),
        rows::route("open", "u"),
        rows::route("in", "u"),
        rows::provider("hs", &issuer.jwks().unwrap()),
        rows::policy("in", "auth", &json!({"jwt": {}})),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let spoofed =
        ["x-ferrox-consumer", "x-ferrox-subject", "x-ferrox-issuer", "x-ferrox-scopes", "X-Ferrox-Consumer"];
    let authorization = format!("Bearer {}", issuer.token(&claims("hs")).unwrap());
    for path in ["/open", "/in"] {
        let mut headers: Vec<_> = spoofed.iter().map(|name| (*name, "root")).collect();
        headers.push(("authorization", &authorization));
        assert_eq!(get(&gateway, path, &headers).await.status(), 200);
        let seen = upstream.last().unwrap().headers;
        let spoofs: Vec<_> = seen.iter().filter(|(_, value)| *value == "root").collect();
        assert!(spoofs.is_empty(), "{path}: {spoofs:?}");
    }
}

/// As bytes over HTTP/1.1, since clients write names in their own way.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_an_identity_header_reaches_the_upstream() {
    let upstream = Upstream::start_new("u").unwrap();
    let policy = json!({"jwt": {}, "api_key": {}, "optional": true, "claim_headers": [{"claim": "a", "header": "x_a-b"}]});
    let rows = [
        rows::upstream(&upstream),
        rows::route("open", "u"),
        rows::route("in", "u"),
        rows::provider("hs", &Issuer::hs256("k").unwrap().jwks().unwrap()),
        rows::policy("in", "auth", &policy),
        rows::consumer("acme", "", "acme-key"),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    gateway.until("/open", 200).await.unwrap();
    let mut headers: Vec<String> = Vec::new();
    for name in ["consumer", "subject", "issuer", "scopes"] {
        for prefix in ["x-ferrox-", "X-Ferrox-", "X-FERROX-", "X_Ferrox_", "x_ferrox_", "x-ferrox_"] {
            headers.extend(["root", "root2"].map(|value| format!("{prefix}{name}: {value}")));
        }
    }
    let of_claims = ["x_a-b", "x-a-b", "X-A-B", "X_A_B"].map(|name| format!("{name}: root"));
    for (path, key) in [("/open", None), ("/in", None), ("/in", Some("x-api-key: acme-key"))] {
        let of_route = if path == "/in" { &of_claims[..] } else { &[] };
        let all = headers.iter().chain(of_route).map(String::as_bytes).chain(key.map(str::as_bytes));
        let request = hostile::request(path.as_bytes(), &all.collect::<Vec<_>>());
        assert_eq!(hostile::status(&gateway, &request).await, 200);
        let seen = upstream.last().unwrap().headers;
        let spoofs: Vec<_> = seen.iter().filter(|(_, value)| value.as_bytes().starts_with(b"root")).collect();
        assert!(spoofs.is_empty(), "{path}: {spoofs:?}");
        let consumer = seen.get("x-ferrox-consumer").map(|value| value.as_bytes());
        assert_eq!(consumer, key.map(|_| &b"acme"[..]));
    }
}
