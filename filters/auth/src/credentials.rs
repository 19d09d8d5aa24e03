//! What a request brings, as bytes; nothing is verified here.

use std::borrow::Cow;

use ferrox_host::{Headers, Host};
use ferrox_policy::auth::{AuthPolicy, Place};

use crate::{denial::Denial, place};

/// Longest token or key in bytes. Longer ones are refused before anything is computed on them.
const MAX_LENGTH: usize = 8 << 10;

/// The credentials in a request that its policy accepts; others are not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials<'h> {
    /// The bearer token.
    pub(crate) token: Option<Cow<'h, [u8]>>,
    /// The API key.
    pub(crate) api_key: Option<Cow<'h, [u8]>>,
}

impl<'h> Credentials<'h> {
    /// Takes what the policy accepts out of a request's headers.
    pub(crate) fn read(headers: &'h Headers, policy: &AuthPolicy) -> Result<Self, Denial> {
        let from = |places: &[Place], several| at_most_one(headers, places, several);
        let token = policy.jwt.as_ref().map(|accept| from(&accept.from, Denial::SeveralTokens));
        let api_key = policy.api_key.as_ref().map(|accept| from(&accept.from, Denial::SeveralApiKeys));
        let (token, api_key) = (token.transpose()?.flatten(), api_key.transpose()?.flatten());
        let is_long =
            |found: &Option<Cow<'_, [u8]>>| found.as_ref().is_some_and(|value| value.len() > MAX_LENGTH);
        if is_long(&token) {
            return Err(Denial::Malformed);
        }
        if is_long(&api_key) {
            return Err(Denial::MalformedApiKey);
        }
        Ok(Self { token, api_key })
    }
}

/// Takes out of a request what its policy does not pass on.
pub(crate) fn strip(host: &dyn Host, policy: &AuthPolicy) {
    let jwt = policy.jwt.iter().filter(|accept| !accept.forward).flat_map(|accept| &accept.from);
    let api_key = policy.api_key.iter().filter(|accept| !accept.forward).flat_map(|accept| &accept.from);
    for place in jwt.chain(api_key) {
        place::clear(host, place);
    }
}

/// A client that sends two may mean one for us and another for the upstream.
fn at_most_one<'h>(
    headers: &'h Headers,
    places: &[Place],
    several: Denial,
) -> Result<Option<Cow<'h, [u8]>>, Denial> {
    let mut found = places.iter().flat_map(|place| place::find(headers, place));
    let first = found.next();
    if found.next().is_some() {
        return Err(several);
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrox_policy::auth::{AcceptApiKey, AcceptJwt};

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs.iter().copied().collect()
    }

    fn policy(jwt: bool, api_key: bool) -> AuthPolicy {
        AuthPolicy {
            jwt: jwt.then(AcceptJwt::default),
            api_key: api_key.then(AcceptApiKey::default),
            ..AuthPolicy::default()
        }
    }

    #[test]
    fn several_are_refused_even_where_only_one_is_a_token() {
        let two = headers(&[("authorization", "Bearer a"), ("authorization", "Basic b")]);
        assert_eq!(Credentials::read(&two, &policy(true, true)), Err(Denial::SeveralTokens));
        let joined = headers(&[("authorization", "Bearer a,Basic b")]);
        assert_eq!(Credentials::read(&joined, &policy(true, true)), Err(Denial::SeveralTokens));
        let two = headers(&[("x-api-key", "a"), ("x-api-key", "a")]);
        assert_eq!(Credentials::read(&two, &policy(true, true)), Err(Denial::SeveralApiKeys));
    }

    #[test]
    fn several_places_hold_one_together() {
        let places = ["a", "b"].map(Place::header).to_vec();
        let policy = AuthPolicy {
            jwt: Some(AcceptJwt { from: places, ..AcceptJwt::default() }),
            ..AuthPolicy::default()
        };
        let token =
            |pairs: &[(&str, &str)]| Credentials::read(&headers(pairs), &policy).map(|c| c.token.is_some());
        assert_eq!(token(&[("b", "t")]), Ok(true));
        assert_eq!(token(&[("c", "t")]), Ok(false));
        assert_eq!(token(&[("a", "t"), ("b", "t")]), Err(Denial::SeveralTokens));
    }

    #[test]
    fn what_is_over_the_limit_is_refused() {
        let bearer = |length: usize| headers(&[("authorization", &format!("Bearer {}", "a".repeat(length)))]);
        assert!(Credentials::read(&bearer(MAX_LENGTH), &policy(true, false)).is_ok());
        assert_eq!(Credentials::read(&bearer(MAX_LENGTH + 1), &policy(true, false)), Err(Denial::Malformed));
        let key = |length: usize| headers(&[("x-api-key", &"a".repeat(length))]);
        assert!(Credentials::read(&key(MAX_LENGTH), &policy(false, true)).is_ok());
        let long = key(MAX_LENGTH + 1);
        assert_eq!(Credentials::read(&long, &policy(false, true)), Err(Denial::MalformedApiKey));
    }

    #[test]
    fn what_the_policy_does_not_accept_is_not_looked_at() {
        let both = headers(&[("authorization", "Bearer a"), ("authorization", "x"), ("x-api-key", "k")]);
        let only_key = Credentials { token: None, api_key: Some(b"k".into()) };
        assert_eq!(Credentials::read(&both, &policy(false, true)), Ok(only_key));
        let both = headers(&[("authorization", "Bearer a"), ("x-api-key", "k"), ("x-api-key", "l")]);
        let only_token = Credentials { token: Some(b"a".into()), api_key: None };
        assert_eq!(Credentials::read(&both, &policy(true, false)), Ok(only_token));
    }
}
