//! What a limit counts under.
//!
//! A key is `limit`, the route, the name of the limit, how it counts, and the client: its kind and what tells it from others, which
//! for a list of parts is their digest.
//! Limits that are shared between routes have keys of another kind and no route. Every part goes through [`bounded`], so a key
//! is text of at most some 1,500 bytes, whatever a client sends.

use std::borrow::Cow;

use ferrox_policy::{
    identity::Identity,
    key::Key,
    placement::Match,
    rate_limit::{Algorithm, By, Limit, Whose},
};

use crate::{
    client::{Client, Said},
    network::network,
    parts,
};

#[cfg(test)]
mod tests;

/// The beginning of the keys of a route.
pub(crate) fn of_route(name: &[u8]) -> Key {
    Key::new("limit").part(&*bounded(name))
}

/// The beginning of the keys of an entry of the configuration. It starts with the mark of an absent route name, so
/// no route has it; and of two entries with the same condition only the first is ever used.
pub(crate) fn of_placed(matches: &Match) -> Key {
    let part = |text: &Option<String>| text.as_ref().map(|text| bounded(text.as_bytes()).into_owned());
    of_default().optional(part(&matches.host)).optional(part(&matches.path_prefix))
}

/// The beginning of the keys of the configuration's default.
pub(crate) fn of_default() -> Key {
    Key::new("limit").absent()
}

/// The key of a limit of a route for a client.
pub(crate) fn of_limit(scope: &Key, limit: &Limit, client: &Client<'_>) -> String {
    let scope = if limit.shared { Key::new("shared_limit") } else { scope.clone() };
    // What one algorithm keeps in Redis means nothing to another.
    let algorithm = match limit.algorithm {
        Algorithm::FixedWindow => "fixed",
        Algorithm::SlidingWindow => "sliding",
        Algorithm::TokenBucket => "bucket",
        Algorithm::Concurrency => "under_way",
    };
    append(scope.part(&limit.name).part(algorithm), limit, client).to_string()
}

fn append(key: Key, limit: &Limit, client: &Client<'_>) -> Key {
    match &limit.by {
        By::Whose(Whose::All) => key.part("all"),
        By::Whose(Whose::Address) => {
            let network = client.address().map(|address| network(address, limit));
            key.part("address").optional(network.as_deref().map(bounded).as_deref())
        }
        By::Whose(Whose::Identity) => match client.identity() {
            Said::Nothing => Identity::append_to(None, key.part("identity")),
            Said::This(identity) => Identity::append_to(Some(&short(identity)), key.part("identity")),
            Said::Unreadable(state) => key.part("unreadable").part(&*bounded(state)),
        },
        By::Parts(parts) => key.part("parts").part(parts::digest(parts, limit, client)),
    }
}

/// Longest part that stands in a key as it is, in bytes.
const LONGEST: usize = 256;
/// How a part begins that a digest stands for.
const DIGEST: &str = "digest:";

/// A part as text of bounded length: itself, or the SHA-256 of it if it is long or no text. Injective, since a part that
/// looks like such a digest is replaced by its own.
fn bounded(part: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(part) {
        Ok(text) if text.len() <= LONGEST && !text.starts_with(DIGEST) => Cow::Borrowed(text),
        _ => Cow::Owned(format!("{DIGEST}{}", Key::new("part").part(part).digest())),
    }
}

fn short(identity: &Identity) -> Identity {
    let field = |text: &Option<String>| text.as_ref().map(|text| bounded(text.as_bytes()).into_owned());
    Identity {
        consumer: field(&identity.consumer),
        issuer: field(&identity.issuer),
        subject: field(&identity.subject),
        ..Identity::default()
    }
}
