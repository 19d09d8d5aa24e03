//! The claims of a token (RFC 7519 section 4.1) and what must hold for them.

use ferrox_policy::{
    auth::{ClaimRule, check_scope},
    identity::Identity,
};
use serde_json::Value;

use crate::{
    denial::Denial,
    json::{self, Object},
};

/// The claims of a token. Those that decide are of the right type; the others are as they came.
#[derive(Debug)]
pub(crate) struct Claims {
    /// When it ends, seconds since 1970.
    exp: Option<f64>,
    /// Before that it is not good.
    nbf: Option<f64>,
    /// When it was made.
    iat: Option<f64>,
    audiences: Vec<String>,
    scopes: Vec<String>,
    all: Object,
}

/// The largest NumericDate that is taken, 2^53: beyond it, not every second has a number (RFC 8259 section 6).
const MAX_DATE: f64 = 9_007_199_254_740_992.0;

/// A NumericDate, which may have a fraction (RFC 7519 section 2).
fn date(all: &Object, name: &str) -> Result<Option<f64>, Denial> {
    let Some(value) = all.get(name) else { return Ok(None) };
    let date = value.as_f64().filter(|date| (0.0..=MAX_DATE).contains(date));
    date.map(Some).ok_or(Denial::Malformed)
}

/// A string or a list of strings.
fn texts(all: &Object, name: &str) -> Result<Vec<String>, Denial> {
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(Denial::Malformed);
    match all.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(text).collect(),
        Some(one) => Ok(vec![text(one)?]),
    }
}

/// What a token must fit to be accepted.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// Accepted `aud` values, one is enough.
    pub(crate) audiences: Vec<String>,
    /// How far the clocks may differ, in seconds.
    pub(crate) leeway: f64,
    /// Whether a token may go without `exp`.
    pub(crate) allow_missing_exp: bool,
    /// Longest time from `iat` to `exp`, in seconds.
    pub(crate) max_lifetime: Option<f64>,
    /// What must hold for other claims.
    pub(crate) rules: Vec<ClaimRule>,
}

impl Claims {
    /// Reads a token's payload, verified or not.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, Denial> {
        let all = json::object(payload)?;
        json::text(&all, "iss")?;
        json::text(&all, "sub")?;
        // RFC 8693 section 4.2: separated by spaces. Some issuers call it `scp`, some make it a list.
        let scopes = [texts(&all, "scope")?, texts(&all, "scp")?].concat();
        Ok(Self {
            exp: date(&all, "exp")?,
            nbf: date(&all, "nbf")?,
            iat: date(&all, "iat")?,
            audiences: texts(&all, "aud")?,
            scopes,
            all,
        })
    }

    /// All of them.
    pub(crate) fn all(&self) -> &Object {
        &self.all
    }

    /// `iss`. The one claim that may be asked for before the signature is verified: it says whose keys to try.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// `iat`.
    pub(crate) fn issued_at(&self) -> Option<f64> {
        self.iat
    }

    /// A claim that is a string.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name).and_then(Value::as_str)
    }

    /// Whether the token is for us and for now, which is in seconds since 1970.
    pub(crate) fn check(&self, expected: &Expected, now: f64) -> Result<(), Denial> {
        self.check_time(expected, now)?;
        if !self.audiences.iter().any(|audience| expected.audiences.contains(audience)) {
            return Err(Denial::WrongAudience);
        }
        if !expected.rules.iter().all(|rule| rule.holds(&self.all)) {
            return Err(Denial::WrongClaim);
        }
        Ok(())
    }

    fn check_time(&self, expected: &Expected, now: f64) -> Result<(), Denial> {
        let leeway = expected.leeway;
        match self.exp {
            Some(exp) if now >= exp + leeway => return Err(Denial::Expired),
            // A clock that cannot be trusted is infinitely late, and nothing outlives it.
            None if !expected.allow_missing_exp || now.is_infinite() => return Err(Denial::NoExpiry),
            _ => {}
        }
        // An iat in the future is a token of a broken or a forged clock.
        if self.nbf.into_iter().chain(self.iat).any(|begin| now < begin - leeway) {
            return Err(Denial::NotYetValid);
        }
        let Some(longest) = expected.max_lifetime else { return Ok(()) };
        match (self.iat, self.exp) {
            (Some(iat), Some(exp)) if exp - iat <= longest => Ok(()),
            _ => Err(Denial::LivesTooLong),
        }
    }

    /// Who the token speaks for.
    ///
    /// A scope that is none by RFC 6749 section 3.3 is refused rather than dropped: joined with others in a
    /// header, `a b` would become two.
    pub(crate) fn identity(&self) -> Result<Identity, Denial> {
        let subject = self.text("sub");
        if !subject.is_none_or(is_header_value) {
            return Err(Denial::UnusableClaim);
        }
        let mut scopes = Vec::new();
        for scope in self.scopes.iter().flat_map(|list| list.split(' ')) {
            add_scope(&mut scopes, scope)?;
        }
        let (issuer, subject) = (self.issuer().map(str::to_owned), subject.map(str::to_owned));
        Ok(Identity { issuer, subject, scopes, ..Identity::default() })
    }
}

fn add_scope(scopes: &mut Vec<String>, scope: &str) -> Result<(), Denial> {
    if scope.is_empty() || scopes.iter().any(|held| held == scope) {
        return Ok(());
    }
    check_scope(scope).map_err(|_| Denial::UnusableClaim)?;
    scopes.push(scope.to_owned());
    Ok(())
}

/// Whether a text survives as a header value (RFC 9110 section 5.5): no control characters, nothing at its ends
/// that a recipient trims, so that two subjects never look the same to an upstream.
pub(crate) fn is_header_value(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: f64 = 1_000_000.0;

    fn claims(json: Value) -> Result<Claims, Denial> {
        Claims::parse(json.to_string().as_bytes())
    }

    /// Claims that are in order, but for some that are replaced.
    fn check(replaced: Value) -> Result<(), Denial> {
        let mut all = json!({"exp": 1_000_300, "aud": "api"});
        for (name, value) in replaced.as_object().unwrap() {
            all[name] = value.clone();
        }
        claims(all)?.check(&expected(), NOW)
    }

    fn expected() -> Expected {
        Expected {
            audiences: ["api", "api2"].map(str::to_owned).to_vec(),
            leeway: 60.0,
            allow_missing_exp: false,
            max_lifetime: None,
            rules: Vec::new(),
        }
    }

    fn identity(json: Value) -> Result<Identity, Denial> {
        claims(json)?.identity()
    }

    #[test]
    fn a_token_expires_at_its_exp_and_the_leeway() {
        assert_eq!(check(json!({"exp": 999_941})), Ok(()));
        assert_eq!(check(json!({"exp": 999_940.5})), Ok(()));
        assert_eq!(check(json!({"exp": 999_940})), Err(Denial::Expired));
        assert_eq!(check(json!({"exp": 1_u64 << 53})), Ok(()));
    }

    #[test]
    fn a_token_without_exp_passes_only_where_its_issuer_may_do_so() {
        let token = claims(json!({"aud": "api"})).unwrap();
        assert_eq!(token.check(&expected(), NOW), Err(Denial::NoExpiry));
        let expected = Expected { allow_missing_exp: true, ..expected() };
        assert_eq!(token.check(&expected, NOW), Ok(()));
        assert_eq!(token.check(&expected, f64::INFINITY), Err(Denial::NoExpiry));
    }

    #[test]
    fn a_token_lives_no_longer_than_its_issuer_may_let_it() {
        let expected = Expected { max_lifetime: Some(600.0), ..expected() };
        let check = |json: Value| claims(json).unwrap().check(&expected, NOW);
        assert_eq!(check(json!({"aud": "api", "iat": 1_000_000, "exp": 1_000_600})), Ok(()));
        assert_eq!(check(json!({"aud": "api", "iat": 999_999, "exp": 1_000_600})), Err(Denial::LivesTooLong));
        assert_eq!(check(json!({"aud": "api", "exp": 1_000_600})), Err(Denial::LivesTooLong));
    }

    #[test]
    fn every_rule_of_the_issuer_must_hold() {
        let rule = |json: Value| serde_json::from_value::<ClaimRule>(json).unwrap();
        let rules = vec![
            rule(json!({"claim": "tenant", "is": {"equals": "a"}})),
            rule(json!({"claim": "sub", "is": "present"})),
        ];
        let expected = Expected { rules, ..expected() };
        let check = |json: Value| claims(json).unwrap().check(&expected, NOW);
        assert_eq!(check(json!({"aud": "api", "exp": 1_000_600, "tenant": "a", "sub": "s"})), Ok(()));
        assert_eq!(check(json!({"aud": "api", "exp": 1_000_600, "tenant": "a"})), Err(Denial::WrongClaim));
    }

    #[test]
    fn a_token_begins_at_its_nbf_and_iat_less_the_leeway() {
        for begin in ["nbf", "iat"] {
            assert_eq!(check(json!({begin: 1_000_060})), Ok(()));
            assert_eq!(check(json!({begin: 1_000_061})), Err(Denial::NotYetValid));
        }
        assert_eq!(check(json!({"nbf": 1, "iat": 1_000_061})), Err(Denial::NotYetValid));
    }

    #[test]
    fn one_audience_of_ours_is_enough_and_none_is_not() {
        for audience in [json!("api"), json!("api2"), json!(["x", "api2"])] {
            assert_eq!(check(json!({"aud": audience})), Ok(()), "{audience}");
        }
        for audience in [json!("x"), json!([]), json!("API"), json!(["api "]), json!("")] {
            assert_eq!(check(json!({"aud": audience})), Err(Denial::WrongAudience), "{audience}");
        }
    }

    #[test]
    fn claims_of_a_wrong_type_or_that_stand_twice_are_refused() {
        for wrong in [
            json!({"exp": "1000300"}),
            json!({"exp": null}),
            json!({"exp": -1}),
            json!({"exp": 1e300}),
            json!({"exp": u64::MAX}),
            json!({"iat": -0.5}),
            json!({"nbf": true}),
            json!({"aud": [1]}),
            json!({"aud": null}),
            json!({"sub": 7}),
            json!({"iss": ["a"]}),
            json!({"scope": {"a": 1}}),
        ] {
            assert_eq!(check(wrong.clone()), Err(Denial::Malformed), "{wrong}");
        }
        for payload in [&br#"{"sub":"a","sub":"b"}"#[..], b"[]", b"", b"{} {}", b"{\"sub\":\"\xff\"}"] {
            assert_eq!(Claims::parse(payload).unwrap_err(), Denial::Malformed);
        }
    }

    #[test]
    fn scopes_are_read_from_either_claim_in_either_form() {
        let expected = ["a", "b"].map(str::to_owned);
        for scopes in [
            json!({"scope": "a b"}),
            json!({"scope": " a  b a "}),
            json!({"scp": ["a", "b"]}),
            json!({"scp": "a b"}),
            json!({"scope": "a", "scp": ["b", "a"]}),
        ] {
            assert_eq!(identity(scopes.clone()).unwrap().scopes, expected, "{scopes}");
        }
        assert!(identity(json!({})).unwrap().scopes.is_empty());
    }

    #[test]
    fn a_claim_that_a_header_would_change_is_refused() {
        for sub in
            ["", " alice", "alice\t", "al\nice", "al\r\nx-admin: 1", "al\0ice", "al\u{85}ice", "\u{a0}a"]
        {
            assert_eq!(identity(json!({"sub": sub})), Err(Denial::UnusableClaim), "{sub:?}");
        }
        for scope in ["a\"b", "a\\b", "a\nb", "\u{e9}"] {
            assert_eq!(identity(json!({"scp": [scope]})), Err(Denial::UnusableClaim), "{scope:?}");
        }
        for sub in ["alice", "auth0|1", "Al Ice", "\u{e9}lise"] {
            assert_eq!(identity(json!({"sub": sub})).unwrap().subject.as_deref(), Some(sub));
        }
    }
}
