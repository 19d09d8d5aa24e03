//! Which requests a route matches.

mod conditions;
mod paths;
mod precedence;
mod refusals;
mod shares;

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::rows;

/// The upstreams of a gateway, to which its routes lead.
struct Bed {
    gateway: Gateway,
    _upstreams: Vec<Upstream>,
}

/// A gateway with an upstream for each route of these rows, named as it is.
async fn bed(upstreams: &[&str], routes: &str) -> Bed {
    let upstreams: Vec<_> = upstreams.iter().map(|name| Upstream::start_new(name).unwrap()).collect();
    let rows: String = upstreams.iter().map(rows::upstream).collect();
    let targets = "insert into route_upstreams (route, upstream) select name, name from routes;";
    Bed { gateway: Gateway::start(&(rows + routes + targets)).await.unwrap(), _upstreams: upstreams }
}

impl Bed {
    fn get(&self, path: &str) -> RequestBuilder {
        self.gateway.client().get(self.gateway.url(path))
    }
}

/// The upstream that answers a request, by which the route is known; empty when no route matches.
async fn answered_by(request: RequestBuilder) -> String {
    let response = request.send().await.unwrap();
    if response.status() == 404 {
        return String::new();
    }
    let body: Value = response.json().await.unwrap();
    body["upstream"].as_str().unwrap().to_owned()
}
