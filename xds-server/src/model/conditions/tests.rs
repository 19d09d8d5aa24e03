use serde_json::{Value, json};

use super::*;
use crate::model::{PathMatch, Pattern};

fn parse(document: Value) -> Result<Document, String> {
    ferrox_policy::parse(document.to_string().as_bytes()).map_err(|invalid| invalid.to_string())
}

fn conditions(document: Value) -> Conditions {
    parse(document).unwrap().conditions().unwrap()
}

/// Why a document is refused.
fn refusal(document: Value) -> String {
    parse(document).expect_err("a refusal")
}

fn header(rule: Value) -> String {
    refusal(json!({"headers": [rule]}))
}

fn query(rule: Value) -> String {
    refusal(json!({"query": [rule]}))
}

#[test]
fn every_rule_is_what_was_written() {
    let exact = |text: &str| TextMatch { text: Text::Exact(text.to_owned()), ignore_case: false };
    let header = |name: &str, test: HeaderTest| HeaderCondition { name: name.to_owned(), test };
    let parsed = conditions(json!({
        "headers": [
            {"name": "X-A", "exact": "One"},
            {"name": "b", "exact": "", "not": true},
            {"name": "c", "contains": "One", "ignore_case": true},
            {"name": "d", "present": true},
            {"name": "e", "present": false},
            {"name": "f", "regex": "a+"},
        ],
        "query": [{"name": "q", "exact": "1"}, {"name": "p", "present": false}],
        "percent": 0.0003,
    }));
    let lower = TextMatch { text: Text::Contains("one".to_owned()), ignore_case: true };
    let regex = TextMatch { text: Text::Regex(Pattern::parse("a+").unwrap()), ignore_case: false };
    let headers = [
        header("x-a", HeaderTest::Is(exact("One"))),
        header("b", HeaderTest::IsNot(exact(""))),
        header("c", HeaderTest::Is(lower)),
        header("d", HeaderTest::Present),
        header("e", HeaderTest::Absent),
        header("f", HeaderTest::Is(regex)),
    ];
    let query = [
        QueryCondition { name: "q".to_owned(), test: QueryTest::Is(exact("1")) },
        QueryCondition { name: "p".to_owned(), test: QueryTest::Absent },
    ];
    let share = Share::parse(0.0003).unwrap();
    assert_eq!(
        parsed,
        Conditions { headers: headers.into(), query: query.into(), grpc: false, share: Some(share) }
    );
    assert_eq!(share.millionths(), 3);
}

#[test]
fn the_order_of_rules_does_not_matter() {
    let rules = [json!({"name": "a", "exact": "1"}), json!({"name": "b", "present": true})];
    let [first, second] = rules.clone();
    assert_eq!(conditions(json!({"headers": rules})), conditions(json!({"headers": [second, first]})));
}

#[test]
fn a_rule_asks_for_exactly_one_thing() {
    let one = "headers[0]: needs exactly one of exact, prefix, suffix, contains, regex and present";
    assert_eq!(header(json!({"name": "a"})), one);
    assert_eq!(header(json!({"name": "a", "exact": "1", "prefix": "1"})), one);
    assert_eq!(header(json!({"name": "a", "exact": "1", "present": true})), one);
    assert!(header(json!({"name": "a", "exakt": "1"})).contains("unknown field `exakt`"));
    assert!(header(json!({"name": "a", "present": true, "not": true})).starts_with("headers[0].not: "));
    assert!(header(json!({"name": "a", "present": true, "ignore_case": true})).contains("[0].ignore_case: "));
    assert!(header(json!({"name": "a", "regex": "a", "ignore_case": true})).contains("'(?i)'"));
    assert!(query(json!({"name": "a", "exact": "1", "not": true})).starts_with("query[0].not: "));
}

#[test]
fn names_and_values_are_what_requests_can_have() {
    for name in ["", "a b", ":path", "a:", "ä", "host", "Host", "a_b", "x-ferrox-consumer", &"a".repeat(257)]
    {
        assert!(header(json!({"name": name, "present": true})).starts_with("headers[0].name: "), "{name}");
    }
    for name in ["", "a b", "a=b", "a&b", "a#b", "ä", &"a".repeat(257)] {
        assert!(query(json!({"name": name, "present": true})).starts_with("query[0].name: "), "{name}");
    }
    for value in ["a\n", "a\0", "ä", &"a".repeat(1025)] {
        assert!(header(json!({"name": "a", "exact": value})).starts_with("headers[0].exact: "), "{value}");
        assert!(query(json!({"name": "a", "exact": value})).starts_with("query[0].exact: "), "{value}");
    }
    assert!(query(json!({"name": "a", "exact": "a&b"})).starts_with("query[0].exact: "));
    assert!(header(json!({"name": "a", "prefix": ""})).contains("must not be empty"));
    assert!(header(json!({"name": "a", "regex": "(?=a)"})).starts_with("headers[0].regex: "));
}

#[test]
fn rules_are_few_and_none_stands_twice() {
    let rule = |index: usize| json!({"name": "a", "exact": index.to_string()});
    let many: Vec<_> = (0..17).map(rule).collect();
    assert!(refusal(json!({"headers": many})).contains("has 17 rules"));
    assert_eq!(refusal(json!({"query": [rule(1), rule(1)]})), "query[1]: stands twice");
    let same = json!([{"name": "a", "exact": "1"}, {"name": "A", "exact": "1"}]);
    assert_eq!(refusal(json!({"headers": same})), "headers[1]: stands twice");
}

#[test]
fn a_share_is_a_percentage_of_which_envoy_can_tell_every_step() {
    for (percent, millionths) in [(0.0, 0), (0.0001, 1), (0.1, 1000), (33.3333, 333_333), (100.0, 1_000_000)]
    {
        assert_eq!(Share::parse(percent).map(Share::millionths), Ok(millionths));
    }
    for bad in [-0.1, 100.0001, 0.00001, 33.33333, f64::NAN, f64::INFINITY] {
        assert!(Share::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn grpc_gives_the_path() {
    let path = |grpc: Value| parse(json!({"grpc": grpc})).map(|document| document.path().unwrap().unwrap());
    let text = |path: &PathMatch| (path.column(), path.as_str().to_owned());
    let call = path(json!({"service": "shop.v1.Orders", "method": "Get"})).unwrap();
    assert_eq!(text(&call), ("path_exact", "/shop.v1.Orders/Get".to_owned()));
    let service = path(json!({"service": "Orders"})).unwrap();
    assert_eq!(text(&service), ("path_prefix", "/Orders/".to_owned()));
    for service in ["", "a..b", "a.", "1a", "a/b", "a b"] {
        assert!(path(json!({"service": service})).unwrap_err().starts_with("grpc.service: "), "{service}");
    }
    assert!(path(json!({"service": "A", "method": ""})).unwrap_err().starts_with("grpc.method: "));
    assert!(conditions(json!({"grpc": {"service": "A"}})).grpc);
    assert!(parse(json!({"grpc": null})).unwrap().path().unwrap().is_none());
}
