//! How requests are counted. What tells one algorithm from another is what it says of the time to come.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use serde_json::json;

use super::{header, limited, statuses};
use crate::rows;

/// The number after `key=` in the item of a limit of a header's list.
fn parameter(list: &str, limit: &str, key: &str) -> u64 {
    let item = list.split(", ").find(|item| item.starts_with(&format!("\"{limit}\""))).expect("the limit");
    let value = item.split(';').find_map(|part| part.strip_prefix(&format!("{key}=")));
    value.expect("the parameter").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_algorithm_counts_to_its_limit_and_says_when_all_of_it_is_there_again() {
    let upstream = Upstream::start_new("u").unwrap();
    let limit =
        |algorithm: &str| json!({"name": "n", "by": "address", "requests": 3, "algorithm": algorithm});
    let mut bucket = limit("token_bucket");
    bucket["burst"] = json!(5);
    let rows = [
        rows::upstream(&upstream),
        limited("fixed", &[limit("fixed_window")]),
        limited("sliding", &[limit("sliding_window")]),
        limited("even", &[limit("token_bucket")]),
        limited("burst", &[bucket]),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    // A window of 600 s; the sixteenth of it in which a request came goes only as a whole; 200 s for each request of three.
    for (path, most, soonest, latest) in
        [("/fixed", 3, 1, 600), ("/sliding", 3, 601, 638), ("/even", 3, 1, 200), ("/burst", 5, 1, 200)]
    {
        let first = gateway.get(path).await.unwrap();
        let (policy, state) = (header(&first, "ratelimit-policy"), header(&first, "ratelimit"));
        assert_eq!(policy, r#""n";q=3;w=600"#, "{path}");
        assert_eq!(parameter(state, "n", "r"), most - 1, "{path}");
        assert!((soonest..=latest).contains(&parameter(state, "n", "t")), "{path}: {state}");
    }
    // Of a bucket, room for one request comes back in 200 s: a test that takes longer than that is refused less.
    for (path, left) in [("/fixed", 2), ("/sliding", 2), ("/even", 2), ("/burst", 4)] {
        let mut expected = vec![200; left];
        expected.push(429);
        assert_eq!(statuses(&gateway, path, left + 1).await, expected, "{path}");
    }
    for (path, latest) in [("/fixed", 600), ("/sliding", 638), ("/even", 200), ("/burst", 200)] {
        let refused = gateway.get(path).await.unwrap();
        let wait: u64 = header(&refused, "retry-after").parse().unwrap();
        assert!(refused.status() == 429 && (1..=latest).contains(&wait), "{path}: {wait}");
    }
    assert_eq!(upstream.control().all_requests(), 3 + 3 + 3 + 5);
}
