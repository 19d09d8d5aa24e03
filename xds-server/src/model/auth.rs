//! The gateway's issuers of tokens, and the configuration of the auth filter.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use ferrox_policy::auth::{
    Algorithm, AuthConfig, JwkSet, JwtProvider, KeySet, Revocations, RevokedSubject, RevokedToken,
};
use serde_json::Value;

use super::{
    FetchedKeys, KeySource,
    key_source::Origin,
    keys::{self, Keys},
    problem::{Problem, RowCheck},
};
use crate::store::{JwtProviderRow, LiveRows, Rows};

const PROVIDERS: &str = "jwt_providers";

/// Who may pass.
#[derive(Clone, PartialEq)]
pub(super) struct Auth {
    /// What the filter is told.
    pub(super) config: Arc<AuthConfig>,
    /// Where keys of providers are fetched.
    pub(super) sources: Vec<KeySource>,
}

impl Auth {
    /// The same issuers with other API keys, and with what is live of fetched keys and revocations.
    pub(super) fn with_live(&self, keys: &Keys, live: &LiveRows, problems: &mut Vec<Problem>) -> Self {
        let mut providers = self.config.providers.clone();
        for provider in &mut providers {
            if let Some(source) = self.sources.iter().find(|source| source.provider == provider.name) {
                provider.jwks = Some(fetched(source, live));
            }
        }
        let revoked = revocations(live, &providers);
        let config =
            AuthConfig { providers, revoked, api_keys: pack(keys, problems), ..AuthConfig::default() };
        Self { config: Arc::new(config), sources: self.sources.clone() }
    }

    /// The same, with the configuration of `earlier` if that is the same too.
    pub(super) fn sharing(mut self, earlier: &Self) -> Self {
        if self.config == earlier.config {
            self.config = Arc::clone(&earlier.config);
        }
        self
    }
}

/// Builds the configuration of the auth filter, in the order of names whatever the order of the rows. It is checked
/// by the filter's own code, so one that was accepted is one that the filter takes.
pub(super) fn parse(rows: &Rows, keys: &Keys, problems: &mut Vec<Problem>) -> Auth {
    let before = problems.len();
    let (providers, sources): (Vec<_>, Vec<_>) = parse_providers(rows, problems).into_iter().unzip();
    let config = AuthConfig { providers, ..AuthConfig::default() };
    if problems.len() == before
        && let Err(invalid) = ferrox_auth::check(&config)
    {
        // What concerns one row alone was found above, so this concerns several.
        RowCheck::new(PROVIDERS, &"", problems).refuse_invalid(invalid);
    }
    let auth = Auth { config: Arc::new(config), sources: sources.into_iter().flatten().collect() };
    auth.with_live(keys, &rows.live, problems)
}

/// Without keys there is nothing to ship, and of what makes no sense nothing is.
fn pack(keys: &Keys, problems: &mut Vec<Problem>) -> Option<KeySet> {
    if keys.is_empty() || !problems.is_empty() {
        return None;
    }
    let packed = keys.pack();
    packed.map_err(|invalid| RowCheck::new(keys::TABLE, &"", problems).refuse_invalid(invalid)).ok()
}

fn parse_providers(rows: &Rows, problems: &mut Vec<Problem>) -> Vec<(JwtProvider, Option<KeySource>)> {
    let mut providers = BTreeMap::new();
    let mut issuers = HashSet::new();
    for row in &rows.jwt_providers {
        let mut check = RowCheck::new(PROVIDERS, &row.name, problems);
        if !issuers.insert(row.issuer.as_str()) {
            check.refuse("issuer", format!("'{}' is the issuer of another provider too", row.issuer));
        }
        let Some(provider) = parse_provider(row, &rows.live, &mut check) else { continue };
        if providers.insert(row.name.as_str(), provider).is_some() {
            check.refuse("name", "stands twice");
        }
    }
    providers.into_values().collect()
}

fn parse_provider(
    row: &JwtProviderRow,
    live: &LiveRows,
    check: &mut RowCheck<'_>,
) -> Option<(JwtProvider, Option<KeySource>)> {
    let leeway_seconds = check.number("leeway_seconds", row.leeway_seconds, 0..=300);
    let algorithms = parse_algorithms(&row.algorithms, check);
    let origin = Origin::parse(row, algorithms.as_deref().unwrap_or_default(), check);
    let (jwks, source) = match origin {
        Some(Origin::Inline(jwks)) => (check.keep("jwks", parse_jwks(&jwks)), None),
        Some(Origin::Fetched(source)) => (Some(fetched(&source, live)), Some(source)),
        None => (None, None),
    };
    let max_lifetime_seconds =
        row.max_lifetime_seconds.map(|seconds| check.number("max_lifetime_seconds", seconds, 1..=i32::MAX));
    let claims = check.list("claims", &row.claims);
    let provider = JwtProvider {
        name: row.name.clone(),
        issuer: row.issuer.clone(),
        audiences: row.audiences.clone(),
        jwks: Some(jwks?),
        remote_jwks: None,
        leeway_seconds: leeway_seconds?,
        algorithms: algorithms?,
        allow_missing_exp: row.allow_missing_exp,
        max_lifetime_seconds: max_lifetime_seconds.flatten(),
        claims: claims?,
    };
    let alone = AuthConfig { providers: vec![provider.clone()], ..AuthConfig::default() };
    if let Err(invalid) = ferrox_auth::check(&alone) {
        let field = invalid.field.strip_prefix("providers[0]").unwrap_or(&invalid.field);
        check.refuse(field.trim_start_matches('.'), invalid.reason);
    }
    Some((provider, source))
}

fn parse_algorithms(names: &[String], check: &mut RowCheck<'_>) -> Option<Vec<Algorithm>> {
    let parse = |(index, name): (usize, &String)| {
        let known = Algorithm::from_name(name).ok_or_else(|| {
            let all = Algorithm::ALL.map(Algorithm::name).join(", ");
            format!("'{}' must be one of {all}", name.escape_debug())
        });
        check.keep(format!("algorithms[{index}]"), known)
    };
    let parsed: Vec<_> = names.iter().enumerate().map(parse).collect();
    parsed.into_iter().collect()
}

/// Not by serde, whose messages quote the value, which may be a secret.
fn parse_jwks(jwks: &Value) -> Result<JwkSet, String> {
    match jwks.get("keys") {
        Some(Value::Array(keys)) if keys.is_empty() => Err("needs 1 to 32 keys".to_owned()),
        Some(Value::Array(keys)) => Ok(JwkSet { keys: keys.clone() }),
        _ => Err("must be a JWK Set: an object with a list 'keys' (RFC 7517 section 5)".to_owned()),
    }
}

/// The last good keys of this very source; none before they came, or when none of them fits.
fn fetched(source: &KeySource, live: &LiveRows) -> JwkSet {
    let set = live.jwks_sets.iter().find(|set| set.provider == source.provider && set.source == source.url);
    let keys = set.and_then(|set| FetchedKeys::parse(&set.jwks).ok());
    keys.map_or(JwkSet { keys: Vec::new() }, |keys| keys.for_algorithms(&source.algorithms))
}

/// What was taken back of these providers. The database keeps a revocation from naming another one, but the providers of an
/// earlier release may be others.
fn revocations(live: &LiveRows, providers: &[JwtProvider]) -> Revocations {
    let names: HashSet<_> = providers.iter().map(|provider| provider.name.as_str()).collect();
    let mut revoked = Revocations::default();
    for row in live.revocations.iter().filter(|row| names.contains(row.provider.as_str())) {
        let provider = row.provider.clone();
        match (&row.jti, &row.subject, row.before) {
            (Some(jti), None, None) => revoked.tokens.push(RevokedToken { provider, jti: jti.clone() }),
            (None, Some(subject), Some(before)) => {
                let before = u64::try_from(before).unwrap_or_default();
                revoked.subjects.push(RevokedSubject { provider, subject: subject.clone(), before });
            }
            // The database has none such.
            _ => {}
        }
    }
    revoked.tokens.sort_by(|a, b| (&a.provider, &a.jti).cmp(&(&b.provider, &b.jti)));
    revoked.subjects.sort_by(|a, b| (&a.provider, &a.subject).cmp(&(&b.provider, &b.subject)));
    revoked
}
