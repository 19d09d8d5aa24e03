//! What a refused client gets: the status and challenges of RFC 6750 and RFC 9110, a problem of RFC 9457.

use ferrox_host::Reply;
use ferrox_policy::auth::AuthPolicy;
use serde_json::json;

use crate::{decision::needed_scopes, denial::Denial};

/// When a client may try again that is not to blame, in seconds.
fn retry_after(denial: Denial) -> &'static str {
    match denial {
        Denial::TooManyInvalid => "1",
        _ => "5",
    }
}

/// What of a request an answer to it says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'r> {
    /// `:method`.
    pub(crate) method: &'r str,
    /// `x-request-id`, by which the client can ask and the operator find.
    pub(crate) id: Option<&'r str>,
}

/// The answer to a request that its policy refuses.
///
/// It has a challenge for each kind of credentials that the route accepts (RFC 9110 section 11.6.1). API keys have
/// no registered scheme; `ApiKey` is ours.
pub(crate) fn denied(denial: Denial, policy: &AuthPolicy, asked: Asked<'_>) -> Reply {
    let status = denial.status();
    let mut headers = Vec::new();
    if status == 503 {
        headers.push(("retry-after".to_owned(), retry_after(denial).to_owned()));
        return problem(status, denial.description(), headers, asked.id);
    }
    if policy.jwt.is_some() {
        headers.push(("www-authenticate".to_owned(), challenge("Bearer", denial, policy, asked.method)));
    }
    if policy.api_key.is_some() {
        let challenge = match policy.jwt {
            // The token's challenge says what is wrong.
            Some(_) => r#"ApiKey realm="ferrox""#.to_owned(),
            None => challenge("ApiKey", denial, policy, asked.method),
        };
        headers.push(("www-authenticate".to_owned(), challenge));
    }
    problem(status, denial.description(), headers, asked.id)
}

/// The answer where the route's policy cannot be read: nobody may pass, and it is not the client's fault.
pub(crate) fn broken_policy(asked: Asked<'_>) -> Reply {
    problem(503, "The policy of this route cannot be read.", Vec::new(), asked.id)
}

/// RFC 6750 section 3: no error code where nothing was brought.
fn challenge(scheme: &str, denial: Denial, policy: &AuthPolicy, method: &str) -> String {
    let challenge = format!("{scheme} realm=\"ferrox\"");
    let Some(code) = error_code(denial) else { return challenge };
    let description = denial.description();
    let challenge = format!("{challenge}, error=\"{code}\", error_description=\"{description}\"");
    match denial {
        // Scopes are free of quotes and backslashes (RFC 6749 section 3.3), the policy's parser sees to it.
        Denial::MissingScope => {
            let scopes: Vec<_> = needed_scopes(policy, method).map(String::as_str).collect();
            format!("{challenge}, scope=\"{}\"", scopes.join(" "))
        }
        _ => challenge,
    }
}

/// The error code of RFC 6750 section 3.1; `None` where the token is not what is wrong.
fn error_code(denial: Denial) -> Option<&'static str> {
    match denial {
        Denial::Missing
        | Denial::SeveralApiKeys
        | Denial::UnknownApiKey
        | Denial::MalformedApiKey
        | Denial::DisabledApiKey
        | Denial::EarlyApiKey
        | Denial::ExpiredApiKey
        | Denial::WrongRoute
        | Denial::KeysUnavailable
        | Denial::TooManyInvalid => None,
        Denial::SeveralTokens => Some("invalid_request"),
        Denial::MissingScope | Denial::MissingClaim => Some("insufficient_scope"),
        Denial::Malformed
        | Denial::CriticalHeader
        | Denial::UnsupportedAlgorithm
        | Denial::UnknownIssuer
        | Denial::UnknownKey
        | Denial::BadSignature
        | Denial::NoExpiry
        | Denial::Expired
        | Denial::NotYetValid
        | Denial::WrongAudience
        | Denial::LivesTooLong
        | Denial::WrongClaim
        | Denial::Revoked
        | Denial::UnusableClaim => Some("invalid_token"),
    }
}

fn problem(status: u16, detail: &str, mut headers: Vec<(String, String)>, request_id: Option<&str>) -> Reply {
    let title = match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        _ => "Service Unavailable",
    };
    headers.push(("content-type".to_owned(), "application/problem+json".to_owned()));
    headers.push(("cache-control".to_owned(), "no-store".to_owned()));
    let mut body = json!({"type": "about:blank", "title": title, "status": status, "detail": detail});
    if let (Some(id), Some(members)) = (request_id, body.as_object_mut()) {
        members.insert("request_id".to_owned(), id.into());
    }
    Reply { status, headers, body: body.to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrox_policy::auth::{AcceptApiKey, AcceptJwt, MethodNeeds};

    fn policy(jwt: bool, api_key: bool) -> AuthPolicy {
        AuthPolicy {
            jwt: jwt.then(AcceptJwt::default),
            api_key: api_key.then(AcceptApiKey::default),
            scopes: vec!["a".to_owned(), "b".to_owned()],
            ..AuthPolicy::default()
        }
    }

    fn asked(method: &str) -> Asked<'_> {
        Asked { method, id: Some("17") }
    }

    fn challenges(reply: &Reply) -> Vec<&str> {
        let of_name = reply.headers.iter().filter(|(name, _)| name == "www-authenticate");
        of_name.map(|(_, value)| value.as_str()).collect()
    }

    #[test]
    fn without_credentials_the_challenges_name_no_error() {
        let reply = denied(Denial::Missing, &policy(true, true), asked("GET"));
        assert_eq!(reply.status, 401);
        assert_eq!(challenges(&reply), [r#"Bearer realm="ferrox""#, r#"ApiKey realm="ferrox""#]);
        assert_eq!(
            challenges(&denied(Denial::Missing, &policy(true, false), asked("GET"))),
            [r#"Bearer realm="ferrox""#]
        );
        assert_eq!(
            challenges(&denied(Denial::Missing, &policy(false, true), asked("GET"))),
            [r#"ApiKey realm="ferrox""#]
        );
    }

    #[test]
    fn a_token_that_is_refused_is_an_invalid_token() {
        let reply = denied(Denial::Expired, &policy(true, true), asked("GET"));
        assert_eq!(reply.status, 401);
        let bearer =
            r#"Bearer realm="ferrox", error="invalid_token", error_description="The token has expired.""#;
        assert_eq!(challenges(&reply), [bearer, r#"ApiKey realm="ferrox""#]);
    }

    #[test]
    fn several_tokens_are_an_invalid_request() {
        let reply = denied(Denial::SeveralTokens, &policy(true, false), asked("GET"));
        assert_eq!(reply.status, 401);
        assert!(challenges(&reply)[0].starts_with(r#"Bearer realm="ferrox", error="invalid_request", "#));
    }

    #[test]
    fn an_unknown_api_key_is_not_blamed_on_the_token() {
        let reply = denied(Denial::UnknownApiKey, &policy(true, true), asked("GET"));
        assert_eq!(reply.status, 401);
        assert_eq!(challenges(&reply), [r#"Bearer realm="ferrox""#, r#"ApiKey realm="ferrox""#]);
    }

    #[test]
    fn a_missing_scope_is_forbidden_and_named() {
        for (jwt, scheme) in [(true, "Bearer"), (false, "ApiKey")] {
            let reply = denied(Denial::MissingScope, &policy(jwt, !jwt), asked("GET"));
            assert_eq!(reply.status, 403);
            let challenge = challenges(&reply)[0];
            assert!(challenge.starts_with(scheme) && challenge.contains(r#"error="insufficient_scope""#));
            assert!(challenge.ends_with(r#", scope="a b""#), "{challenge}");
        }
    }

    #[test]
    fn the_scopes_of_the_method_are_named_too() {
        let needs = MethodNeeds {
            methods: vec!["POST".to_owned()],
            scopes: vec!["w".to_owned()],
            claims: Vec::new(),
        };
        let policy = AuthPolicy { methods: vec![needs], ..policy(true, false) };
        assert!(
            challenges(&denied(Denial::MissingScope, &policy, asked("POST")))[0]
                .ends_with(r#", scope="a b w""#)
        );
        assert!(
            challenges(&denied(Denial::MissingScope, &policy, asked("GET")))[0].ends_with(r#", scope="a b""#)
        );
    }

    #[test]
    fn without_keys_the_client_is_not_blamed_and_may_come_again() {
        let reply = denied(Denial::KeysUnavailable, &policy(true, true), asked("GET"));
        assert_eq!(reply.status, 503);
        assert!(challenges(&reply).is_empty());
        assert!(reply.headers.contains(&("retry-after".to_owned(), "5".to_owned())));
    }

    #[test]
    fn a_token_that_was_not_verified_may_come_again_soon() {
        let reply = denied(Denial::TooManyInvalid, &policy(true, true), asked("GET"));
        assert_eq!(reply.status, 503);
        assert!(challenges(&reply).is_empty());
        assert!(reply.headers.contains(&("retry-after".to_owned(), "1".to_owned())));
    }

    #[test]
    fn the_body_is_a_problem() {
        for (reply, status, title) in [
            (denied(Denial::Missing, &policy(true, true), asked("GET")), 401, "Unauthorized"),
            (denied(Denial::MissingScope, &policy(true, true), asked("GET")), 403, "Forbidden"),
            (denied(Denial::KeysUnavailable, &policy(true, true), asked("GET")), 503, "Service Unavailable"),
            (broken_policy(asked("GET")), 503, "Service Unavailable"),
        ] {
            assert_eq!(reply.status, status);
            assert!(
                reply.headers.contains(&("content-type".to_owned(), "application/problem+json".to_owned()))
            );
            assert!(reply.headers.contains(&("cache-control".to_owned(), "no-store".to_owned())));
            let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!((&body["type"], &body["title"]), (&json!("about:blank"), &json!(title)));
            assert_eq!((&body["status"], &body["request_id"]), (&json!(status), &json!("17")));
            assert!(!body["detail"].as_str().unwrap().is_empty());
        }
    }
}
