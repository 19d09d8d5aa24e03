//! Who may pass. `docs/reference/auth-rules.md` says which rule is proven where.

mod answers;
mod api_keys;
mod floods;
mod forged;
mod identity;
mod keys;
mod offline;
mod policies;
mod reasons;
mod signatures;
mod tokens;

#[path = "../../../../filters/auth/tests/auth/issuer.rs"]
pub(crate) mod issuer;

use std::time::{SystemTime, UNIX_EPOCH};

use ferrox_testbed::gateway::Gateway;
use reqwest::Response;
use serde_json::{Value, json};

use crate::{access_log, rows};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn claims(provider: &str) -> Value {
    json!({"iss": rows::issuer(provider), "aud": "ferrox", "sub": "alice", "exp": now() + 600, "scope": "read"})
}

async fn get(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = gateway.client().get(gateway.url(path));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

async fn bearer(gateway: &Gateway, path: &str, token: &str) -> Response {
    get(gateway, path, &[("authorization", &format!("Bearer {token}"))]).await
}

fn challenge(response: &Response) -> &str {
    response.headers()["www-authenticate"].to_str().unwrap()
}

/// A request and what auth says to it.
struct Case {
    /// By which the access log knows it.
    name: String,
    path: String,
    headers: Vec<(&'static str, String)>,
    /// Why it is refused; `None` if it passes.
    reason: Option<&'static str>,
}

impl Case {
    fn new(name: &str, path: &str, reason: Option<&'static str>) -> Self {
        Self { name: name.to_owned(), path: path.to_owned(), headers: Vec::new(), reason }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn bearer(self, token: impl std::fmt::Display) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sends it over a connection of its own, so that it may meet any of Envoy's workers.
    async fn send(&self, gateway: &Gateway) -> Response {
        let request = gateway.client().get(gateway.url(&self.path)).header("connection", "close");
        let request = request.header("user-agent", &self.name);
        let headers = self.headers.iter();
        headers.fold(request, |request, (name, value)| request.header(*name, value)).send().await.unwrap()
    }

    fn status(&self) -> u16 {
        match self.reason {
            None => 200,
            Some("missing_scope" | "missing_claim" | "wrong_route") => 403,
            Some(_) => 401,
        }
    }
}

/// What was to be read when all was done.
struct Judged {
    /// All that Envoy logged.
    log: String,
    /// Headers and bodies of the refusals.
    refusals: String,
}

/// Sends all, and reads in the access log and in the counters why those were refused that were. Ends Envoy.
async fn assert_judged(gateway: &mut Gateway, cases: &[Case]) -> Judged {
    let mut refusals = String::new();
    for case in cases {
        let answer = case.send(gateway).await;
        assert_eq!(answer.status(), case.status(), "{}", case.name);
        if case.reason.is_some() {
            refusals += &format!("{:?}", answer.headers());
            refusals += &answer.text().await.unwrap();
        }
    }
    for case in cases {
        let Some(reason) = case.reason else { continue };
        let same = cases.iter().filter(|other| other.reason == case.reason).count();
        assert_eq!(denied(gateway, reason).await, same, "{reason}");
    }
    let log = access_log::log(gateway).await;
    for case in cases {
        assert_eq!(access_log::line(&log, &case.name)["auth"], json!(case.reason), "{}", case.name);
    }
    Judged { log, refusals }
}

/// How many requests were refused for a reason.
async fn denied(gateway: &Gateway, reason: &str) -> usize {
    let url = gateway.envoy_url(&format!("/stats?filter=ferrox.auth.denied.{reason}$")).unwrap();
    let stats = gateway.client().get(url).send().await.unwrap().text().await.unwrap();
    stats.trim().rsplit(' ').next().unwrap().parse().unwrap()
}
