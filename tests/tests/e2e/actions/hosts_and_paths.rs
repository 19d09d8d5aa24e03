//! What the upstream sees as path and host.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use serde_json::json;

use super::set;
use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn the_segments_that_a_route_matches_are_replaced() {
    let upstream = Upstream::start_new("u").unwrap();
    let mut rows = rows::upstream(&upstream);
    for (name, prefix) in [("same", "/v2"), ("none", "/"), ("deeper", "/a/b/")] {
        rows += &(rows::route(name, "u") + &set(name, "rewrite", &json!({ "prefix": prefix })));
    }
    rows += "insert into routes (name, path_prefix, hosts, rewrite) values
                 ('all', '/', '{all.example.com}', '{\"prefix\": \"/base\"}'),
                 ('folder', '/folder/', '{*}', '{\"prefix\": \"/v3\"}');";
    rows += &(rows::target("all", "u") + &rows::target("folder", "u"));
    let gateway = Gateway::start(&rows).await.unwrap();
    let seen = async |host: &str, path: &str| {
        let request = gateway.client().get(gateway.url(path)).header("host", host);
        assert_eq!(request.send().await.unwrap().status(), 200);
        upstream.last().unwrap().path_and_query
    };
    for (path, rewritten) in [
        ("/same", "/v2"),
        ("/same/x?q=/same", "/v2/x?q=/same"),
        ("/none", "/"),
        ("/none/x?y", "/x?y"),
        ("/none/none", "/none"),
        ("/deeper/x", "/a/b/x"),
        ("/folder/x", "/v3/x"),
    ] {
        assert_eq!(seen("any.example.com", path).await, rewritten, "{path}");
    }
    assert_eq!(seen("all.example.com", "/x").await, "/base/x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_put_together_from_what_was_captured_or_by_an_expression() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = rows::upstream(&upstream)
        + "insert into routes (name, path_template, rewrite) values
               ('users', '/users/{id}/{rest=**}', '{\"template\": \"/v2/{rest}/of/{id}\"}');
           insert into routes (name, path_prefix, rewrite) values
               ('versions', '/v', '{\"regex\": {\"pattern\": \"^/v/([0-9]+)\", \"substitution\": \"/\\\\1/api\"}}');"
        + &rows::target("users", "u")
        + &rows::target("versions", "u");
    let gateway = Gateway::start(&rows).await.unwrap();
    for (path, rewritten) in [
        ("/users/7/orders/8?q=1", "/v2/orders/8/of/7?q=1"),
        ("/v/12/x?y=/v/1", "/12/api/x?y=/v/1"),
        ("/v/x", "/v/x"),
    ] {
        assert_eq!(gateway.get(path).await.unwrap().status(), 200, "{path}");
        assert_eq!(upstream.last().unwrap().path_and_query, rewritten);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_replaced_by_a_name_or_a_header() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = rows::upstream(&upstream)
        + &rows::route("literal", "u")
        + &set("literal", "rewrite", &json!({"host": "internal.example.com"}))
        + &rows::route("header", "u")
        + &set("header", "rewrite", &json!({"host_from_header": "x-tenant-host"}))
        + &rows::route("kept", "u");
    let gateway = Gateway::start(&rows).await.unwrap();
    let seen = async |path: &str| {
        let request = gateway.client().get(gateway.url(path));
        let request = request.header("host", "a.example.com").header("x-tenant-host", "t.example.com");
        request.send().await.unwrap();
        upstream.last().unwrap().headers["host"].to_str().unwrap().to_owned()
    };
    assert_eq!(seen("/literal").await, "internal.example.com");
    assert_eq!(seen("/header").await, "t.example.com");
    assert_eq!(seen("/kept").await, "a.example.com");
}
