use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::auth::{Consumer, KeyGrant, MAX_TIME, refusal};

fn consumers() -> Vec<Consumer> {
    let consumer = |(name, scopes): (&str, &[&str])| Consumer {
        name: name.to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        key_sha256: Vec::new(),
        keys: Vec::new(),
    };
    [("a", &["x", "y"][..]), ("ab", &["x"]), ("b", &[])].map(consumer).to_vec()
}

fn set_of(count: u32) -> KeySet {
    let grant = |key: u32| KeyGrant::unlimited(KeyDigest::of(&key.to_be_bytes()), "a");
    KeySet::pack(&consumers(), &(0..count).map(grant).collect::<Vec<_>>()).unwrap()
}

/// Why a set is refused that was changed on its way.
fn refused(set: &KeySet, change: impl FnOnce(&mut Value)) -> String {
    let mut json = serde_json::to_value(set).unwrap();
    change(&mut json);
    refusal::<KeySet>(json)
}

/// A record in base64.
fn record(change: impl FnOnce(&mut Record)) -> Value {
    let mut record = set_of(1).record(0).unwrap();
    change(&mut record);
    serde_json::to_value([Block::new(&[record])]).unwrap()
}

#[test]
fn a_set_of_any_size_finds_its_keys_and_no_others() {
    for count in [0, 1, 2, 1_023, 1_024, 1_025, 3_000] {
        let set = set_of(count);
        set.check().unwrap();
        assert_eq!((set.len(), set.is_empty()), (usize::try_from(count).unwrap(), count == 0));
        for key in 0..count {
            let digest = KeyDigest::of(&key.to_be_bytes());
            let held = set.find(&digest).unwrap();
            assert_eq!((held.consumer, held.sha256), ("a", digest));
        }
        for stranger in count..count + 100 {
            assert_eq!(set.find(&KeyDigest::of(&stranger.to_be_bytes())), None);
        }
        assert_eq!((set.find(&KeyDigest([0; 32])), set.find(&KeyDigest([255; 32]))), (None, None));
    }
}

#[test]
fn digests_that_begin_alike_are_told_apart() {
    let digest = |last: u8| KeyDigest([[7; 31].as_slice(), &[last]].concat().try_into().unwrap());
    let grants: Vec<_> = (1..4).map(|last| KeyGrant::unlimited(digest(last), "a")).collect();
    let set = KeySet::pack(&consumers(), &grants).unwrap();
    for last in 1..4_u8 {
        assert_eq!(set.find(&digest(last)).map(|held| held.sha256), Some(digest(last)));
    }
    assert_eq!((set.find(&digest(0)), set.find(&digest(4))), (None, None));
}

#[test]
fn a_key_is_good_from_its_first_second_until_its_last() {
    let grant =
        KeyGrant { not_before: Some(10), expires: Some(20), ..KeyGrant::unlimited(KeyDigest::of(b"k"), "a") };
    let unlimited = KeyGrant::unlimited(KeyDigest::of(b"l"), "a");
    let set = KeySet::pack(&consumers(), &[grant, unlimited]).unwrap();
    let held = set.find(&KeyDigest::of(b"k")).unwrap();
    assert_eq!([9.9, 10.0].map(|now| held.is_early(now)), [true, false]);
    assert_eq!([19.9, 20.0].map(|now| held.has_expired(now)), [false, true]);
    let held = set.find(&KeyDigest::of(b"l")).unwrap();
    assert!(!held.is_early(0.0) && !held.has_expired(1e12));
}

#[test]
fn a_set_that_was_changed_is_refused_by_its_place() {
    let set = set_of(1_025);
    let text = |json: &Value| json.as_str().unwrap().to_owned();
    let swapped = refused(&set, |json| {
        let records = text(&json["records"][0]);
        json["records"][0] = format!("{}{}{}", &records[64..128], &records[..64], &records[128..]).into();
    });
    assert_eq!(swapped, "records[0]: record 1: must have a greater digest than the one before");
    let short = refused(&set, |json| json["records"][0] = text(&json["records"][0])[64..].into());
    assert_eq!(short, "records[0]: must hold 1024 records");
    for (text, reason) in [
        ("", "records[0]: must hold 1 to 1024 records of 48 bytes"),
        ("AAAA", "records[0]: must hold 1 to 1024 records of 48 bytes"),
        ("=", "records[0]: must be base64url without padding"),
    ] {
        let refusal = refused(&set, |json| json["records"][0] = text.into());
        assert!(refusal.starts_with(reason), "{refusal}");
    }
    assert_eq!(refused(&set, |json| json["terms"] = json!([])), "records[0]: record 0: has no terms");
    for text in ["", "\n", "d\u{e9}j\u{e0}"] {
        let refusal = refused(&set, |json| json["consumers"][0] = text.into());
        assert_eq!(refusal, "consumers[0]: must be 1 to 65535 bytes of printable ASCII");
    }
    let routes = refused(&set, |json| json["terms"] = json!([{"routes": ["r", ""]}]));
    assert_eq!(routes, "terms[0].routes[1]: must not be empty");
}

#[test]
fn a_record_points_to_the_start_of_a_name() {
    let set = set_of(1);
    for (consumers, place) in [("ab", 1), ("a b", 1), ("a", 1), ("a", 1 << 16), (" a", 0)] {
        let refusal = refused(&set, |json| {
            json["consumers"] = json!([consumers]);
            json["records"] = record(|record| record.consumer = place);
        });
        assert_eq!(refusal, "records[0]: record 0: has no consumer", "{consumers}");
    }
    let refusal = refused(&set, |json| json["records"] = record(|record| record.expires = 0));
    assert_eq!(refusal, "records[0]: record 0: must expire after it begins");
}

fn grants() -> impl Strategy<Value = BTreeMap<u16, KeyGrant>> {
    let time = || prop::option::of(0..=MAX_TIME);
    let names = (prop::sample::select(vec!["a", "ab", "b"]), prop::collection::vec("[a-c]{1,2}", 0..3));
    let grant = (names, any::<bool>(), time(), time(), any::<bool>());
    let grant = grant.prop_map(|((consumer, routes), narrowed, not_before, expires, disabled)| KeyGrant {
        scopes: narrowed.then(Vec::new),
        routes,
        not_before,
        expires: expires.filter(|end| not_before.is_none_or(|start| start < *end)),
        disabled,
        ..KeyGrant::unlimited(KeyDigest([0; 32]), consumer)
    });
    prop::collection::btree_map(any::<u16>(), grant, 0..2_500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_was_packed_and_shipped_is_found_with_all_that_was_granted(keys in grants(), strangers: [u32; 8]) {
        let digest = |key: &u16| KeyDigest::of(&key.to_be_bytes());
        let packed: Vec<_> =
            keys.iter().map(|(key, grant)| KeyGrant { sha256: digest(key), ..grant.clone() }).collect();
        let json = serde_json::to_vec(&KeySet::pack(&consumers(), &packed).unwrap()).unwrap();
        let set: KeySet = crate::parse(&json).unwrap();

        prop_assert_eq!(set.len(), packed.len());
        for grant in &packed {
            let held = set.find(&grant.sha256).unwrap();
            let holder = consumers().into_iter().find(|consumer| consumer.name == grant.consumer).unwrap();
            prop_assert_eq!(held.consumer, &grant.consumer);
            prop_assert_eq!(&held.terms.scopes, grant.scopes.as_ref().unwrap_or(&holder.scopes));
            prop_assert_eq!((&held.terms.routes, held.terms.disabled), (&grant.routes, grant.disabled));
            for time in grant.not_before.into_iter().chain(grant.expires).flat_map(|time| [time.saturating_sub(1), time]) {
                let now = f64::from(u32::try_from(time).unwrap());
                prop_assert_eq!(held.is_early(now), grant.not_before.is_some_and(|start| time < start));
                prop_assert_eq!(held.has_expired(now), grant.expires.is_some_and(|end| time >= end));
            }
        }
        for stranger in strangers {
            prop_assert_eq!(set.find(&KeyDigest::of(&stranger.to_be_bytes())), None);
        }
    }
}
