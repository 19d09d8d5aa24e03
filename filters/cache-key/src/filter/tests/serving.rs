//! Which requests are looked up, and how a hit is served.

use std::time::Duration;

use ferrox_host::{Flow, Host, Plugin, Stream, mock::MockHost};
use ferrox_policy::{cache::FILTER, sidecar::TTL_HEADER};

use super::bed::{FRESH, GET, HEAD, bed, header, with};
use crate::CacheKey;

#[test]
fn the_second_request_is_answered_from_the_cache() {
    let mut bed = bed("{}");
    assert!(bed.get(&[]).is_miss());
    bed.host.advance(Duration::from_secs(7));
    let reply = bed.get(&[]).reply();
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"hello"[..]));
    assert_eq!(header(&reply, "x-a"), "1");
    assert_eq!(header(&reply, "cache-control"), "max-age=60");
    assert_eq!(header(&reply, "age"), "7");
    assert_eq!(header(&reply, "cache-status"), "ferrox; hit; ttl=53");
    let counts = ["hit", "miss", "bypass", "stored", "not_stored"].map(|name| bed.counted(name));
    assert_eq!(counts, [1, 1, 0, 1, 0]);
}

#[test]
fn the_access_log_can_read_what_became_of_a_request() {
    let mut bed = bed("{}");
    for (header, noted) in [
        (("a", "b"), "fwd=miss"),
        (("a", "b"), "hit; ttl=60"),
        (("cache-control", "no-cache"), "fwd=request"),
        (("range", "bytes=0-1"), "fwd=bypass"),
        (("cache-control", "no-cache, only-if-cached"), "only-if-cached"),
    ] {
        bed.get(&[header]);
        let note = bed.host.filter_state(FILTER).unwrap_or_default();
        assert_eq!(String::from_utf8(note).as_deref(), Ok(noted), "{header:?}");
    }
}

#[test]
fn the_age_counts_what_the_answer_had_and_the_way_to_here() {
    let mut bed = bed("{}");
    let (mut stream, _) = bed.ask(&GET);
    bed.host.advance(Duration::from_secs(2));
    bed.answer_head(&mut stream, &with(FRESH, &[("age", "10")]), false);
    bed.host.advance(Duration::from_secs(3));
    bed.answer_chunk(&mut stream, "x", true);
    let put = bed.host.take_calls().remove(0);
    assert_eq!(put.headers, [(TTL_HEADER.to_owned(), "45".to_owned())]);
    bed.entries.insert(put.path, put.body);
    bed.host.advance(Duration::from_secs(4));
    assert_eq!(header(&bed.get(&[]).reply(), "age"), "19");
}

#[test]
fn a_stale_entry_is_a_miss_and_is_replaced() {
    let mut bed = bed("{}");
    bed.get(&[]);
    bed.host.advance(Duration::from_secs(60));
    assert!(bed.get(&[]).is_miss());
    assert_eq!(header(&bed.get(&[]).reply(), "age"), "0");
}

#[test]
fn without_a_policy_nothing_is_done() {
    let bed = bed("");
    bed.host.next_stream(&GET);
    let mut stream = bed.plugin.open();
    assert_eq!(stream.on_request_headers(&bed.host, true), Flow::Continue);
    assert_eq!(bed.answer_head(&mut stream, FRESH, true), Vec::<String>::new());
    assert!(bed.host.take_calls().is_empty());
    assert_eq!(bed.counted("bypass"), 0);
}

#[test]
fn a_placed_policy_counts_where_the_route_has_none_of_its_own() {
    let mut bed = bed("");
    let config =
        br#"{"sidecar":{"cluster":"s"},"policies":{"routes":[{"match":{"path_prefix":"/p"},"policy":{}}]}}"#;
    bed.plugin = CacheKey::configure(&bed.host, &config[..]).unwrap();
    bed.host.next_stream(&GET);
    assert_eq!(bed.plugin.open().on_request_headers(&bed.host, true), Flow::Pause);
    bed.host.next_stream(&[(":method", "GET"), (":scheme", "https"), (":authority", "h"), (":path", "/q")]);
    assert_eq!(bed.plugin.open().on_request_headers(&bed.host, true), Flow::Continue);
}

#[test]
fn a_policy_that_cannot_be_used_is_logged_and_bypassed() {
    let mut bed = bed(r#"{"ttl":5}"#);
    assert_eq!(bed.get(&[]).cache_status(), "ferrox; fwd=bypass");
    assert!(
        bed.host.logged().iter().any(|line| line.contains("unknown field `ttl`")),
        "{:?}",
        bed.host.logged()
    );
    assert_eq!((bed.counted("bypass"), bed.entries.len()), (1, 0));
}

#[test]
fn a_wrong_configuration_is_refused_by_field() {
    let host = MockHost::default();
    let refusal =
        CacheKey::configure(&host, &br#"{"sidecar":{"cluster":"","timeout_ms":5}}"#[..]).unwrap_err();
    assert!(refusal.starts_with("sidecar.cluster"), "{refusal}");
}

#[test]
fn a_request_that_is_not_for_a_cache_passes_untouched() {
    for more in [("range", "bytes=0-1"), ("cache-control", "no-store"), ("upgrade", "h2c"), (":path", "/two")]
    {
        let mut bed = bed("{}");
        assert_eq!(bed.get(&[more]).cache_status(), "ferrox; fwd=bypass", "{more:?}");
        assert_eq!((bed.counted("bypass"), bed.entries.len()), (1, 0), "{more:?}");
    }
    let mut bed = bed("{}");
    let post = [(":method", "POST"), (":scheme", "https"), (":authority", "h"), (":path", "/p")];
    assert_eq!(bed.exchange(&post, FRESH, &[]).cache_status(), "ferrox; fwd=bypass");
    assert!(bed.entries.is_empty());
}

#[test]
fn a_request_with_a_body_passes_untouched() {
    let bed = bed("{}");
    let mut stream = bed.open(&GET);
    assert_eq!(stream.on_request_headers(&bed.host, false), Flow::Continue);
    assert!(bed.host.take_calls().is_empty());
}

#[test]
fn a_client_that_wants_a_new_answer_gets_it_and_it_is_stored() {
    let mut bed = bed("{}");
    bed.get(&[]);
    bed.host.advance(Duration::from_secs(5));
    assert_eq!(bed.get(&[("cache-control", "no-cache")]).cache_status(), "ferrox; fwd=request");
    assert_eq!(header(&bed.get(&[]).reply(), "age"), "0");
}

#[test]
fn a_client_can_limit_the_age_that_it_takes() {
    let mut bed = bed("{}");
    bed.get(&[]);
    bed.host.advance(Duration::from_secs(5));
    assert!(bed.get(&[("cache-control", "max-age=5")]).is_hit());
    assert_eq!(bed.get(&[("cache-control", "max-age=4")]).cache_status(), "ferrox; fwd=request");
}

#[test]
fn only_if_cached_never_reaches_the_upstream() {
    let mut bed = bed("{}");
    let only = [("cache-control", "only-if-cached")];
    assert_eq!(bed.get(&only).reply().status, 504);
    bed.get(&[]);
    assert!(bed.get(&only).is_hit());
    assert_eq!(bed.get(&[("cache-control", "only-if-cached, no-cache")]).reply().status, 504);
    bed.sidecar_fails = Some(503);
    assert_eq!(bed.get(&only).reply().status, 504);
    bed.host.refuse_calls(true);
    assert_eq!(bed.get(&only).reply().status, 504);
}

#[test]
fn caches_behind_us_keep_their_cache_status() {
    let mut bed = bed("{}");
    let got = bed.exchange(&GET, &with(FRESH, &[("cache-status", "cdn; hit")]), &["x"]);
    assert_eq!(got.cache_status(), "cdn; hit, ferrox; fwd=miss");
}

#[test]
fn a_redirect_is_served_with_its_headers() {
    let mut bed = bed("{}");
    let moved =
        [(":status", "308"), ("cache-control", "max-age=60"), ("location", "/new"), ("content-type", "a/b")];
    bed.exchange(&GET, &moved, &[]);
    let reply = bed.exchange(&GET, &moved, &[]).reply();
    assert_eq!(
        (reply.status, header(&reply, "location"), header(&reply, "content-type")),
        (308, "/new", "a/b")
    );
}

#[test]
fn head_has_entries_of_its_own_with_the_length_of_get() {
    let mut bed = bed("{}");
    let head = with(FRESH, &[("content-length", "5000"), ("content-type", "text/html")]);
    bed.get(&[]);
    assert!(bed.exchange(&HEAD, &head, &[]).is_miss());
    let reply = bed.exchange(&HEAD, &head, &[]).reply();
    assert!(reply.body.is_empty());
    assert_eq!((header(&reply, "content-length"), header(&reply, "content-type")), ("5000", "text/html"));
}

#[test]
fn what_the_route_adds_to_every_answer_stands_in_a_hit_once() {
    let mut bed = bed("{}");
    let several = with(FRESH, &[("link", "</a>"), ("link", "</b>")]);
    bed.exchange(&GET, &several, &["hello"]);
    let (mut stream, reply) = bed.ask(&GET);
    let reply = bed.deliver(&mut stream, &reply.unwrap(), &[("x-a", "1"), ("x-new", "2")]);
    assert_eq!((header(&reply, "x-a"), header(&reply, "x-new")), ("1", "2"));
    let links: Vec<&str> =
        reply.headers.iter().filter(|(name, _)| name == "link").map(|(_, value)| value.as_str()).collect();
    assert_eq!(links, ["</a>", "</b>"]);
    assert_eq!(header(&reply, "cache-status"), "ferrox; hit; ttl=60");
}
