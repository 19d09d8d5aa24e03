//! A sidecar that fails or brings what is no entry.

use ferrox_host::{CallOutcome, Headers, Side, Stream};
use proptest::prelude::*;

use super::bed::{FRESH, GET, bed};

#[test]
fn a_failing_sidecar_is_a_miss_whatever_it_does() {
    let mut bed = bed("{}");
    bed.get(&[]);
    for status in [400, 413, 500, 503, 504] {
        bed.sidecar_fails = Some(status);
        assert!(bed.get(&[]).is_miss(), "{status}");
    }
    assert_eq!((bed.counted("lookup_failed"), bed.counted("store_failed")), (5, 5));
    let mut stream = bed.open(&GET);
    stream.on_request_headers(&bed.host, true);
    stream.on_call(&bed.host, bed.host.take_calls()[0].id, CallOutcome::Reset);
    assert_eq!(bed.host.take_resumed(), [Side::Request]);
    assert_eq!(bed.counted("lookup_failed"), 6);
    assert_eq!(bed.host.logged().len(), 1, "one line, not one for each: {:?}", bed.host.logged());
    bed.sidecar_fails = None;
    assert!(bed.get(&[]).is_hit());
    assert_eq!(bed.host.logged().len(), 2);
}

#[test]
fn a_refused_call_lets_the_request_go_on_at_once() {
    let mut bed = bed("{}");
    bed.host.refuse_calls(true);
    assert!(bed.get(&[]).is_miss());
    let counts = ["lookup_failed", "miss", "store_failed", "stored"].map(|name| bed.counted(name));
    assert_eq!(counts, [1, 1, 1, 0]);
}

#[test]
fn a_damaged_entry_is_a_miss_and_is_replaced() {
    let mut bed = bed("{}");
    bed.get(&[]);
    let entry = bed.entries.values_mut().next().unwrap();
    let last = entry.len() - 1;
    entry[last] ^= 1;
    assert!(bed.get(&[]).is_miss());
    assert_eq!((bed.counted("damaged"), bed.counted("miss")), (1, 2));
    assert!(bed.get(&[]).is_hit());
}

#[test]
fn an_entry_of_another_key_under_this_name_is_a_miss() {
    let mut bed = bed("{}");
    bed.get(&[]);
    let foreign = bed.entries.values().next().unwrap().clone();
    let other = [(":method", "GET"), (":scheme", "https"), (":authority", "h"), (":path", "/other")];
    bed.exchange(&other, FRESH, &["other"]);
    bed.entries.values_mut().for_each(|entry| *entry = foreign.clone());
    assert!(bed.exchange(&other, FRESH, &["other"]).is_miss());
}

#[test]
fn an_answer_to_a_call_that_is_not_ours_changes_nothing() {
    let mut bed = bed("{}");
    bed.get(&[]);
    let mut stream = bed.open(&GET);
    stream.on_request_headers(&bed.host, true);
    let call = bed.host.take_calls().remove(0);
    stream.on_call(&bed.host, ferrox_host::CallId(call.id.0 + 1), CallOutcome::Reset);
    assert_eq!((bed.host.take_resumed(), bed.host.replied()), (vec![], None));
    let body = bed.entries[&call.path].clone();
    stream.on_call(
        &bed.host,
        call.id,
        CallOutcome::Answered { status: 200, headers: Headers::default(), body },
    );
    assert!(bed.host.replied().is_some());
}

proptest! {
    /// Whatever comes from the sidecar under whatever status, the client gets the upstream's answer, and once.
    #[test]
    fn nothing_from_the_sidecar_is_served_but_an_entry(status in 100..600_u16, body in prop::collection::vec(any::<u8>(), 0..64)) {
        let bed = bed("{}");
        let mut stream = bed.open(&GET);
        stream.on_request_headers(&bed.host, true);
        let id = bed.host.take_calls()[0].id;
        stream.on_call(&bed.host, id, CallOutcome::Answered { status, headers: Headers::default(), body });
        prop_assert_eq!(bed.host.replied(), None);
        prop_assert_eq!(bed.host.take_resumed(), [Side::Request]);
    }
}
