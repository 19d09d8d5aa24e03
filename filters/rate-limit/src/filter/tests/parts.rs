//! Limits that count by parts.

use super::*;
use ferrox_policy::{auth::KeyDigest, identity::CLAIMS_STATE};

fn by(stage: Stage, parts: Value) -> Bench {
    let mut limit = limit("n", "all", "allow");
    limit["by"] = parts;
    Bench::new(stage, json!([limit]))
}

/// The key of a request with these headers.
fn key(bench: &mut Bench, headers: &[(&str, &str)]) -> String {
    let usual = REQUEST.iter().copied().filter(|(name, _)| headers.iter().all(|(given, _)| given != name));
    bench.host.next_stream(&usual.chain(headers.iter().copied()).collect::<Vec<_>>());
    asked_key(bench)
}

/// The key of the request that the host has.
fn asked_key(bench: &mut Bench) -> String {
    bench.stream = bench.filter.open();
    assert_eq!(bench.request(), Flow::Pause);
    bench.asked().1.limits.remove(0).key
}

#[test]
fn what_a_client_sends_tells_requests_apart_however_it_is_written() {
    for (part, one, same, another) in [
        (json!({"header": "x-t"}), ("x-t", "a"), ("x-t", "a"), ("x-t", "b")),
        (json!({"query": "t"}), (":path", "/?t=a"), (":path", "/x?y=1&%74=%61&t=a"), (":path", "/?t=b")),
        (json!({"cookie": "t"}), ("cookie", "t=a"), ("cookie", "x=1; t=\"a\""), ("cookie", "t=b")),
        (json!("method"), (":method", "GET"), (":method", "GET"), (":method", "POST")),
        (json!("host"), (":authority", "a.test"), (":authority", "A.test:443"), (":authority", "b.test")),
        (json!("path"), (":path", "/a?x=1"), (":path", "/%61?x=2"), (":path", "/b")),
        (json!({"path_template": "/u/{id}/**"}), (":path", "/u/1"), (":path", "/u/1/a"), (":path", "/u/2")),
    ] {
        let mut bench = by(Stage::Address, json!([part]));
        let first = key(&mut bench, &[one]);
        assert!(first.starts_with("ferrox:1:limit|2:r1|1:n|5:fixed|5:parts|64:"), "{first}");
        assert_eq!(key(&mut bench, &[same]), first, "{part}");
        assert_ne!(key(&mut bench, &[another]), first, "{part}");
    }
}

#[test]
fn all_parts_together_tell_requests_apart_and_what_is_absent_is_a_value() {
    let mut bench = by(Stage::Address, json!(["address", {"header": "x-t"}]));
    let (with, without) = (key(&mut bench, &[("x-t", "a")]), key(&mut bench, &[]));
    let empty = key(&mut bench, &[("x-t", "")]);
    bench.host.set_property(&["source", "address"], b"198.51.100.7:1");
    let other = key(&mut bench, &[("x-t", "a")]);
    let keys: std::collections::HashSet<_> = [&with, &without, &empty, &other].into_iter().collect();
    assert_eq!(keys.len(), 4);
    bench.host.set_property(&["source", "address"], b"192.0.2.1:2");
    assert_eq!(key(&mut bench, &[("x-t", "a"), ("x-t", "a")]), with, "who repeats himself is nobody else");
    assert_ne!(key(&mut bench, &[("x-t", "a"), ("x-t", "b")]), with);
}

#[test]
fn the_upstream_and_the_route_tell_requests_apart() {
    for (part, property) in [("upstream", "cluster_name"), ("route", "route_name")] {
        let mut limit = limit("n", "all", "allow");
        (limit["by"], limit["shared"]) = (json!([part]), json!(true));
        let mut bench = Bench::new(Stage::Address, json!([limit]));
        let mut of = |name: &[u8]| {
            bench.host.next_stream(REQUEST);
            bench.host.set_property(&["xds", property], name);
            asked_key(&mut bench)
        };
        let first = of(b"r1");
        assert_eq!(of(b"r1"), first);
        assert_ne!(of(b"r2"), first, "{part}");
    }
}

#[test]
fn parts_of_an_identity_come_from_auth_and_never_from_headers() {
    let identity = |consumer: &str, key: &[u8]| Identity {
        consumer: Some(consumer.to_owned()),
        api_key: Some(KeyDigest::of(key).start()),
        ..Identity::default()
    };
    let mut bench = by(Stage::Identity, json!(["consumer"]));
    let nobody = key(&mut bench, &[]);
    assert_eq!(key(&mut bench, &[("x-ferrox-consumer", "a")]), nobody);
    let mut of = |part: &str, identity: &Identity| {
        bench = by(Stage::Identity, json!([part]));
        bench.host.next_stream(REQUEST);
        bench.identify(identity);
        asked_key(&mut bench)
    };
    let [one, two, three] = [identity("a", b"1"), identity("a", b"2"), identity("b", b"3")];
    assert_eq!(of("consumer", &one), of("consumer", &two));
    assert_ne!(of("consumer", &one), of("consumer", &three));
    assert_ne!(of("api_key", &one), of("api_key", &two));
    assert_eq!(of("api_key", &one), of("api_key", &one));
    assert_eq!(of("subject", &one), of("subject", &three), "neither has one");
}

#[test]
fn a_claim_is_what_auth_published_and_one_that_cannot_be_read_counts_by_itself() {
    let mut bench = by(Stage::Identity, json!([{"claim": "org.id"}]));
    let mut of = |state: &[u8]| {
        bench.host.next_stream(REQUEST);
        bench.host.set_filter_state(CLAIMS_STATE, state);
        asked_key(&mut bench)
    };
    let one = of(br#"[["org.id", 1]]"#);
    assert_eq!(of(br#"[["x", 7], [["org", "id"], 1]]"#), one);
    let others = [of(b""), of(br#"[["org.id", "1"]]"#), of(br#"[["org.id", 2]]"#), of(b"{")];
    let keys: std::collections::HashSet<_> = others.iter().chain([&one]).collect();
    assert_eq!(keys.len(), 5);
    assert_eq!(of(br#"[["x", 7]]"#), others[0]);
    assert_eq!(bench.host.counted("ferrox.rate_limit.identity.identity_unreadable"), 1);
}

#[test]
fn values_never_move_from_one_header_to_the_next() {
    let mut bench = by(Stage::Address, json!([{"header": "a"}, {"header": "z"}]));
    let of_first = key(&mut bench, &[("a", "header"), ("a", "z")]);
    assert_ne!(key(&mut bench, &[("z", "header"), ("z", "z")]), of_first);
}
