//! Which answers become entries.

use std::time::Duration;

use ferrox_host::{CallOutcome, Stream};

use super::bed::{FRESH, GET, bed, with};

#[test]
fn an_answer_that_went_stale_on_its_way_is_not_stored() {
    let mut bed = bed("{}");
    let (mut stream, _) = bed.ask(&GET);
    bed.answer_head(&mut stream, FRESH, false);
    bed.host.advance(Duration::from_secs(60));
    bed.answer_chunk(&mut stream, "x", true);
    assert_eq!((bed.host.take_calls().len(), bed.counted("not_stored")), (0, 1));
}

#[test]
fn our_own_504_is_not_stored() {
    let mut bed = bed(r#"{"default_ttl_seconds":9}"#);
    let (mut stream, reply) = bed.ask(&with(&GET, &[("cache-control", "only-if-cached")]));
    bed.deliver(&mut stream, &reply.unwrap(), &[]);
    assert!(bed.host.take_calls().is_empty());
}

#[test]
fn an_answer_of_envoy_while_the_request_waits_is_not_stored() {
    let bed = bed(r#"{"default_ttl_seconds":9}"#);
    let mut stream = bed.open(&GET);
    stream.on_request_headers(&bed.host, true);
    let call = bed.host.take_calls().remove(0);
    bed.answer_head(&mut stream, FRESH, true);
    assert!(bed.host.take_calls().is_empty());
    stream.on_call(&bed.host, call.id, CallOutcome::Reset);
    assert_eq!(bed.host.take_resumed(), [], "the request is over");
}

#[test]
fn a_local_reply_of_an_earlier_filter_is_not_stored() {
    let bed = bed(r#"{"default_ttl_seconds":9}"#);
    let mut stream = bed.open(&GET);
    assert_eq!(bed.answer_head(&mut stream, FRESH, false), Vec::<String>::new());
    bed.answer_chunk(&mut stream, "x", true);
    assert!(bed.host.take_calls().is_empty());
}

#[test]
fn what_the_response_forbids_is_said_and_not_stored() {
    let mut bed = bed("{}");
    let head = [(":status", "200"), ("cache-control", "private, max-age=60")];
    let got = bed.exchange(&GET, &head, &["x"]);
    assert_eq!(got.cache_status(), "ferrox; fwd=miss; detail=private");
    assert_eq!((bed.counted("not_stored"), bed.counted("stored"), bed.entries.len()), (1, 0, 0));
}

#[test]
fn a_body_up_to_the_limit_is_stored_and_no_larger_one() {
    let limited = || bed(r#"{"max_body_bytes":5}"#);
    assert!(limited().is_stored(&GET, FRESH, &["hel", "lo"]));
    assert!(!limited().is_stored(&GET, FRESH, &["hel", "loo"]));
    assert!(!limited().is_stored(&GET, FRESH, &["helloo", ""]));
    assert!(!limited().is_stored(&GET, &with(FRESH, &[("content-length", "6")]), &["helloo"]));
}

#[test]
fn the_copy_of_a_body_that_is_too_large_is_dropped_at_once() {
    let mut bed = bed(r#"{"max_body_bytes":5}"#);
    let (mut stream, _) = bed.ask(&GET);
    bed.answer_head(&mut stream, FRESH, false);
    bed.answer_chunk(&mut stream, "helloo", false);
    assert_eq!(bed.counted("not_stored"), 1);
    bed.answer_chunk(&mut stream, "", true);
    assert_eq!((bed.counted("not_stored"), bed.host.take_calls().len()), (1, 0));
}

#[test]
fn an_empty_body_is_stored_with_or_without_a_last_chunk() {
    assert!(bed("{}").is_stored(&GET, FRESH, &[]));
    assert!(bed("{}").is_stored(&GET, FRESH, &[""]));
    assert!(bed("{}").is_stored(&GET, &with(FRESH, &[("content-length", "0")]), &[]));
}

#[test]
fn a_body_that_is_not_whole_is_not_stored() {
    let announced = with(FRESH, &[("content-length", "5")]);
    assert!(bed("{}").is_stored(&GET, &announced, &["hello"]));
    assert!(!bed("{}").is_stored(&GET, &announced, &["hell"]));
    assert!(!bed("{}").is_stored(&GET, &announced, &["hell", "oo"]));
    assert!(!bed("{}").is_stored(&GET, &announced, &[]));
}

#[test]
fn a_chunk_that_cannot_be_read_leaves_no_hole() {
    let mut bed = bed("{}");
    let (mut stream, _) = bed.ask(&GET);
    bed.answer_head(&mut stream, FRESH, false);
    bed.host.set_body(b"hel");
    stream.on_response_body(&bed.host, 5, true);
    assert!(bed.host.take_calls().is_empty());
}

#[test]
fn an_answer_that_never_ends_is_not_stored() {
    let mut bed = bed("{}");
    let (mut stream, _) = bed.ask(&GET);
    bed.answer_head(&mut stream, FRESH, false);
    bed.answer_chunk(&mut stream, "hello", false);
    drop(stream);
    assert!(bed.host.take_calls().is_empty());
}

#[test]
fn an_answer_with_trailers_is_not_stored() {
    let mut bed = bed("{}");
    let (mut stream, _) = bed.ask(&GET);
    bed.answer_head(&mut stream, FRESH, false);
    bed.answer_chunk(&mut stream, "hello", false);
    stream.on_response_trailers(&bed.host);
    assert_eq!((bed.counted("not_stored"), bed.host.take_calls().len()), (1, 0));
}
