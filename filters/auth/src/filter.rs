//! The shell: Envoy's callbacks around the decision.

use std::{
    io::Read,
    mem,
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ferrox_host::{CallId, CallOutcome, Flow, Headers, Host, Level, Plugin, PolicyCache, Side, Stream};
use ferrox_policy::{
    Invalid,
    auth::{AuthConfig, AuthPolicy, FILTER},
    identity::{CLAIMS_STATE, header},
    parse, parse_from,
    placement::{DIGEST, POLICY, Placement},
};

use crate::{
    answer::{self, Asked},
    credentials,
    decision::{Known, Passes},
    denial::Denial,
    jwks,
    metrics::Metrics,
    usage::Usage,
    verifier::Verifier,
};

/// The filter with its configuration, an [`AuthConfig`] as JSON.
#[derive(Debug)]
pub struct Auth(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    known: Known,
    of_routes: PolicyCache<AuthPolicy>,
    placed: Placement<Rc<AuthPolicy>>,
    metrics: Metrics,
    usage: Option<Usage>,
    /// Time from one tick to the next.
    tick: Duration,
}

impl Plugin for Auth {
    type Stream = Guard;

    fn configure(host: &dyn Host, configuration: impl Read) -> Result<Self, String> {
        let begun = host.now();
        let mut config: AuthConfig = parse_from(configuration).map_err(|invalid| invalid.to_string())?;
        let policies = mem::take(&mut config.policies);
        let usage = config.usage.take().map(|reports| Usage::start(host, reports));
        let known = Known::compile(config, Verifier::probe(host)).map_err(|invalid| invalid.to_string())?;
        // Keys of issuers may be due at any time, and more often than reports.
        let tick = match known.begin(host) {
            true => Some(jwks::TICK),
            false => usage.as_ref().map(Usage::interval),
        };
        if let Some(period) = tick {
            host.set_tick(period);
        }
        let shared = Shared {
            known,
            of_routes: PolicyCache::new(FILTER, DIGEST, POLICY),
            placed: policies.map(Rc::new),
            metrics: Metrics::define(host),
            usage,
            tick: tick.unwrap_or_default(),
        };
        shared.metrics.note_configured(host, begun);
        Ok(Self(Rc::new(shared)))
    }

    fn open(&self) -> Guard {
        Guard(Rc::clone(&self.0))
    }

    fn on_tick(&self, host: &dyn Host) {
        self.0.known.tick(host, &self.0.metrics.jwks);
        if let Some(usage) = &self.0.usage {
            usage.tick(host, self.0.tick);
        }
    }

    fn on_call(&self, host: &dyn Host, call: CallId, outcome: CallOutcome) {
        if let Some(usage) = &self.0.usage {
            usage.settle(host, call, &outcome);
        }
        self.0.known.on_call(host, &self.0.metrics.jwks, call, outcome);
    }
}

/// The filter's part in one request. All is decided at once when the request's headers come.
#[derive(Debug)]
pub struct Guard(Rc<Shared>);

impl Stream for Guard {
    fn on_request_headers(&mut self, host: &dyn Host, _end_of_stream: bool) -> Flow {
        let headers = host.headers(Side::Request);
        // Before anything else, so that no way out of here lets a client's own identity through.
        remove_headers(host, &headers, &header::ALL);
        let asked = asked(&headers);
        let policy = match self.0.policy(host, &headers) {
            Ok(Some(policy)) => policy,
            Ok(None) => return Flow::Continue,
            Err(invalid) => return self.0.close(host, &invalid, asked),
        };
        let of_claims: Vec<_> = policy.claim_headers.iter().map(|pair| pair.header.as_str()).collect();
        remove_headers(host, &headers, &of_claims);
        if is_preflight(asked.method, &headers) {
            host.count(self.0.metrics.preflights);
            return Flow::Continue;
        }
        let now = || unix_seconds(host.now());
        match self.0.known.decide(host, &policy, asked.method, &headers, now) {
            Ok(passes) => {
                credentials::strip(host, &policy);
                self.0.allow(host, &passes)
            }
            Err(denial) if policy.report_only => {
                credentials::strip(host, &policy);
                self.0.report(host, denial)
            }
            Err(denial) => self.0.deny(host, &policy, denial, asked),
        }
    }
}

impl Shared {
    fn policy(&self, host: &dyn Host, headers: &Headers) -> Result<Option<Rc<AuthPolicy>>, Invalid> {
        if let Some(policy) = self.of_routes.of_route(host, parse::<AuthPolicy>)? {
            return Ok(Some(policy));
        }
        let pseudo_header = |name: &str| headers.only(name).unwrap_or_default();
        Ok(self.placed.find(pseudo_header(":authority"), pseudo_header(":path")).map(Rc::clone))
    }

    fn allow(&self, host: &dyn Host, passes: &Passes) -> Flow {
        let Some(badge) = &passes.badge else {
            host.count(self.metrics.anonymous);
            return Flow::Continue;
        };
        badge.show(host);
        for (name, value) in &passes.claims {
            host.set_header(Side::Request, name, value.as_bytes());
        }
        if !passes.published.is_empty() {
            host.set_filter_state(CLAIMS_STATE, &passes.published.to_json());
        }
        if let (Some(usage), Some(key)) = (&self.usage, passes.key) {
            let now = host.now().duration_since(UNIX_EPOCH).unwrap_or_default();
            usage.count(host, key, now.as_secs());
        }
        host.count(self.metrics.allowed);
        Flow::Continue
    }

    fn deny(&self, host: &dyn Host, policy: &AuthPolicy, denial: Denial, asked: Asked<'_>) -> Flow {
        host.log(Level::Debug, &format!("denied: {}", denial.reason()));
        self.metrics.count_denied(host, denial);
        host.set_filter_state(FILTER, denial.reason().as_bytes());
        host.reply(answer::denied(denial, policy, asked));
        Flow::Pause
    }

    fn report(&self, host: &dyn Host, denial: Denial) -> Flow {
        host.log(Level::Info, &format!("would be denied: {}", denial.reason()));
        self.metrics.count_reported(host, denial);
        host.set_filter_state(FILTER, format!("reported {}", denial.reason()).as_bytes());
        Flow::Continue
    }

    fn close(&self, host: &dyn Host, invalid: &Invalid, asked: Asked<'_>) -> Flow {
        host.log(Level::Error, &format!("the route's policy is broken, nobody passes: {invalid}"));
        host.count(self.metrics.broken_policy);
        host.set_filter_state(FILTER, b"broken_policy");
        host.reply(answer::broken_policy(asked));
        Flow::Pause
    }
}

/// What an answer says of the request. Envoy sets the id, and replaces one that a client sent.
fn asked(headers: &Headers) -> Asked<'_> {
    let text = |name: &str| headers.only(name).and_then(|value| std::str::from_utf8(value).ok());
    Asked { method: text(":method").unwrap_or_default(), id: text("x-request-id") }
}

/// Removes headers in every spelling that an upstream could take for the same one: CGI and its heirs turn `-` into `_`. What
/// the request does not have costs no call.
fn remove_headers(host: &dyn Host, headers: &Headers, names: &[&str]) {
    let found = headers.iter().filter_map(|(name, _)| std::str::from_utf8(name).ok());
    for name in found.filter(|found| names.iter().any(|name| is_same(found, name))) {
        host.remove_header(Side::Request, name);
    }
}

fn is_same(one: &str, other: &str) -> bool {
    let letter = |b: u8| if b == b'_' { b'-' } else { b.to_ascii_lowercase() };
    one.len() == other.len() && one.bytes().map(letter).eq(other.bytes().map(letter))
}

/// A browser's question whether it may ask (Fetch standard, "CORS-preflight request"), which never carries credentials.
fn is_preflight(method: &str, headers: &Headers) -> bool {
    method == "OPTIONS" && headers.has("origin") && headers.has("access-control-request-method")
}

/// Seconds since 1970. With a clock that stands there or before, none can be trusted: then every token has
/// expired.
fn unix_seconds(now: SystemTime) -> f64 {
    match now.duration_since(UNIX_EPOCH) {
        Ok(elapsed) if !elapsed.is_zero() => elapsed.as_secs_f64(),
        _ => f64::INFINITY,
    }
}
