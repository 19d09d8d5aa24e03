//! Paths by template and regular expression, and those of gRPC.

use super::{Bed, answered_by, bed};

async fn route_of(bed: &Bed, path: &str) -> String {
    answered_by(bed.get(path)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_matches_so_many_segments_whatever_they_are() {
    let bed = bed(
        &["user", "order", "files"],
        "insert into routes (name, path_template) values
             ('user', '/users/{id}'), ('order', '/users/{id}/orders/{order}'), ('files', '/files/{kind}/{rest=**}');",
    )
    .await;
    for (path, route) in [
        ("/users/7", "user"),
        ("/users/7?a=b", "user"),
        ("/users/a.b-c_d~e%20f:g@h=i", "user"),
        ("/users", ""),
        ("/users/", ""),
        ("/users/7/", ""),
        ("/Users/7", ""),
        ("/users/7/orders", ""),
        ("/users/7/orders/8", "order"),
        ("/users/7/orders/8/9", ""),
        ("/users/7/orderz/8", ""),
        ("/files/pdf/a", "files"),
        ("/files/pdf/a/b/c.pdf", "files"),
        ("/files/pdf/", "files"),
        ("/files/pdf", ""),
        ("/x/users/7", ""),
    ] {
        assert_eq!(route_of(&bed, path).await, route, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_regular_expression_matches_the_whole_path_without_the_query() {
    let bed = bed(
        &["digits", "either", "any-case"],
        r"insert into routes (name, path_regex) values
             ('digits', '/users/\d+'), ('either', '/a|/b'), ('any-case', '(?i)/readme\.(md|txt)');",
    )
    .await;
    for (path, route) in [
        ("/users/12", "digits"),
        ("/users/12?x", "digits"),
        ("/users/12/", ""),
        ("/users/a", ""),
        ("/x/users/12", ""),
        ("/a", "either"),
        ("/b", "either"),
        ("/ab", ""),
        ("/a/b", ""),
        ("/ReadMe.TXT", "any-case"),
        ("/readme-md", ""),
    ] {
        assert_eq!(route_of(&bed, path).await, route, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_calls_are_matched_by_service_and_method() {
    let bed = bed(
        &["method", "service", "any"],
        r#"insert into routes (name, conditions) values
               ('method', '{"grpc": {"service": "shop.v1.Orders", "method": "Get"}}'),
               ('service', '{"grpc": {"service": "shop.v1.Orders"}}');
           insert into routes (name, path_prefix) values ('any', '/');"#,
    )
    .await;
    let call = async |path: &str, content_type: &str| {
        let request = bed.gateway.client().post(bed.gateway.url(path));
        answered_by(request.header("content-type", content_type)).await
    };
    assert_eq!(call("/shop.v1.Orders/Get", "application/grpc").await, "method");
    assert_eq!(call("/shop.v1.Orders/Get", "application/grpc+proto").await, "method");
    assert_eq!(call("/shop.v1.Orders/Gets", "application/grpc").await, "service");
    assert_eq!(call("/shop.v1.Orders/Get", "application/json").await, "any");
    assert_eq!(call("/shop.v1.Orders/Get", "application/grpc-web").await, "any");
    assert_eq!(call("/shop.v1.OrdersX/Get", "application/grpc").await, "any");
}
