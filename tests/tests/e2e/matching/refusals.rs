//! What cannot be matched is refused, and shown with its row.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};

use crate::rows;

async fn problems(gateway: &Gateway) -> Vec<String> {
    let problems = gateway.status().await.unwrap()["problems"].clone();
    problems.as_array().unwrap().iter().map(|problem| problem.as_str().unwrap().to_owned()).collect()
}

/// A route that is refused, and what the status then begins with.
const REFUSED: [(&str, &str); 7] = [
    (
        "insert into routes (name, path_prefix) values ('new', '/r')",
        "routes 'r': field path_prefix: '/r' on host '*' is matched by route 'new' too",
    ),
    (
        "insert into routes (name, path_regex) values ('new', '/(?=a)')",
        "routes 'new': field path_regex: '/(?=a)' is no regular expression: look-around",
    ),
    (
        "insert into routes (name, path_regex) values ('new', '/[a-z]{1,60}')",
        "routes 'new': field path_regex: '/[a-z]{1,60}' is too large",
    ),
    (
        "insert into routes (name, path_template) values ('new', '/{a}/{a}')",
        "routes 'new': field path_template: '/{a}/{a}' captures 'a' twice",
    ),
    (
        r#"insert into routes (name, path_prefix, conditions)
               values ('new', '/new', '{"headers": [{"name": "x-a", "regex": "\\pL"}]}')"#,
        r"routes 'new': field conditions.headers[0].regex: '\\pL' has a Unicode class",
    ),
    (
        r#"insert into routes (name, path_prefix, conditions) values ('new', '/new', '{"percent": 101}')"#,
        "routes 'new': field conditions.percent: 101 must be 0 to 100",
    ),
    (
        r#"insert into routes (name, path_prefix, conditions) values ('new', '/new', '{"header": []}')"#,
        "routes 'new': field conditions",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_shown_with_its_row_and_the_last_good_routes_stay() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = Gateway::start(&(rows::upstream(&upstream) + &rows::route("r", "u"))).await.unwrap();
    for (insert, begin) in REFUSED {
        gateway.sql(&format!("{insert}; {}", rows::target("new", "u"))).await.unwrap();
        eventually(insert, async || {
            problems(&gateway).await.iter().any(|problem| problem.starts_with(begin))
        })
        .await
        .unwrap_or_else(|error| panic!("{error}: {begin}"));
        assert_eq!(gateway.get("/r").await.unwrap().status(), 200);
        gateway.sql("delete from routes where name = 'new'").await.unwrap();
        eventually("nothing is wrong", async || problems(&gateway).await.is_empty()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_takes_exactly_one_path() {
    let gateway = Gateway::start("").await.unwrap();
    for (columns, values) in [
        ("path_exact, path_regex", "'/a', '/a'"),
        ("path_template, path_prefix", "'/{a}', '/a'"),
        ("path_prefix, conditions", r#"'/a', '{"grpc": {"service": "a.B"}}'"#),
        ("conditions", "'{}'"),
        ("conditions", r#"'{"grpc": null}'"#),
        ("path_regex", "''"),
        ("path_template", "'{a}'"),
        ("path_prefix, conditions", "'/', '[]'"),
    ] {
        let insert = format!("insert into routes (name, {columns}) values ('r', {values})");
        assert!(gateway.sql(&insert).await.is_err(), "{insert}");
    }
}
