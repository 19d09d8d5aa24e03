//! API keys that the command `ferrox key` makes.

mod command;
mod live;
mod terms;
mod usage;

use std::process::Output;

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};
use serde_json::{Value, json};

use crate::rows;

/// A gateway with the consumer `acme`, who has the scopes `read` and `write`, and the routes `orders`, which needs `read`, and
/// `users`.
async fn gateway(upstream: &Upstream) -> Gateway {
    let rows = [
        rows::upstream(upstream),
        rows::route("orders", upstream.name()),
        rows::route("users", upstream.name()),
        rows::policy("orders", "auth", &json!({"api_key": {}, "scopes": ["read"]})),
        rows::policy("users", "auth", &json!({"api_key": {}})),
        "insert into consumers (name, scopes) values ('acme', '{read,write}');".to_owned(),
    ];
    Gateway::start(&rows.concat()).await.unwrap()
}

/// What a command printed.
fn text(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Why a command did nothing.
fn refusal(output: Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn run(gateway: &Gateway, args: &[&str]) -> Output {
    gateway.ferrox(&[&["key"], args].concat(), "").await.unwrap()
}

/// A new key of `acme` with these options.
async fn create(gateway: &Gateway, options: &[&str]) -> String {
    text(run(gateway, &[&["create", "--consumer", "acme"], options].concat()).await)
}

async fn list(gateway: &Gateway) -> Vec<Value> {
    let lines = text(run(gateway, &["list", "--json"]).await);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn status(gateway: &Gateway, path: &str, key: &str) -> u16 {
    let request = gateway.client().get(gateway.url(path)).header("x-api-key", key);
    request.send().await.unwrap().status().as_u16()
}

/// Waits until a request with the key is answered so.
async fn until(gateway: &Gateway, path: &str, key: &str, wanted: u16) {
    let what = format!("{path} answers {wanted}");
    eventually(&what, async || status(gateway, path, key).await == wanted).await.unwrap();
}
