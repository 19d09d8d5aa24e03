//! The filter on a mock host.

use ferrox_auth::Auth;
use ferrox_host::{CallId, CallOutcome, Flow, Headers, Host, Plugin, Reply, Side, Stream, mock::MockHost};
use ferrox_policy::{
    auth::FILTER,
    identity::{CONSUMER_STATE, FILTER_STATE, Identity},
    placement,
};
use serde_json::{Value, json};

use crate::issuer::{ALGORITHMS, NOW, public_jwk};

/// An API key and its SHA-256: a consumer with the scope `read`.
pub(crate) const ACME_KEY: &str = "abc";
pub(crate) const ACME_DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A configuration with two providers and a consumer.
pub(crate) fn config() -> Value {
    let keys: Vec<_> = ALGORITHMS.iter().map(|algorithm| public_jwk(algorithm)).collect();
    let provider = |name: &str, issuer: &str, keys: Value| json!({"name": name, "issuer": issuer, "audiences": ["api", "api2"], "jwks": {"keys": keys}});
    json!({
        "providers": [
            provider("main", "https://id.example", json!(keys)),
            provider("partner", "https://partner.example", json!([public_jwk("EdDSA")])),
            provider("rsa-only", "https://rsa.example", json!([public_jwk("RS256")])),
        ],
        "consumers": [{"name": "acme", "scopes": ["read"], "key_sha256": [ACME_DIGEST]}],
    })
}

/// A configured filter and its host.
pub(crate) struct Gateway {
    pub(crate) host: MockHost,
    pub(crate) auth: Auth,
}

impl Gateway {
    /// With the usual configuration and a route that has this policy.
    pub(crate) fn with_policy(policy: Value) -> Self {
        Self::with_route(&policy.to_string())
    }

    /// The same, with the policy as text.
    pub(crate) fn with_route(policy: &str) -> Self {
        let gateway = Self::with_config(&config());
        gateway.set_policy(policy);
        gateway
    }

    /// With a configuration and a route without a policy.
    pub(crate) fn with_config(config: &Value) -> Self {
        let host = MockHost::default();
        host.set_unix_time(NOW);
        Self::on_host(host, config)
    }

    /// With a configuration, in the VM of a host.
    pub(crate) fn on_host(host: MockHost, config: &Value) -> Self {
        let auth = Auth::configure(&host, config.to_string().as_bytes()).expect("the configuration is right");
        Self { host, auth }
    }

    /// Gives the route a policy, as the control plane does.
    pub(crate) fn set_policy(&self, json: &str) {
        let digest = placement::digest(json);
        let metadata = [(placement::DIGEST, digest.as_str()), (placement::POLICY, json)];
        self.host.set_route_metadata(FILTER, &metadata);
    }

    /// A period of time is over.
    pub(crate) fn tick(&self) {
        self.auth.on_tick(&self.host);
    }

    /// A call of the filter's own ended.
    pub(crate) fn call_ends(&self, call: CallId, outcome: CallOutcome) {
        self.auth.on_call(&self.host, call, outcome);
    }

    /// Sends a request.
    pub(crate) fn request(&self, headers: &[(&str, &str)]) -> Flow {
        let usual = [(":authority", "api.example"), (":path", "/")];
        let usual = usual.into_iter().filter(|(name, _)| headers.iter().all(|(given, _)| given != name));
        self.host.next_stream(&usual.chain(headers.iter().copied()).collect::<Vec<_>>());
        self.go()
    }

    /// Sends a request with a header whose value is any bytes.
    pub(crate) fn request_raw(&self, name: &str, value: &[u8]) -> Flow {
        self.host.next_stream(&[]);
        self.host.add_raw_request_header(name, value);
        self.go()
    }

    /// Sends a request with a bearer token.
    pub(crate) fn request_with_token(&self, token: &str) -> Flow {
        self.request(&[("authorization", &format!("Bearer {token}"))])
    }

    /// Sends the request that the host has.
    pub(crate) fn go(&self) -> Flow {
        let flow = self.auth.open().on_request_headers(&self.host, true);
        // Answered and paused, or neither.
        assert_eq!(flow == Flow::Pause, self.host.replied().is_some());
        flow
    }

    /// The identity of a request that passed.
    #[track_caller]
    pub(crate) fn passed(&self, flow: Flow) -> Identity {
        assert_eq!((flow, self.host.replied()), (Flow::Continue, None));
        let identity =
            Identity::from_json(&self.host.filter_state(FILTER_STATE).expect("an identity")).unwrap();
        let consumer = identity.consumer.as_ref().map(|name| name.as_bytes().to_vec());
        assert_eq!(
            (self.host.filter_state(CONSUMER_STATE), self.host.filter_state(FILTER)),
            (consumer, None)
        );
        identity
    }

    /// The answer to a request that was denied for this reason, which is counted, and that left no trace of an
    /// identity.
    #[track_caller]
    pub(crate) fn denied(&self, flow: Flow, reason: &str) -> Reply {
        assert_eq!(flow, Flow::Pause, "not denied, expected {reason}");
        assert_eq!(self.host.filter_state(FILTER_STATE), None);
        assert_eq!(self.host.filter_state(CONSUMER_STATE), None);
        assert_eq!(self.host.filter_state(FILTER).as_deref(), Some(reason.as_bytes()));
        let lines = self.host.logged();
        assert_eq!(lines.last().map(String::as_str), Some(format!("denied: {reason}").as_str()));
        assert!(self.host.counted(&format!("ferrox.auth.denied.{reason}")) > 0);
        self.host.replied().expect("an answer")
    }

    /// A header of the request as the upstream gets it.
    pub(crate) fn upstream_header(&self, name: &str) -> Option<String> {
        let headers: Headers = self.host.headers(Side::Request);
        let value = headers.only(name).map(|value| String::from_utf8(value.to_vec()).unwrap());
        assert_eq!(value.is_some(), headers.has(name), "{name} stands twice");
        value
    }
}
