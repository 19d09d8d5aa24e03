//! What becomes of the requests of a route.

mod answers;
mod bodies;
mod compression;
mod cors;
mod headers;
mod hosts_and_paths;
mod mirrors;
mod retries;
mod shift;
mod streams;
mod websocket;

use serde_json::Value;

/// Sets a column of a route to a JSON document.
fn set(route: &str, column: &str, document: &Value) -> String {
    format!("update routes set {column} = '{document}' where name = '{route}';")
}

/// A client that does not follow redirects.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// A header of an answer, empty if it has none.
fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}
