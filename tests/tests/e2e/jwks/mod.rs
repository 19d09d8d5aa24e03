//! Keys of issuers that the control plane fetches.

mod endless;
mod failing;
mod finding;
mod read_only;
mod rotating;
mod tls;

use std::time::{SystemTime, UNIX_EPOCH};

use ferrox_testbed::{
    gateway::{Gateway, GatewayOptions},
    tokens::Issuer,
    upstream::{Answer, Upstream},
    wait::eventually,
};
use serde_json::{Value, json};

use crate::rows;

/// Somebody who publishes keys on a server of their own.
pub(crate) struct Publisher {
    pub(crate) server: Upstream,
}

impl Publisher {
    fn new() -> Self {
        Self { server: Upstream::start_new("issuer").unwrap() }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.server.port())
    }

    fn publish(&self, path: &str, document: &str) {
        let body = Some(document.to_owned().into_bytes().into());
        self.server.answer(path, Answer { body, ..Answer::default() });
    }

    /// Publishes the keys of these issuers.
    fn keys(&self, issuers: &[&Issuer]) {
        let keys: Vec<Value> =
            issuers.iter().map(|issuer| issuer.jwks().unwrap()["keys"][0].clone()).collect();
        self.publish("/keys", &json!({ "keys": keys }).to_string());
    }

    fn fetches(&self) -> u64 {
        self.server.requests("/keys")
    }

    /// A provider whose keys are at `/keys`.
    fn provider(&self) -> String {
        self.provider_with(&format!("jwks_uri = '{}'", self.url("/keys")))
    }

    /// A provider with these columns set instead of keys.
    fn provider_with(&self, columns: &str) -> String {
        rows::provider("id", &json!({"keys": [{}]}))
            + &format!("update jwt_providers set jwks = null, {columns};")
    }
}

async fn start(provider: &str, upstream: &Upstream, options: GatewayOptions) -> Gateway {
    let rows = [
        rows::upstream(upstream),
        rows::route("in", upstream.name()),
        provider.to_owned(),
        rows::policy("in", "auth", &json!({"jwt": {}})),
    ];
    Gateway::start_with(&rows.concat(), options).await.unwrap()
}

fn token(issuer: &Issuer, iss: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    issuer.token(&json!({"iss": iss, "aud": "ferrox", "sub": "alice", "exp": now + 600})).unwrap()
}

async fn status(gateway: &Gateway, token: &str) -> u16 {
    let request = gateway.client().get(gateway.url("/in")).bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

/// Waits until a token of this issuer, as `iss`, passes. Asking is also what tells of an unknown key.
async fn passes(gateway: &Gateway, issuer: &Issuer, iss: &str) {
    let token = token(issuer, iss);
    eventually("the token passes", async || status(gateway, &token).await == 200).await.unwrap();
}

/// How fetching goes, as the control plane shows it.
async fn shown(gateway: &Gateway) -> Value {
    gateway.status().await.unwrap()["jwks"][0].clone()
}

/// Waits until fetching is shown to have failed so, in words that begin with the URL.
async fn failed(gateway: &Gateway, reason: &str) {
    eventually(reason, async || {
        shown(gateway).await["error"].as_str().is_some_and(|error| error.contains(reason))
    })
    .await
    .unwrap();
}
