//! The limits of a request, from its route or from the configuration.

use std::{cell::RefCell, collections::HashMap, convert::Infallible, rc::Rc, time::Duration};

use ferrox_host::{Host, Level, PolicyCache, Side};
use ferrox_policy::{
    Invalid,
    key::Key,
    parse,
    placement::{self, Placed, Placement},
    rate_limit::{Limit, Mode, RateLimitPolicy, Stage},
};

use crate::{answer, keys};

/// The limits of one stage, ready to be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The limits; none where the policy has limits of the other stage only.
    pub(crate) limits: Vec<Limit>,
    /// The value of `ratelimit-policy`, which is the same for every request.
    pub(crate) announced: String,
    /// Longest wait for a decision, if not the configuration's.
    pub(crate) timeout: Option<Duration>,
    /// Parts of these that were asked for, by which limits they have: a policy has eight at most.
    parts: RefCell<HashMap<u8, Rc<Rules>>>,
}

impl Rules {
    /// The part of a policy that a stage decides.
    pub(crate) fn of(policy: &RateLimitPolicy, stage: Stage) -> Self {
        let limits = policy.at(stage).map(|policy| policy.limits).unwrap_or_default();
        Self::new(limits, policy.timeout_ms.map(|ms| Duration::from_millis(ms.into())))
    }

    /// Rules of these limits.
    pub(crate) fn new(limits: Vec<Limit>, timeout: Option<Duration>) -> Self {
        Self { announced: answer::policy_value(&limits), limits, timeout, parts: RefCell::default() }
    }

    /// Those of the limits that hold, as rules of their own.
    pub(crate) fn only(&self, holds: impl Fn(&Limit) -> bool) -> Rc<Self> {
        let which = self.limits.iter().fold(0, |which, limit| which << 1 | u8::from(holds(limit)));
        let part = || {
            let limits = self.limits.iter().filter(|limit| holds(limit)).cloned().collect();
            Rc::new(Self::new(limits, self.timeout))
        };
        Rc::clone(self.parts.borrow_mut().entry(which).or_insert_with(part))
    }

    /// Whether a request can pass by tokens that the worker holds.
    pub(crate) fn are_leased(&self) -> bool {
        self.limits.iter().all(|limit| limit.mode == Mode::Leased)
    }
}

/// The rules that a request falls under, and the beginning of the keys that they count under.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) rules: Rc<Rules>,
    pub(crate) scope: Key,
}

/// Finds the rules of a request.
pub(crate) struct RuleBook {
    stage: Stage,
    /// A policy that does not parse is remembered too, so that it is logged once and not for each request.
    of_routes: PolicyCache<Result<Rc<Rules>, Invalid>>,
    /// The policies of the configuration, if there are any.
    placed: Option<Placement<Found>>,
}

impl RuleBook {
    /// A rule book of a stage; `policies` are for requests whose route carries none.
    pub(crate) fn new(stage: Stage, policies: Placement<RateLimitPolicy>) -> Self {
        let of_routes = PolicyCache::new(stage.filter(), placement::DIGEST, placement::POLICY);
        let any = policies.iter().next().is_some();
        let placed = any.then(|| place(stage, policies));
        Self { stage, of_routes, placed }
    }

    /// The rules of the stream's request; `None` where nothing limits it.
    ///
    /// # Errors
    /// When the route's policy is wrong. The reason is in the log.
    pub(crate) fn find(&self, host: &dyn Host) -> Result<Option<Found>, Invalid> {
        let found = match self.of_route(host)? {
            Some(rules) => Some(Found { rules, scope: keys::of_route(&route_name(host)) }),
            None => self.of_configuration(host),
        };
        Ok(found.filter(|found| !found.rules.limits.is_empty()))
    }

    fn of_route(&self, host: &dyn Host) -> Result<Option<Rc<Rules>>, Invalid> {
        let compile = |json: &[u8]| {
            let policy = parse::<RateLimitPolicy>(json);
            if let Err(invalid) = &policy {
                let filter = self.stage.filter();
                let route = String::from_utf8_lossy(&route_name(host)).into_owned();
                host.log(
                    Level::Error,
                    &format!("{filter}: route '{route}' is closed, its policy is wrong: {invalid}"),
                );
            }
            Ok::<_, Infallible>(policy.map(|policy| Rc::new(Rules::of(&policy, self.stage))))
        };
        let Ok(known) = self.of_routes.of_route(host, compile);
        known.map(|rules| (*rules).clone()).transpose()
    }

    fn of_configuration(&self, host: &dyn Host) -> Option<Found> {
        let placed = self.placed.as_ref()?;
        let headers = host.headers(Side::Request);
        let value = |name| headers.only(name).unwrap_or_default();
        placed.find(value(":authority"), value(":path")).cloned()
    }
}

fn route_name(host: &dyn Host) -> Vec<u8> {
    host.property(&["xds", "route_name"]).unwrap_or_default()
}

/// An entry of the configuration is a route of its own, so each counts by itself.
fn place(stage: Stage, policies: Placement<RateLimitPolicy>) -> Placement<Found> {
    let found = |policy: &RateLimitPolicy, scope| Found { rules: Rc::new(Rules::of(policy, stage)), scope };
    let default = policies.default.as_ref().map(|policy| found(policy, keys::of_default()));
    let placed = |placed: Placed<RateLimitPolicy>| Placed {
        policy: placed.policy.as_ref().map(|policy| found(policy, keys::of_placed(&placed.matches))),
        matches: placed.matches,
    };
    Placement { routes: policies.routes.into_iter().map(placed).collect(), default }
}
