//! Conditions on headers and the query.

use serde_json::{Value, json};

use super::{Bed, answered_by, bed};

/// For each rule a route `r<index>` for the path `/r<index>` under the rule, and one for any path.
async fn bed_of(list: &str, rules: &[Value]) -> Bed {
    let names: Vec<_> = (0..rules.len()).map(|index| format!("r{index}")).collect();
    let mut rows = "insert into routes (name, path_prefix) values ('any', '/');".to_owned();
    for (name, rule) in names.iter().zip(rules) {
        rows += &format!(
            "insert into routes (name, path_prefix, conditions) values ('{name}', '/{name}', '{}');",
            json!({list: [rule]})
        );
    }
    let mut upstreams: Vec<_> = names.iter().map(String::as_str).collect();
    upstreams.push("any");
    bed(&upstreams, &rows).await
}

/// Values of a header; none: no header.
type Values = &'static [Option<&'static str>];

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_compared_in_every_way() {
    let rule = |key: &str, value: &str| json!({"name": "X-A", key: value});
    let with = |mut rule: Value, option: &str| {
        rule[option] = json!(true);
        rule
    };
    // The rule, and the values of the header with which a request is one and is none.
    let cases: [(Value, Values, Values); 19] = [
        (rule("exact", "one"), &[Some("one")], &[Some("One"), Some("ones"), Some(""), None]),
        (with(rule("exact", "One"), "ignore_case"), &[Some("one"), Some("ONE")], &[Some("two")]),
        (rule("exact", ""), &[Some("")], &[Some("one"), None]),
        (rule("prefix", "on"), &[Some("on"), Some("one")], &[Some("One"), Some("lone"), None]),
        (with(rule("prefix", "ON"), "ignore_case"), &[Some("one")], &[Some("lone")]),
        (rule("suffix", "ne"), &[Some("one")], &[Some("ones"), None]),
        (with(rule("suffix", "ne"), "ignore_case"), &[Some("ONE")], &[Some("ones")]),
        (rule("contains", "n"), &[Some("one"), Some("n")], &[Some("ONE"), None]),
        (with(rule("contains", "n"), "ignore_case"), &[Some("ONE")], &[Some("two")]),
        (rule("regex", "[a-z]+"), &[Some("one")], &[Some("one1"), Some("One"), Some(""), None]),
        (json!({"name": "x-a", "present": true}), &[Some("one"), Some("")], &[None]),
        (json!({"name": "x-a", "present": false}), &[None], &[Some("one"), Some("")]),
        (with(rule("exact", "one"), "not"), &[Some("two"), Some(""), None], &[Some("one")]),
        (with(rule("exact", ""), "not"), &[Some("two")], &[Some(""), None]),
        (with(rule("prefix", "on"), "not"), &[Some("two"), None], &[Some("one")]),
        (with(rule("suffix", "ne"), "not"), &[Some("two"), None], &[Some("one")]),
        (with(rule("contains", "n"), "not"), &[Some("two"), None], &[Some("one")]),
        (with(rule("regex", "[a-z]+"), "not"), &[Some("1"), None], &[Some("one")]),
        (with(with(rule("exact", "One"), "not"), "ignore_case"), &[Some("two"), None], &[Some("ONE")]),
    ];
    let rules: Vec<_> = cases.iter().map(|(rule, ..)| rule.clone()).collect();
    let bed = bed_of("headers", &rules).await;
    for (index, (rule, matching, others)) in cases.iter().enumerate() {
        let route = format!("r{index}");
        for (values, expected) in [(matching, route.as_str()), (others, "any")] {
            for value in *values {
                let request = bed.get(&format!("/{route}"));
                let request = value.iter().fold(request, |request, value| request.header("x-a", *value));
                assert_eq!(answered_by(request).await, expected, "{rule} {value:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_headers_of_one_name_one_has_the_value_or_none_may_have_it() {
    let two = json!({"name": "x-a", "exact": "two"});
    let not_two = json!({"name": "x-a", "exact": "two", "not": true});
    let joined = json!({"name": "x-a", "regex": "one.+two"});
    let bed = bed_of("headers", &[two, not_two, joined]).await;
    let route = async |path: &str, values: [&str; 2]| {
        answered_by(bed.get(path).header("x-a", values[0]).header("x-a", values[1])).await
    };
    assert_eq!(route("/r0", ["one", "two"]).await, "r0");
    assert_eq!(route("/r0", ["two", "one"]).await, "r0");
    assert_eq!(route("/r1", ["one", "two"]).await, "any");
    assert_eq!(route("/r1", ["one", "three"]).await, "r1");
    assert_eq!(route("/r2", ["one", "two"]).await, "any");
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_of_the_query_are_compared_as_they_stand_in_the_url() {
    let rule = |key: &str, value: &str| json!({"name": "q", key: value});
    let cases: [(Value, &[&str], &[&str]); 8] = [
        (
            rule("exact", "1"),
            &["q=1", "a=b&q=1", "q=1&q=2"],
            &["", "q=2", "q=2&q=1", "Q=1", "q", "q=1%20", "%71=1"],
        ),
        (rule("exact", "a%20b"), &["q=a%20b"], &["q=a+b"]),
        (rule("prefix", "on"), &["q=one"], &["q=ton", "q=On"]),
        (rule("suffix", "ne"), &["q=one"], &["q=ones"]),
        (rule("contains", "n"), &["q=one"], &["q=two"]),
        (rule("regex", "[0-9]+"), &["q=12"], &["q=1a", "q="]),
        (json!({"name": "q", "present": true}), &["q=1", "q=", "q"], &["", "p=1"]),
        (json!({"name": "q", "present": false}), &["", "p=1"], &["q=1", "q"]),
    ];
    let mut rules: Vec<_> = cases.iter().map(|(rule, ..)| rule.clone()).collect();
    rules.push(json!({"name": "q", "exact": "One", "ignore_case": true}));
    let bed = bed_of("query", &rules).await;
    for (index, (rule, matching, others)) in cases.iter().enumerate() {
        let route = format!("r{index}");
        for (queries, expected) in [(matching, route.as_str()), (others, "any")] {
            for query in *queries {
                assert_eq!(
                    answered_by(bed.get(&format!("/{route}?{query}"))).await,
                    expected,
                    "{rule} {query}"
                );
            }
        }
    }
    assert_eq!(answered_by(bed.get("/r8?q=oNE")).await, "r8");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_conditions_hold_together() {
    let conditions = json!({
        "headers": [{"name": "x-a", "exact": "1"}, {"name": "x-b", "present": true}],
        "query": [{"name": "q", "exact": "1"}],
    });
    let rows = format!(
        "insert into routes (name, path_prefix, conditions) values ('both', '/', '{conditions}'), ('any', '/', null);"
    );
    let bed = bed(&["both", "any"], &rows).await;
    let route = async |query: &str, headers: &[(&str, &str)]| {
        let request =
            headers.iter().fold(bed.get(query), |request, (name, value)| request.header(*name, *value));
        answered_by(request).await
    };
    assert_eq!(route("/?q=1", &[("x-a", "1"), ("x-b", "")]).await, "both");
    assert_eq!(route("/?q=1", &[("x-a", "1")]).await, "any");
    assert_eq!(route("/?q=1", &[("x-b", "1")]).await, "any");
    assert_eq!(route("/", &[("x-a", "1"), ("x-b", "1")]).await, "any");
}
