//! What is to be done for a request under a policy.

use std::rc::Rc;

use ferrox_host::{Headers, Host, Level};
use ferrox_policy::{
    cache::CachePolicy,
    identity::{self, Identity},
    key::Key,
};

use crate::{
    key::key,
    request::{self, Method, Target, Use},
};

/// What is known of a request that may end in an entry.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) key: Key,
    pub(crate) method: Method,
    pub(crate) policy: Rc<CachePolicy>,
    /// Whether the answer must say that it may be shared.
    pub(crate) needs_permission: bool,
}

/// What to do for a request; `None`: let it pass, and its answer too.
pub(crate) fn plan(
    host: &dyn Host,
    headers: &Headers,
    policy: Rc<CachePolicy>,
    end_of_stream: bool,
) -> Option<(Use, Plan)> {
    let target = Target::of(headers)?;
    let wanted = request::decide(headers, end_of_stream)?;
    let identity = identity_of(host)?;
    let route = host.property(&["xds", "route_name"]);
    let key = key(route.as_deref(), &target, headers, &policy, identity.as_ref());
    let needs_permission = needs_permission(headers, &policy, identity.as_ref());
    Some((wanted, Plan { key, method: target.method, policy, needs_permission }))
}

/// Who auth says it is, which may be nobody; `None` where what auth wrote cannot be read.
fn identity_of(host: &dyn Host) -> Option<Option<Identity>> {
    let Some(json) = host.filter_state(identity::FILTER_STATE) else { return Some(None) };
    match Identity::from_json(&json) {
        Ok(identity) => Some(Some(identity)),
        Err(_) => {
            host.log(Level::Error, "the identity in the filter state cannot be read, the cache is bypassed");
            None
        }
    }
}

/// Whether credentials that the key does not hold may have led to the answer (RFC 9111 section 3.5). The
/// credentials in `Authorization` are in the key only as far as auth made the identity from them: beside an API
/// key they may be anybody's.
fn needs_permission(headers: &Headers, policy: &CachePolicy, identity: Option<&Identity>) -> bool {
    let authorization = headers.has("authorization");
    match identity {
        None => authorization,
        Some(_) if policy.shared => true,
        Some(identity) => authorization && identity.issuer.is_none(),
    }
}
