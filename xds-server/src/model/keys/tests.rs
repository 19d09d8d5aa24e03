use super::*;
use crate::{
    model::{
        Model,
        sample::{api_key, consumer, keyring, sound},
        tests::{problem, problems},
    },
    store::Changed,
};

/// SHA-256 of "abc" begins so (FIPS 180-2 appendix B.1).
const ABC: &str = "ba7816bf";

/// Sound rows with a consumer `a` that has the scope `x` and holds the key "abc", after a change of the key.
fn with(change: impl FnOnce(&mut ApiKeyRow)) -> Rows {
    let mut rows = sound();
    rows.consumers.push(consumer("a", &["x"]));
    rows.live.api_keys.push(api_key("abc", "a"));
    change(&mut rows.live.api_keys[0]);
    rows
}

fn refusal(change: impl FnOnce(&mut ApiKeyRow)) -> String {
    problem(|rows| *rows = with(change))
}

fn parse(rows: &Rows) -> Model {
    Model::parse(rows, &keyring()).unwrap()
}

fn one_key(key: &str) -> Changed {
    let api_keys = BTreeSet::from([KeyDigest::of(key.as_bytes()).to_string()]);
    Changed::Things(Things { api_keys, ..Things::default() })
}

fn set(model: &Model) -> &KeySet {
    model.auth().api_keys.as_ref().unwrap()
}

#[test]
fn a_key_is_shipped_with_all_that_it_is_good_for() {
    let model = parse(&with(|key| {
        key.scopes = Some(Vec::new());
        key.routes = vec!["orders".to_owned()];
        key.not_before = Some(10);
        key.expires_at = Some(20);
        key.disabled = true;
    }));
    let key = set(&model).find(&KeyDigest::of(b"abc")).unwrap();
    assert_eq!(
        (key.consumer, &key.terms.scopes[..], &key.terms.routes[..]),
        ("a", &[][..], &["orders".to_owned()][..])
    );
    assert!(key.terms.disabled && key.is_early(9.0) && !key.is_early(10.0));
    assert!(key.has_expired(20.0) && !key.has_expired(19.0));
    assert_eq!(ferrox_auth::check(model.auth()), Ok(()));
}

#[test]
fn a_key_without_scopes_of_its_own_has_those_of_its_consumer() {
    assert_eq!(set(&parse(&with(|_| {}))).find(&KeyDigest::of(b"abc")).unwrap().terms.scopes, ["x"]);
}

#[test]
fn a_key_that_makes_no_sense_is_refused_by_the_start_of_its_digest() {
    let told = |field: &str| format!("api_keys '{ABC}': field {field}: ");
    let found = refusal(|key| key.consumer = "nobody".to_owned());
    assert_eq!(found, told("consumer") + "there is no consumer 'nobody'");
    let found = refusal(|key| key.scopes = Some(vec!["x".to_owned(), "y".to_owned()]));
    assert_eq!(found, told("scopes[1]") + "is none of the consumer's");
    let found = refusal(|key| key.routes = vec!["orders".to_owned(), "nowhere".to_owned()]);
    assert_eq!(found, told("routes[1]") + "there is no route 'nowhere'");
    let found = refusal(|key| (key.not_before, key.expires_at) = (Some(5), Some(5)));
    assert_eq!(found, told("expires_at") + "must be after not_before");
    assert_eq!(refusal(|key| key.not_before = Some(-1)), told("not_before") + "must not be before 1970");
}

#[test]
fn what_is_no_digest_may_be_a_key_and_is_not_shown() {
    let found = refusal(|key| key.sha256 = "hunter2hunter2hunter2".to_owned());
    assert_eq!(found, "api_keys '': field sha256: must be 64 lower-case hex digits");
}

#[test]
fn a_key_stands_once() {
    let found = problem(|rows| {
        *rows = with(|_| {});
        rows.live.api_keys.push(api_key("abc", "a"));
    });
    assert_eq!(found, format!("api_keys '{ABC}': field sha256: stands twice"));
}

#[test]
fn a_route_that_a_key_names_cannot_go() {
    let mut rows = with(|key| key.routes = vec!["users".to_owned()]);
    let model = parse(&rows);
    rows.routes.pop();
    rows.route_upstreams.pop();
    let things = Things { routes: BTreeSet::from(["users".to_owned()]), ..Things::default() };
    let refused = model.updated(&rows, &Changed::Things(things), &keyring()).unwrap_err();
    let reason = "field routes[0]: there is no route 'users'";
    assert_eq!(
        refused.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [format!("api_keys '{ABC}': {reason}")]
    );
}

#[test]
fn a_scope_that_a_key_needs_cannot_go_from_its_consumer() {
    let mut rows = with(|key| key.scopes = Some(vec!["x".to_owned()]));
    let model = parse(&rows);
    rows.consumers[0].scopes.clear();
    let things = Things { consumers: BTreeSet::from(["a".to_owned()]), ..Things::default() };
    let refused = model.updated(&rows, &Changed::Things(things), &keyring()).unwrap_err();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].field, "scopes[0]");
}

#[test]
fn a_change_of_one_key_leaves_the_others_as_they_were() {
    let mut rows = with(|_| {});
    rows.live.api_keys.push(api_key("other", "a"));
    let before = parse(&rows);
    rows.live.api_keys[0].disabled = true;
    // Another that nobody says has changed is not looked at.
    rows.live.api_keys[1].consumer = "nobody".to_owned();
    let after = before.updated(&rows, &one_key("abc"), &keyring()).unwrap();
    assert!(set(&after).find(&KeyDigest::of(b"abc")).unwrap().terms.disabled);
    assert!(!set(&after).find(&KeyDigest::of(b"other")).unwrap().terms.disabled);
    rows.live.api_keys.remove(0);
    let after = after.updated(&rows, &one_key("abc"), &keyring()).unwrap();
    assert!(set(&after).find(&KeyDigest::of(b"abc")).is_none());
}

#[test]
fn what_is_live_is_served_without_the_keys_that_do_not_fit() {
    let model = parse(&with(|_| {}));
    let mut live = LiveRows {
        api_keys: vec![api_key("new", "a"), api_key("stranger", "nobody")],
        ..LiveRows::default()
    };
    live.api_keys.push(ApiKeyRow { routes: vec!["nowhere".to_owned()], ..api_key("lost", "a") });
    let (served, left_out) = model.with_live(&live);
    let is_known = |key: &str| set(&served).find(&KeyDigest::of(key.as_bytes())).is_some();
    assert_eq!(["abc", "new", "stranger", "lost"].map(is_known), [false, true, false, false]);
    let mut reasons: Vec<_> = left_out.iter().map(|problem| problem.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["there is no consumer 'nobody'", "there is no route 'nowhere'"]);
    let (without, _) = served.with_live(&LiveRows::default());
    assert_eq!(without.auth().api_keys, None);
}

#[test]
fn without_a_change_of_keys_the_filter_gets_nothing_new() {
    let mut rows = with(|_| {});
    let before = parse(&rows);
    rows.consumers.push(consumer("b", &[]));
    let things = Things { consumers: BTreeSet::from(["b".to_owned()]), ..Things::default() };
    let after = before.updated(&rows, &Changed::Things(things), &keyring()).unwrap();
    assert!(Arc::ptr_eq(before.auth(), after.auth()));
    assert!(Arc::ptr_eq(before.auth(), before.with_live(&rows.live).0.auth()));
    assert_eq!(problems(|found| *found = rows), Vec::<String>::new());
}
