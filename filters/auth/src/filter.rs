//! The shell: Envoy's callbacks around the decision.

use std::{
    rc::Rc,
    time::{SystemTime, UNIX_EPOCH},
};

use ferrox_host::{Flow, Headers, Host, Level, Plugin, PolicyCache, Side, Stream};
use ferrox_policy::{
    Invalid,
    auth::{AuthConfig, AuthPolicy, FILTER},
    identity::{FILTER_STATE, Identity, header},
    parse,
    placement::{DIGEST, POLICY, Placement},
};

use crate::{answer, decision::Known, denial::Denial, metrics::Metrics};

/// The filter with its configuration, an [`AuthConfig`] as JSON.
#[derive(Debug)]
pub struct Auth(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    known: Known,
    of_routes: PolicyCache<AuthPolicy>,
    placed: Placement<Rc<AuthPolicy>>,
    metrics: Metrics,
}

impl Plugin for Auth {
    type Stream = Guard;

    fn configure(host: &dyn Host, configuration: &[u8]) -> Result<Self, String> {
        let config: AuthConfig = parse(configuration).map_err(|invalid| invalid.to_string())?;
        let shared = Shared {
            known: Known::compile(&config).map_err(|invalid| invalid.to_string())?,
            of_routes: PolicyCache::new(FILTER, DIGEST, POLICY),
            placed: config.policies.map(Rc::new),
            metrics: Metrics::define(host),
        };
        Ok(Self(Rc::new(shared)))
    }

    fn open(&self) -> Guard {
        Guard(Rc::clone(&self.0))
    }
}

/// The filter's part in one request. All is decided at once when the request's headers come.
#[derive(Debug)]
pub struct Guard(Rc<Shared>);

impl Stream for Guard {
    fn on_request_headers(&mut self, host: &dyn Host, _end_of_stream: bool) -> Flow {
        let headers = host.headers(Side::Request);
        // Before anything else, so that no way out of here lets a client's own identity through.
        remove_identity_headers(host, &headers);
        let policy = match self.0.policy(host, &headers) {
            Ok(Some(policy)) => policy,
            Ok(None) => return Flow::Continue,
            Err(invalid) => return self.0.close(host, &invalid),
        };
        match self.0.known.decide(&policy, &headers, unix_seconds(host.now())) {
            Ok(identity) => self.0.allow(host, &policy, &identity),
            Err(denial) => self.0.deny(host, &policy, denial),
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

    fn allow(&self, host: &dyn Host, policy: &AuthPolicy, identity: &Identity) -> Flow {
        let set = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                host.set_header(Side::Request, name, value.as_bytes());
            }
        };
        set(header::CONSUMER, identity.consumer.as_deref());
        set(header::SUBJECT, identity.subject.as_deref());
        set(header::ISSUER, identity.issuer.as_deref());
        set(header::SCOPES, (!identity.scopes.is_empty()).then(|| identity.scopes.join(" ")).as_deref());
        host.set_filter_state(FILTER_STATE, &identity.to_json());
        // The key is the consumer's secret with us. A token stays: it was made to be passed on, within its aud.
        if let Some(accept) = &policy.api_key {
            host.remove_header(Side::Request, &accept.header);
        }
        host.count(self.metrics.allowed);
        Flow::Continue
    }

    fn deny(&self, host: &dyn Host, policy: &AuthPolicy, denial: Denial) -> Flow {
        host.log(Level::Debug, &format!("denied: {}", denial.reason()));
        self.metrics.count_denied(host, denial);
        host.reply(answer::denied(denial, policy));
        Flow::Pause
    }

    fn close(&self, host: &dyn Host, invalid: &Invalid) -> Flow {
        host.log(Level::Error, &format!("the route's policy is broken, nobody passes: {invalid}"));
        host.count(self.metrics.broken_policy);
        host.reply(answer::broken_policy());
        Flow::Pause
    }
}

/// Removes them in every spelling that an upstream could take for the same header: CGI and its heirs turn `-`
/// into `_`.
fn remove_identity_headers(host: &dyn Host, headers: &Headers) {
    for name in header::ALL {
        host.remove_header(Side::Request, name);
    }
    let spoofs = headers.iter().filter_map(|(name, _)| std::str::from_utf8(name).ok()).filter(|name| {
        name.contains('_') && header::ALL.contains(&name.replace('_', "-").to_ascii_lowercase().as_str())
    });
    for name in spoofs {
        host.remove_header(Side::Request, name);
    }
}

/// Seconds since 1970. With a clock that stands there or before, none can be trusted: then every token has
/// expired.
fn unix_seconds(now: SystemTime) -> f64 {
    match now.duration_since(UNIX_EPOCH) {
        Ok(elapsed) if !elapsed.is_zero() => elapsed.as_secs_f64(),
        _ => f64::INFINITY,
    }
}
