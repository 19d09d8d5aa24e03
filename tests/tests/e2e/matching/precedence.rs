//! The documented rules say which of many routes a request takes, and Envoy takes it.
//!
//! The rules are written down here once more, without a look at how Ferrox orders routes: among the routes that match, the
//! one whose key is least.

use std::{cmp::Reverse, collections::BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Bed, answered_by, bed};

#[derive(Clone, Copy)]
enum Path {
    Exact(&'static str),
    Prefix(&'static str),
    /// With the same in plain words.
    Regex(&'static str, fn(&str) -> bool),
    Template(&'static str),
}

#[derive(Clone, Copy)]
struct Route {
    name: &'static str,
    host: &'static str,
    path: Path,
    methods: &'static [&'static str],
    /// A name, and its value; none: not there.
    headers: &'static [(&'static str, Option<&'static str>)],
    query: &'static [(&'static str, &'static str)],
    priority: i32,
}

struct Request {
    method: &'static str,
    host: &'static str,
    path: &'static str,
    query: &'static [(&'static str, &'static str)],
    headers: &'static [(&'static str, &'static str)],
}

const fn route(name: &'static str, host: &'static str, path: Path) -> Route {
    Route { name, host, path, methods: &[], headers: &[], query: &[], priority: 0 }
}

use Path::{Exact, Prefix, Regex, Template};

const API: &str = "api.example.com";
const WILD: &str = "*.example.com";

fn routes() -> Vec<Route> {
    let digits = |path: &str| {
        let id = path.strip_prefix("/users/").unwrap_or_default();
        !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
    };
    let under_users = |path: &str| path.strip_prefix("/users/").is_some_and(|rest| !rest.is_empty());
    vec![
        route("root", "*", Prefix("/")),
        route("wild-root", WILD, Prefix("/")),
        route("api-root", API, Prefix("/")),
        route("users", API, Prefix("/users")),
        Route { methods: &["POST"], ..route("users-post", API, Prefix("/users")) },
        Route { headers: &[("x-a", Some("1"))], ..route("users-a", API, Prefix("/users")) },
        Route { headers: &[("x-a", Some("2"))], ..route("users-a2", API, Prefix("/users")) },
        Route {
            headers: &[("x-a", Some("1")), ("x-b", None)],
            ..route("users-a-not-b", API, Prefix("/users"))
        },
        Route { query: &[("v", "2")], ..route("users-v2", API, Prefix("/users")) },
        Route { query: &[("v", "2"), ("w", "1")], ..route("users-v2-w1", API, Prefix("/users")) },
        Route {
            headers: &[("x-a", Some("1"))],
            query: &[("v", "2")],
            ..route("users-a-v2", API, Prefix("/users"))
        },
        route("user-me", API, Exact("/users/me")),
        Route { methods: &["GET", "HEAD"], ..route("user-me-get", API, Exact("/users/me")) },
        route("user-digits", API, Regex("/users/[0-9]+", digits)),
        route("users-any", API, Regex("/users/.+", under_users)),
        route("order", API, Template("/users/{user}/orders/{order}")),
        route("orders", API, Template("/users/{user}/{kind}/{id}")),
        route("files", API, Template("/files/{rest=**}")),
        route("files-public", API, Prefix("/files/public")),
        route("files-short", API, Prefix("/files")),
        route("wild-users-me", WILD, Exact("/users/me")),
        Route { priority: 1, ..route("urgent", "*", Prefix("/urgent")) },
        Route { priority: -1, ..route("last", API, Exact("/late")) },
        Route { methods: &["DELETE"], ..route("deletes", "*", Prefix("/")) },
    ]
}

const fn get(host: &'static str, path: &'static str) -> Request {
    Request { method: "GET", host, path, query: &[], headers: &[] }
}

fn requests() -> Vec<Request> {
    let mut requests = Vec::new();
    for host in [API, "www.example.com", "example.org"] {
        for path in ["/", "/users", "/users/me", "/users/7", "/urgent", "/late", "/files/a"] {
            requests.push(get(host, path));
        }
    }
    for path in [
        "/users/abc",
        "/users/7/orders/8",
        "/users/7/carts/8",
        "/users/7/carts",
        "/files/public",
        "/files/public/a/b",
        "/files",
        "/files/",
        "/filesystem",
        "/urgently",
        "/usersx",
    ] {
        requests.push(get(API, path));
    }
    for method in ["POST", "DELETE", "PUT"] {
        for path in ["/users", "/users/me", "/"] {
            requests.extend([API, "example.org"].map(|host| Request { method, ..get(host, path) }));
        }
    }
    let queries: [&[(&str, &str)]; 4] = [&[], &[("v", "2")], &[("v", "2"), ("w", "1")], &[("w", "1")]];
    let headers: [&[(&str, &str)]; 5] =
        [&[], &[("x-a", "1")], &[("x-a", "2")], &[("x-a", "1"), ("x-b", "0")], &[("x-b", "0")]];
    for query in queries {
        for headers in headers {
            requests.push(Request { query, headers, ..get(API, "/users") });
            requests.push(Request { query, headers, method: "POST", ..get(API, "/users") });
        }
    }
    requests
}

impl Path {
    fn matches(self, path: &str) -> bool {
        match self {
            Exact(exact) => path == exact,
            Prefix(prefix) => {
                let rest = path.strip_prefix(prefix);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
            }
            Regex(_, matches) => matches(path),
            Template(template) => {
                if let Some((before, _)) = template.split_once("{rest=**}") {
                    return path.starts_with(before);
                }
                let (wanted, found) = (template.split('/'), path.split('/'));
                wanted.clone().count() == found.clone().count()
                    && wanted.zip(found).all(|(a, b)| a == b || a.starts_with('{') && !b.is_empty())
            }
        }
    }

    /// Rule 3 of the documentation.
    fn key(self) -> (u8, Reverse<usize>) {
        match self {
            Exact(path) => (1, Reverse(path.len())),
            Template(template) => {
                let literals = template.split('/').map(|part| if part.starts_with('{') { "" } else { part });
                let length = literals.map(|part| part.len() + 1).sum::<usize>() - 1;
                (if template.contains("=**") { 4 } else { 2 }, Reverse(length))
            }
            Regex(regex, _) => (3, Reverse(regex.len())),
            Prefix(path) => (4, Reverse(path.len())),
        }
    }

    fn column(self) -> (&'static str, &'static str) {
        match self {
            Exact(path) => ("path_exact", path),
            Prefix(path) => ("path_prefix", path),
            Regex(path, _) => ("path_regex", path),
            Template(path) => ("path_template", path),
        }
    }
}

impl Route {
    fn matches(&self, request: &Request) -> bool {
        let host = match self.host.strip_prefix('*') {
            Some(suffix) => request.host.ends_with(suffix),
            None => request.host == self.host,
        };
        let header =
            |name: &str| request.headers.iter().find(|header| header.0 == name).map(|header| header.1);
        host && self.path.matches(request.path)
            && (self.methods.is_empty() || self.methods.contains(&request.method))
            && self.headers.iter().all(|(name, value)| header(name) == *value)
            && self.query.iter().all(|parameter| request.query.contains(parameter))
    }

    fn key(&self) -> impl Ord {
        let host = match self.host {
            "*" => 1000,
            host if host.starts_with('*') => 500 - host.len(),
            _ => 0,
        };
        (
            Reverse(self.priority),
            host,
            self.path.key(),
            self.methods.is_empty(),
            Reverse(self.headers.len()),
            Reverse(self.query.len()),
            self.name,
        )
    }

    fn sql(&self) -> String {
        let header = |(name, value): &(&str, Option<&str>)| match value {
            Some(value) => json!({"name": name, "exact": value}),
            None => json!({"name": name, "present": false}),
        };
        let conditions: Value = json!({
            "headers": self.headers.iter().map(header).collect::<Vec<_>>(),
            "query": self.query.iter().map(|(name, value)| json!({"name": name, "exact": value})).collect::<Vec<_>>(),
        });
        let (column, path) = self.path.column();
        format!(
            "insert into routes (name, hosts, {column}, methods, conditions, priority)
                 values ('{}', '{{{}}}', '{path}', '{{{}}}', '{conditions}', {});",
            self.name,
            self.host,
            self.methods.join(","),
            self.priority
        )
    }
}

/// The route that the documented rules choose.
fn chosen(routes: &[Route], request: &Request) -> &'static str {
    let matching = routes.iter().filter(|route| route.matches(request));
    matching.min_by(|a, b| a.key().cmp(&b.key())).map_or("", |route| route.name)
}

async fn compare(bed: &Bed, routes: &[Route]) {
    let mut wrong = Vec::new();
    for request in requests() {
        let query: Vec<_> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let url = bed.gateway.url(&format!("{}?{}", request.path, query.join("&")));
        let method: Method = request.method.parse().unwrap();
        let sent = bed.gateway.client().request(method, url).header("host", request.host);
        let sent = request.headers.iter().fold(sent, |sent, (name, value)| sent.header(*name, *value));
        let (expected, taken) = (chosen(routes, &request), answered_by(sent).await);
        if taken != expected {
            let Request { method, host, path, query, headers } = request;
            wrong.push(format!("{method} {host}{path} {query:?} {headers:?}: {expected}, not {taken}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn bed_of(routes: &[Route], sharding: &str) -> Bed {
    let names: Vec<_> = routes.iter().map(|route| route.name).collect();
    let rows: String = routes.iter().map(Route::sql).collect();
    bed(&names, &format!("update gateways set sharding = '{sharding}'; {rows}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_takes_the_route_that_the_documented_rules_choose() {
    let routes = routes();
    let chosen: BTreeSet<_> = requests().iter().map(|request| chosen(&routes, request)).collect();
    let never: Vec<_> = routes.iter().map(|route| route.name).filter(|name| !chosen.contains(name)).collect();
    assert_eq!(never, ["last"], "each route but that of the lowest priority is chosen by a request");
    compare(&bed_of(&routes, "none").await, &routes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_rules_hold_where_a_gateway_shards_by_host() {
    let exact: Vec<_> = routes().into_iter().filter(|route| !route.host.starts_with('*')).collect();
    compare(&bed_of(&exact, "host").await, &exact).await;
}
