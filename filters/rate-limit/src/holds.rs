//! The limits that hold for a request, as they hold for it.

use std::{net::IpAddr, rc::Rc};

use ferrox_policy::rate_limit::{Exempt, Limit, Methods};

use crate::{client::Client, request, rules::Rules};

/// Those of a route's limits that hold for the request of a client; `None` where none does. What holds for every request costs
/// nothing here, and what does not is made once.
pub(crate) fn for_client(rules: &Rc<Rules>, client: &Client<'_>) -> Option<Rc<Rules>> {
    if rules.limits.iter().all(|limit| holds(limit, client)) {
        return Some(Rc::clone(rules));
    }
    Some(rules.only(|limit| holds(limit, client))).filter(|held| !held.limits.is_empty())
}

fn holds(limit: &Limit, client: &Client<'_>) -> bool {
    let of_method = |methods: &Methods| methods.has(request::method(client.headers()));
    limit.methods.as_ref().is_none_or(of_method) && !is_exempt(&limit.exempt, client)
}

fn is_exempt(exempt: &Exempt, client: &Client<'_>) -> bool {
    is_exempt_by_address(exempt, client) || is_exempt_by_name(exempt, client)
}

fn is_exempt_by_address(exempt: &Exempt, client: &Client<'_>) -> bool {
    let address = || std::str::from_utf8(client.address()?).ok()?.parse::<IpAddr>().ok();
    !exempt.addresses.is_empty() && address().is_some_and(|address| exempt.has_address(address))
}

fn is_exempt_by_name(exempt: &Exempt, client: &Client<'_>) -> bool {
    !exempt.consumers.is_empty() && client.consumer().is_some_and(|name| exempt.has_consumer(name))
}
