//! Who may share an entry.

use ferrox_host::{Flow, Host, Stream};
use ferrox_policy::identity::{FILTER_STATE, Identity};

use super::bed::{FRESH, GET, bed, person, with};

#[test]
fn people_never_share_an_entry_unless_the_policy_says_so() {
    let mut bed = bed("{}");
    for identity in [None, person("ann"), person("bob")] {
        bed.identity = identity;
        assert!(bed.get(&[]).is_miss(), "{:?}", bed.identity);
        assert!(bed.get(&[]).is_hit(), "{:?}", bed.identity);
    }
}

#[test]
fn identity_headers_of_a_client_mean_nothing() {
    let mut bed = bed("{}");
    bed.identity = person("ann");
    bed.get(&[]);
    bed.identity = None;
    let spoofed = [("x-ferrox-issuer", "i"), ("x-ferrox-subject", "ann"), ("x-ferrox-consumer", "ann")];
    assert!(bed.get(&spoofed).is_miss());
    assert!(bed.get(&[]).is_hit(), "the same entry as without them");
}

#[test]
fn an_identity_that_cannot_be_read_bypasses_the_cache() {
    let bed = bed("{}");
    let mut stream = bed.open(&GET);
    bed.host.set_filter_state(FILTER_STATE, b"{");
    assert_eq!(stream.on_request_headers(&bed.host, true), Flow::Continue);
    assert_eq!(bed.answer_head(&mut stream, FRESH, true), ["ferrox; fwd=bypass"]);
    assert!(bed.host.take_calls().is_empty());
    assert_eq!(bed.host.logged().len(), 1);
}

#[test]
fn a_shared_entry_is_made_only_from_an_answer_that_may_be_shared() {
    let public = [(":status", "200"), ("cache-control", "public, max-age=60")];
    let mut bed = bed(r#"{"shared":true}"#);
    bed.identity = person("ann");
    assert!(!bed.is_stored(&GET, FRESH, &["x"]));
    assert!(bed.is_stored(&GET, &public, &["x"]));
    bed.identity = person("bob");
    assert!(bed.get(&[]).is_hit());
}

#[test]
fn credentials_that_the_key_does_not_hold_need_a_public_answer() {
    let request = with(&GET, &[("authorization", "Basic eDp5")]);
    assert!(!bed("{}").is_stored(&request, FRESH, &["x"]), "nobody verified them");
    let bed_with = |identity| {
        let mut bed = bed("{}");
        bed.identity = identity;
        bed.is_stored(&request, FRESH, &["x"])
    };
    assert!(bed_with(person("ann")), "auth verified them, so they are in the key");
    let consumer = Identity { consumer: Some("app".to_owned()), ..Identity::default() };
    assert!(!bed_with(Some(consumer)), "they are somebody's who came through the app");
}

#[test]
fn headers_of_the_policy_are_in_the_key_and_no_others() {
    let mut bed = bed(r#"{"headers":["accept-language"]}"#);
    bed.get(&[("accept-language", "de"), ("accept", "a")]);
    assert!(bed.get(&[("accept-language", "de"), ("accept", "b")]).is_hit());
    assert!(bed.get(&[("accept-language", "fr")]).is_miss());
    assert!(bed.get(&[]).is_miss());
}

#[test]
fn routes_share_no_entries() {
    let mut bed = bed("{}");
    bed.get(&[]);
    let mut stream = bed.open(&GET);
    bed.host.set_property(&["xds", "route_name"], b"other");
    stream.on_request_headers(&bed.host, true);
    assert!(!bed.entries.contains_key(&bed.host.take_calls()[0].path));
}
