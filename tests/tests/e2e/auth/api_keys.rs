//! Consumers and their keys.

use ferrox_policy::auth::ApiKey;
use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use serde_json::json;

use super::{Case, Judged, assert_judged, get};
use crate::rows;

/// A key from elsewhere, which acme holds beside those that Ferrox made.
const FOREIGN: &str = "acme-secret";

/// A key that Ferrox can have made.
fn key(number: u8) -> ApiKey {
    ApiKey::from_random([number; 24])
}

/// Gives acme a key with these columns.
fn held(key: &str, columns: &str) -> String {
    format!(
        "insert into api_keys (sha256, consumer) values (sha256('{key}'), 'acme');
         update api_keys set {columns} where sha256 = sha256('{key}');"
    )
}

/// The route `/in` takes a key from three places and needs the scope `read`; `/other` takes it from its header.
async fn gateway(upstream: &Upstream, keys: &[String]) -> Gateway {
    let places = json!([{"header": "x-api-key"}, {"query": "key"}, {"cookie": "key"}]);
    let rows = [
        rows::upstream(upstream),
        rows::route("in", upstream.name()),
        rows::route("other", upstream.name()),
        rows::policy("in", "auth", &json!({"api_key": {"from": places}, "scopes": ["read"]})),
        rows::policy("other", "auth", &json!({"api_key": {}})),
        rows::consumer("acme", "read,write", FOREIGN),
        keys.concat(),
    ];
    Gateway::start(&rows.concat()).await.unwrap()
}

/// A request with this in its header for the key.
fn sends(name: &str, sent: impl Into<String>, reason: Option<&'static str>) -> Case {
    Case::new(name, "/in", reason).header("x-api-key", sent)
}

/// Nobody reads any of these, neither who runs the gateway nor who was refused.
fn assert_untold(judged: &Judged, secrets: &[&str]) {
    for secret in secrets {
        assert!(!judged.log.contains(secret), "'{secret}' in Envoy's log");
        assert!(!judged.refusals.contains(secret), "'{secret}' in an answer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_opens_its_routes_is_not_passed_on_and_can_be_revoked() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        rows::route("partners", "u"),
        rows::policy("partners", "auth", &json!({"api_key": {}, "scopes": ["orders"]})),
        rows::consumer("acme", "orders", "acme-key"),
        rows::consumer("poor", "", "poor-key"),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let with = async |key: &str| get(&gateway, "/partners", &[("x-api-key", key)]).await.status().as_u16();
    assert_eq!(with("acme-key").await, 200);
    let seen = upstream.last().unwrap().headers;
    assert_eq!((seen["x-ferrox-consumer"].as_bytes(), seen.get("x-api-key")), (&b"acme"[..], None));
    assert_eq!((with("poor-key").await, with("guess").await), (403, 401));
    assert_eq!(get(&gateway, "/partners", &[]).await.status(), 401);
    let twice = get(&gateway, "/partners", &[("x-api-key", "acme-key"), ("x-api-key", "acme-key")]).await;
    assert_eq!(twice.status(), 401);

    // A second key lives beside the first, then the first is revoked. No listener drains for it.
    gateway.sql("insert into api_keys (sha256, consumer) values (sha256('new-key'), 'acme')").await.unwrap();
    let is_live = async |key: &str, status: u16| {
        ferrox_testbed::wait::eventually("the key is live", async || with(key).await == status)
            .await
            .unwrap();
    };
    is_live("new-key", 200).await;
    gateway.sql("delete from api_keys where sha256 = sha256('acme-key')").await.unwrap();
    is_live("acme-key", 401).await;
    assert_eq!(with("new-key").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_is_good_for_its_terms_and_is_refused_with_its_reason() {
    let upstream = Upstream::start_new("u").unwrap();
    let terms = [
        ("good", "name = 'good'", None),
        ("bounded", "not_before = now() - interval '1 h', expires_at = now() + interval '1 h'", None),
        ("routed", "routes = '{other,in}'", None),
        ("disabled", "disabled = true", Some("disabled_api_key")),
        ("early", "not_before = now() + interval '1 h'", Some("not_yet_valid_api_key")),
        ("late", "expires_at = now() - interval '1 s'", Some("expired_api_key")),
        ("misrouted", "routes = '{other}'", Some("wrong_route")),
        ("poor", "scopes = '{write}'", Some("missing_scope")),
        ("powerless", "scopes = '{}'", Some("missing_scope")),
    ];
    let keys: Vec<_> = (1..).map(key).take(terms.len()).collect();
    let rows: Vec<_> =
        keys.iter().zip(terms).map(|(key, (_, columns, _))| held(key.as_str(), columns)).collect();
    let mut gateway = gateway(&upstream, &rows).await;
    let by_terms = keys.iter().zip(terms).map(|(key, (name, _, reason))| sends(name, key.as_str(), reason));
    let mut cases: Vec<_> = by_terms.collect();
    let elsewhere = |index: usize| {
        let (name, ..) = terms[index];
        Case::new(&format!("{name} elsewhere"), "/other", None).header("x-api-key", keys[index].as_str())
    };
    cases.extend([6, 7, 8].map(elsewhere));
    let judged = assert_judged(&mut gateway, &cases).await;
    assert_untold(&judged, &keys.iter().map(ApiKey::as_str).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_one_spelling_and_what_is_only_like_it_is_refused() {
    let upstream = Upstream::start_new("u").unwrap();
    let (known, unknown) = (key(1), key(2));
    let (ours, digest) = (known.as_str(), known.sha256().to_string());
    let mut gateway = gateway(&upstream, &[held(ours, "name = 'known'")]).await;
    let last = if ours.ends_with('0') { '1' } else { '0' };
    let mut cases = vec![
        sends("ours", ours, None),
        sends("foreign", FOREIGN, None),
        // Blanks around a header's value are none of it (RFC 9110 section 5.5).
        sends("blanks around", format!(" \t{FOREIGN}\t "), None),
        Case::new("in the query", &format!("/in?key={ours}"), None),
        Case::new("in the query, percent-encoded", "/in?%6bey=acme%2Dsecret", None),
        Case::new("in a cookie", "/in", None).header("cookie", format!("a=b; key={ours}")),
        Case::new("in a cookie, quoted", "/in", None).header("cookie", format!("key=\"{FOREIGN}\"")),
        sends("8 KiB", "a".repeat(8 << 10), Some("unknown_api_key")),
        sends("over 8 KiB", "a".repeat((8 << 10) + 1), Some("malformed_api_key")),
    ];
    for (name, sent) in [
        ("a wrong digit", format!("{}{last}", &ours[..41])),
        ("cut off", ours[..41].to_owned()),
        ("the prefix", "fx_".to_owned()),
        ("one digit more", format!("{ours}0")),
        ("lower case", ours.to_lowercase()),
        ("a blank inside", format!("{} {}", &ours[..20], &ours[20..])),
        ("a percent-encoded digit", format!("fx_%{:02x}{}", ours.as_bytes()[3], &ours[4..])),
        ("ours twice", format!("{ours},{ours}")),
    ] {
        cases.push(sends(name, sent, Some("malformed_api_key")));
    }
    for (name, sent) in [
        ("one that nobody holds", unknown.as_str()),
        ("nothing", ""),
        ("a prefix in upper case", &ours.replace("fx_", "FX_")),
        ("a percent-encoded prefix", &ours.replace("fx_", "fx%5f")),
        ("its digest", &digest),
        ("its digest in upper case", &digest.to_uppercase()),
        ("another case", "Acme-secret"),
        ("cut off, foreign", "acme-secre"),
        ("one letter more", "acme-secrets"),
        ("blanks inside", "acme- secret"),
        ("percent-encoded", "acme%2Dsecret"),
        ("in quotes", "\"acme-secret\""),
        ("after a scheme", "Bearer acme-secret"),
        ("a list", "acme-secret,acme-secret"),
        ("letters beyond ASCII", "acme-s\u{435}cret"),
    ] {
        cases.push(sends(name, sent, Some("unknown_api_key")));
    }
    for (name, sent) in [
        ("a blank in the query", "%20acme-secret"),
        ("a plus in the query", "acme-secret+"),
        ("a zero in the query", "acme-secret%00"),
        ("percent-encoded twice", "acme%252Dsecret"),
        ("quotes in the query", "%22acme-secret%22"),
    ] {
        cases.push(Case::new(name, &format!("/in?key={sent}"), Some("unknown_api_key")));
    }
    let digest_in_query =
        Case::new("its digest in the query", &format!("/in?key={digest}"), Some("unknown_api_key"));
    cases.push(digest_in_query);
    for (name, header) in [("as a token", "authorization"), ("in another header", "x-api-keys")] {
        cases.push(Case::new(name, "/in", Some("missing")).header(header, format!("Bearer {FOREIGN}")));
    }
    cases.push(Case::new("another cookie", "/in", Some("missing")).header("cookie", format!("Key={ours}")));
    cases.push(Case::new("another place", &format!("/other?key={ours}"), Some("missing")));
    let judged = assert_judged(&mut gateway, &cases).await;
    let likeness = [ours, &ours[3..], unknown.as_str(), FOREIGN, "cme-secre", "%2Dsecret", &digest];
    assert_untold(&judged, &likeness);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_keys_none_is_good_wherever_they_are() {
    let upstream = Upstream::start_new("u").unwrap();
    let ours = key(1);
    let mut gateway = gateway(&upstream, &[held(ours.as_str(), "name = 'ours'")]).await;
    let key = ours.as_str();
    let case = |name: &str, query: &str| Case::new(name, &format!("/in{query}"), Some("several_api_keys"));
    let (query, cookie) = (format!("?key={key}"), format!("key={key}"));
    let cases = [
        case("two headers", "").header("x-api-key", key).header("x-api-key", key),
        case("two headers, one is wrong", "").header("x-api-key", "guess").header("x-api-key", key),
        case("two headers, one is empty", "").header("x-api-key", key).header("x-api-key", ""),
        case("header and query", &query).header("x-api-key", key),
        case("header and an empty query", "?key").header("x-api-key", key),
        case("header and cookie", "").header("x-api-key", key).header("cookie", &cookie),
        case("query and cookie", &query).header("cookie", &cookie),
        case("all places", &query).header("x-api-key", key).header("cookie", &cookie),
        case("two in the query", &format!("{query}&a=b&key={FOREIGN}")),
        case("two in the query, one is disguised", &format!("{query}&%6Bey={key}")),
        case("two cookies in a header", "").header("cookie", format!("{cookie}; a=b; key={FOREIGN}")),
        case("two headers of cookies", "").header("cookie", &cookie).header("cookie", &cookie),
        // Where the policy does not look, there is no second.
        Case::new("one that counts", &format!("/other{query}"), None)
            .header("x-api-key", key)
            .header("cookie", &cookie),
    ];
    let judged = assert_judged(&mut gateway, &cases).await;
    assert_untold(&judged, &[key, FOREIGN]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_goes_on_to_the_upstream_only_where_the_policy_says() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream, &[]).await;
    let (query, cookie) = (format!("?a=b&key={FOREIGN}&c"), format!("a=b; key={FOREIGN}"));
    for forward in [false, true] {
        if forward {
            let forward = "update route_policies set policy = jsonb_set(policy, '{api_key,forward}', 'true')";
            gateway.sql(forward).await.unwrap();
            ferrox_testbed::wait::eventually("the key goes on", async || {
                get(&gateway, "/in", &[("x-api-key", FOREIGN)]).await;
                upstream.last().unwrap().headers.contains_key("x-api-key")
            })
            .await
            .unwrap();
        }
        let reaches = async |path: &str, headers: &[(&str, &str)]| {
            assert_eq!(get(&gateway, path, headers).await.status(), 200);
            let seen = upstream.last().unwrap();
            assert_eq!(seen.headers["x-ferrox-consumer"], "acme");
            let all = format!("{} {:?}", seen.path_and_query, seen.headers);
            assert_eq!(all.contains(FOREIGN), forward, "{all}");
            seen
        };
        let seen = reaches("/in", &[("x-api-key", FOREIGN)]).await;
        assert_eq!(seen.headers.contains_key("x-api-key"), forward);
        let seen = reaches(&format!("/in{query}"), &[]).await;
        assert_eq!(seen.path_and_query, if forward { format!("/in{query}") } else { "/in?a=b&c".to_owned() });
        let seen = reaches("/in", &[("cookie", &cookie)]).await;
        assert_eq!(seen.headers["cookie"], if forward { cookie.as_str() } else { "a=b" });
    }
}
