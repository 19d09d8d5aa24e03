//! What is refused of the documents of a route.

use serde_json::{Value, json};

use crate::{
    model::{
        Action, HashKey, Model, Origin, Redirect, RedirectPath, RedirectStatus,
        sample::{keyring, route, sound},
    },
    store::{Changed, RouteMirrorRow, RouteRow, Rows, Things},
};

/// What is wrong after a change to the rows of a route that forwards.
fn problems(change: impl FnOnce(&mut RouteRow)) -> Vec<String> {
    let mut rows = sound();
    change(&mut rows.routes[0]);
    let problems = Model::parse(&rows, &keyring()).err().unwrap_or_default();
    problems.iter().map(|problem| problem.to_string().replace("routes 'orders': ", "")).collect()
}

/// Sets a column to each document: the beginning of what is wrong with it, and nothing else is.
fn refused(set: fn(&mut RouteRow, Value), documents: &[(Value, &str)]) {
    for (document, begin) in documents {
        let found = problems(|row| set(row, document.clone()));
        assert!(found.len() == 1 && found[0].starts_with(begin), "{document}: {found:#?}, not {begin}");
    }
}

/// Sets a column to each document: nothing is wrong with it.
fn taken(set: fn(&mut RouteRow, Value), documents: &[Value]) {
    for document in documents {
        assert_eq!(problems(|row| set(row, document.clone())), [""; 0], "{document}");
    }
}

fn retry(row: &mut RouteRow, document: Value) {
    row.retry = Some(document);
}

fn request_headers(row: &mut RouteRow, document: Value) {
    row.request_headers = Some(document);
}

fn cors(row: &mut RouteRow, document: Value) {
    row.cors = Some(document);
}

fn hash_on(row: &mut RouteRow, document: Value) {
    row.hash_on = Some(document);
}

fn rewrite(row: &mut RouteRow, document: Value) {
    row.rewrite = Some(document);
}

fn maintenance(row: &mut RouteRow, document: Value) {
    row.maintenance = Some(document);
}

fn compression(row: &mut RouteRow, document: Value) {
    row.compression = Some(document);
}

/// A route that redirects, beside those of [`sound`].
fn redirecting(redirect: &Value) -> Rows {
    let mut rows = sound();
    rows.routes.push(RouteRow { redirect: Some(redirect.clone()), ..route("moved", "/moved") });
    rows
}

fn wrong(rows: &Rows) -> Vec<String> {
    Model::parse(rows, &keyring()).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn a_route_forwards_redirects_or_answers_and_no_two_of_them() {
    let both = problems(|row| row.redirect = Some(json!({"scheme": "https"})));
    assert_eq!(both, ["answers by itself, so it has no upstream in route_upstreams"]);
    let both = problems(|row| {
        row.redirect = Some(json!({"scheme": "https"}));
        row.response = Some(json!({"status": 200}));
    });
    assert_eq!(both[0], "field response: stands beside a redirect; a route has one of them");
}

#[test]
fn what_is_for_forwarding_does_not_stand_on_a_route_that_answers_by_itself() {
    let mut rows = redirecting(&json!({"scheme": "https"}));
    let row = &mut rows.routes[2];
    row.retry = Some(json!({"on": ["5xx"]}));
    row.cors = Some(json!({"origins": ["*"]}));
    row.upgrades = vec!["websocket".to_owned()];
    row.response_headers = Some(json!({"set": {"x": "y"}}));
    let reason = "is for routes with upstreams, and this one answers by itself";
    let found = ["retry", "cors", "upgrades"].map(|field| format!("routes 'moved': field {field}: {reason}"));
    assert_eq!(wrong(&rows), found);
}

#[test]
fn a_redirect_is_read_as_it_is_meant() {
    let rows = redirecting(&json!({"host": "a.com", "prefix": "/x", "status": 301}));
    let model = Model::parse(&rows, &keyring()).unwrap();
    let moved = model.routes().find(|route| route.name.as_str() == "moved").unwrap();
    let meant = Redirect {
        scheme: None,
        host: Some("a.com".to_owned()),
        port: None,
        path: Some(RedirectPath::Prefix("/x".to_owned())),
        status: RedirectStatus::MovedPermanently,
        strip_query: false,
    };
    assert_eq!(moved.action, Action::Redirect(meant));
}

#[test]
fn a_redirect_that_leads_nowhere_is_refused_by_its_field() {
    for (redirect, begin) in [
        (json!({}), "redirect: needs a scheme, host, port, path or prefix"),
        (json!({"status": 302, "strip_query": true}), "redirect: needs a scheme"),
        (json!({"path": "/a", "prefix": "/b"}), "redirect: only one of path and prefix"),
        (json!({"path": "//evil.com"}), "redirect.path: must begin with one '/'"),
        (json!({"path": "/a\r\nset-cookie: x"}), "redirect.path: has other characters"),
        (json!({"prefix": "/a?b"}), "redirect.prefix: must be a path alone"),
        (json!({"host": "*.a.com"}), "redirect.host: '*.a.com' is not a host"),
        (json!({"host": "a.com:80"}), "redirect.host: "),
        (json!({"port": 0}), "redirect.port: must be 1 to 65535"),
        (json!({"port": 70000}), "redirect.port: invalid value"),
        (json!({"scheme": "ftp"}), "redirect.scheme: unknown variant"),
        (json!({"scheme": "https", "status": 300}), "redirect.status: must be 301"),
        (json!({"scheme": "https", "code": 301}), "redirect.code: unknown field"),
    ] {
        let found = wrong(&redirecting(&redirect));
        let begin = format!("routes 'moved': field {begin}");
        assert!(found.len() == 1 && found[0].starts_with(&begin), "{found:?}, not {begin}");
    }
}

#[test]
fn an_answer_that_http_or_envoy_does_not_know_is_refused() {
    refused(
        maintenance,
        &[
            (json!({"status": 199}), "field maintenance.status: must be 200 to 599"),
            (json!({"body": "x".repeat(4097)}), "field maintenance.body: is longer than 4096 bytes"),
            (
                json!({"status": 204, "body": "x"}),
                "field maintenance.body: cannot be in an answer of status 204",
            ),
            (json!({"content_type": "a\nb"}), "field maintenance.content_type: must be printable ASCII"),
            (
                json!({"retry_after_seconds": 2_678_401}),
                "field maintenance.retry_after_seconds: must be 0 to",
            ),
        ],
    );
    taken(maintenance, &[json!({}), json!({"status": 200, "body": "x".repeat(4096)})]);
}

#[test]
fn a_route_that_is_switched_off_is_checked_but_not_there() {
    let mut rows = sound();
    rows.routes.push(RouteRow { enabled: false, ..route("twin", "/orders") });
    assert_eq!(wrong(&rows), ["routes 'twin': has no upstream in route_upstreams"]);
    rows.route_upstreams.push(crate::model::sample::target("twin", "orders", 1));
    let model = Model::parse(&rows, &keyring()).unwrap();
    assert!(model.routes().all(|route| route.name.as_str() != "twin"));
}

#[test]
fn a_mirror_is_an_upstream_that_exists() {
    let mirror = |route: &str, upstream: &str, percent| {
        let mut rows = sound();
        rows.route_mirrors =
            vec![RouteMirrorRow { route: route.to_owned(), upstream: upstream.to_owned(), percent }];
        wrong(&rows)
    };
    assert_eq!(mirror("orders", "users", 1), [""; 0]);
    assert_eq!(
        mirror("orders", "nobody", 1),
        ["route_mirrors 'orders nobody': field upstream: there is no upstream 'nobody'"]
    );
    assert!(mirror("nothing", "users", 1)[0].contains("field route: there is no route 'nothing'"));
    assert!(mirror("orders", "users", 0)[0].contains("field percent: 0 must be 1 to 100"));
}

#[test]
fn times_and_sizes_have_their_ranges() {
    let out_of_range = |change: fn(&mut RouteRow)| problems(change).join("; ");
    assert!(out_of_range(|row| row.idle_timeout_ms = Some(-1)).contains("-1 must be 0 to 86400000"));
    assert!(out_of_range(|row| row.max_stream_duration_ms = Some(0)).contains("0 must be 1 to 86400000"));
    assert!(out_of_range(|row| row.max_request_bytes = Some(0)).contains("0 must be 1 to 104857600"));
    assert!(out_of_range(|row| row.upgrades = vec!["connect".to_owned()]).contains("field upgrades[0]"));
    assert_eq!(out_of_range(|row| row.timeout_ms = 0), "");
}

#[test]
fn a_retry_that_would_never_happen_or_never_end_is_refused() {
    refused(
        retry,
        &[
            (json!({}), "field retry.on: needs at least one outcome"),
            (json!({"on": ["always"]}), "field retry.on[0]: unknown variant `always`"),
            (json!({"on": ["5xx"], "attempts": 11}), "field retry.attempts: must be 1 to 10"),
            (json!({"on": ["5xx"], "attempts": 0}), "field retry.attempts: must be 1 to 10"),
            (json!({"statuses": [200]}), "field retry.statuses: must be 400 to 599"),
            (json!({"on": ["5xx"], "per_try_timeout_ms": 0}), "field retry.per_try_timeout_ms: must be 1 to"),
            (
                json!({"on": ["5xx"], "back_off": {"base_ms": 2, "max_ms": 1}}),
                "field retry.back_off.max_ms: must not be below base_ms",
            ),
        ],
    );
    taken(retry, &[json!({"on": ["gateway-error", "retriable-4xx", "resource-exhausted"], "unsafe": true})]);
}

#[test]
fn headers_that_frame_route_or_identify_are_not_changed() {
    refused(
        request_headers,
        &[
            (json!({"set": {"host": "x"}}), "field request_headers.set.host: 'host' cannot be changed"),
            (json!({"add": {"connection": "x"}}), "field request_headers.add.connection: "),
            (json!({"remove": ["transfer-encoding"]}), "field request_headers.remove: "),
            (json!({"set": {":path": "/"}}), "field request_headers.set.:path: ':path' is no header name"),
            (json!({"set": {"X-Upper": "x"}}), "field request_headers.set.X-Upper: "),
            (json!({"set": {"x-ferrox-consumer": "root"}}), "field request_headers.set.x-ferrox-consumer: "),
            (json!({"add": {"x_ferrox_subject": "root"}}), "field request_headers.add.x_ferrox_subject: "),
            (
                json!({"remove": ["x-ferrox-scopes"]}),
                "field request_headers.remove: 'x-ferrox-scopes' cannot",
            ),
        ],
    );
}

#[test]
fn a_variable_that_is_not_known_is_refused_before_envoy_refuses_everything() {
    for value in [
        "%",
        "100%",
        "%FOO%",
        "%%%",
        "%REQ(x%",
        "%REQ()%",
        "%REQ(X)%",
        "%REQ(:scheme)%",
        "%REQ(x?y)%",
        "%ENVIRONMENT(HOME)%",
        "%FILTER_STATE(wasm.ferrox.identity)%",
        "%protocol%",
        "",
        " x",
        "a\nb",
        "ä",
    ] {
        let found = problems(|row| request_headers(row, json!({"set": {"x": value}})));
        assert!(
            found.len() == 1 && found[0].starts_with("field request_headers.set.x: "),
            "{value}: {found:?}"
        );
    }
    for value in ["x", "100%%", "%%%%", "a %PROTOCOL%%ROUTE_NAME% b", "%REQ(x-y)%", "%REQ(:path)%%%"] {
        assert_eq!(problems(|row| request_headers(row, json!({"set": {"x": value}}))), [""; 0], "{value}");
    }
}

#[test]
fn cors_grants_credentials_to_named_origins_only() {
    refused(
        cors,
        &[
            (json!({"origins": []}), "field cors.origins: must be 1 to 64"),
            (
                json!({"origins": ["*"], "credentials": true}),
                "field cors.credentials: cannot be granted to any",
            ),
            (
                json!({"origins": ["https://a.com"], "credentials": true, "request_headers": ["*"]}),
                "field cors.request_headers: cannot be '*' beside credentials",
            ),
            (json!({"origins": ["*"], "methods": ["get"]}), "field cors.methods: 'get' is no method"),
            (json!({"origins": ["*"], "expose_headers": ["X Y"]}), "field cors.expose_headers: "),
            (
                json!({"origins": ["*"], "max_age_seconds": 86_401}),
                "field cors.max_age_seconds: must be 0 to",
            ),
        ],
    );
}

#[test]
fn origins_are_written_as_browsers_write_them() {
    let origin = |origin: &str| Origin::try_from(origin.to_owned());
    assert_eq!(origin("*"), Ok(Origin::Any));
    assert_eq!(origin("http://[::1]:8080"), Ok(Origin::Exact("http://[::1]:8080".to_owned())));
    let Ok(Origin::Subdomains(subdomains)) = origin("https://*.a.com:8443") else { panic!("a pattern") };
    assert_eq!(subdomains.as_str(), r"https://[a-z0-9_.-]+\.a\.com\:8443");
    let long = format!("https://*.{}.com", "a".repeat(60)) + ":8443";
    assert!(origin(&long).is_ok(), "{:?}", origin(&long));
    let longer = format!("https://*.{0}.{0}.com", "a".repeat(60));
    assert!(origin(&longer).unwrap_err().contains("too large"));
    for bad in [
        "",
        "null",
        "a.com",
        "https://A.com",
        "https://a.com/",
        "https://a.com:443",
        "http://a.com:80",
        "https://a.com:0",
        "https://a.com:08",
        "https://*",
        "https://*a.com",
        "https://a.*.com",
        "ftp://a.com",
        "https://u@a.com",
        "https://a.com b",
    ] {
        assert!(origin(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_rewrite_has_one_host_and_a_path() {
    refused(
        rewrite,
        &[
            (
                json!({"host": "a.com", "host_of_endpoint": true}),
                "field rewrite: only one of host, host_from",
            ),
            (json!({"host": "*"}), "field rewrite.host: '*' is not a host"),
            (json!({"host_from_header": "X"}), "field rewrite.host_from_header: 'X' is no header name"),
            (json!({"prefix": "x"}), "field rewrite.prefix: must begin with one '/'"),
        ],
    );
    taken(
        rewrite,
        &[json!({"prefix": "/", "host_from_header": "x-host"}), json!({"host_of_endpoint": true})],
    );
}

#[test]
fn compression_names_algorithms_that_there_are() {
    refused(
        compression,
        &[
            (json!({"algorithms": []}), "field compression.algorithms: needs at least one"),
            (
                json!({"algorithms": ["deflate"]}),
                "field compression.algorithms[0]: unknown variant `deflate`",
            ),
        ],
    );
}

#[test]
fn a_hash_key_is_one_thing_of_a_request() {
    refused(
        hash_on,
        &[
            (json!({"header": "x"}), "field hash_on: must be a list"),
            (
                json!([{"header": "x"}, {}]),
                "field hash_on[1]: exactly one of header, cookie, address and query",
            ),
            (json!([{"header": "x", "address": true}]), "field hash_on[0]: exactly one of"),
            (json!([{"header": "x", "ttl_seconds": 1}]), "field hash_on[0]: ttl_seconds is for a cookie"),
            (
                json!([{"cookie": "x", "path": "/"}]),
                "field hash_on[0]: ttl_seconds is for a cookie, and path",
            ),
            (json!([{"cookie": "a b"}]), "field hash_on[0].cookie: "),
            (json!([{"cookie": "x", "ttl_seconds": 0, "path": "/;x"}]), "field hash_on[0].path: is no path"),
            (json!([{"query": ""}]), "field hash_on[0].query: is empty"),
            (json!(["header"]), "field hash_on[0]: must be a JSON object"),
        ],
    );
    let mut rows = sound();
    hash_on(&mut rows.routes[0], json!([{"cookie": "SID"}, {"address": true}]));
    rows.upstreams[0].load_balancing = "maglev".to_owned();
    let model = Model::parse(&rows, &keyring()).unwrap();
    let forward = model.routes().next().unwrap().action.forward().unwrap();
    let cookie = HashKey::Cookie { name: "SID".to_owned(), ttl_seconds: None, path: None };
    assert_eq!(forward.hash_on, [cookie, HashKey::Address]);
}

#[test]
fn a_hash_chooses_only_where_the_upstream_balances_by_it() {
    let mut rows = sound();
    hash_on(&mut rows.routes[0], json!([{"address": true}]));
    let refusal = "routes 'orders': field hash_on: upstream 'orders' has no load_balancing by hash: ring_hash or maglev";
    assert_eq!(wrong(&rows), [refusal]);
    for by_hash in ["ring_hash", "maglev"] {
        rows.upstreams[0].load_balancing = by_hash.to_owned();
        assert!(wrong(&rows).is_empty());
    }
    // The upstream alone is changed.
    let before = Model::parse(&rows, &keyring()).unwrap();
    rows.upstreams[0].load_balancing = "random".to_owned();
    let changed = Changed::Things(Things { upstreams: ["orders".to_owned()].into(), ..Things::default() });
    let problems = before.updated(&rows, &changed, &keyring()).err().unwrap();
    assert_eq!(problems[0].to_string(), refusal);
}

#[test]
fn the_schema_of_a_document_is_that_of_what_is_written() {
    let properties = |schema: schemars::Schema| {
        schema.get("properties").unwrap().as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(properties(schemars::schema_for!(HashKey)), "address cookie header path query ttl_seconds");
    assert_eq!(
        properties(schemars::schema_for!(Redirect)),
        "host path port prefix scheme status strip_query"
    );
}
