//! The sample: its upstreams, its secrets (new for each run) and its rows.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::json;
use sqlx::{Connection as _, Executor as _};

use crate::{
    Error,
    gateway::Gateway,
    secret,
    tokens::Issuer,
    upstream::{Answer, Control, Upstream},
};

const ROWS: &str = include_str!("../../../envoy/sample.sql");

/// How long the tokens are good, in seconds: a day.
const TOKEN_LIFETIME: u64 = 86_400;

pub(super) struct Sample {
    echo: Upstream,
    catalog: Upstream,
    flaky: Upstream,
    hs256: Issuer,
    es256: Issuer,
    api_key: String,
}

impl Sample {
    pub(super) fn start() -> Result<Self, Error> {
        let catalog = Upstream::start_new("catalog")?;
        catalog.answer("/cached", Answer::default().header("cache-control", "max-age=60"));
        Ok(Self {
            echo: Upstream::start_new("echo")?,
            catalog,
            flaky: Upstream::start_new("flaky")?,
            hs256: Issuer::hs256("sample-hs256")?,
            es256: Issuer::es256("sample-es256")?,
            api_key: secret::password()?,
        })
    }

    /// What switches the upstreams, by name.
    pub(super) fn controls(&self) -> BTreeMap<String, Control> {
        let upstreams = [&self.echo, &self.catalog, &self.flaky];
        upstreams.into_iter().map(|upstream| (upstream.name().to_owned(), upstream.control())).collect()
    }

    /// Loads the rows.
    pub(super) async fn load(&self, gateway: &Gateway) -> Result<(), Error> {
        let mut connection = gateway.connect().await?;
        let settings = [
            ("sample.echo_port", self.echo.port().to_string()),
            ("sample.catalog_port", self.catalog.port().to_string()),
            ("sample.flaky_port", self.flaky.port().to_string()),
            ("sample.hs256_jwks", self.hs256.jwks()?.to_string()),
            ("sample.es256_jwks", self.es256.jwks()?.to_string()),
            ("sample.api_key", self.api_key.clone()),
        ];
        for (name, value) in settings {
            connection
                .execute(sqlx::query("select set_config($1, $2, false)").bind(name).bind(value))
                .await?;
        }
        sqlx::raw_sql(ROWS).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    pub(super) fn api_key(&self) -> &str {
        &self.api_key
    }

    /// A token that may read orders, signed with the shared secret.
    pub(super) fn hs256_token(&self) -> Result<String, Error> {
        self.hs256.token(&claims("https://hs.example", "orders:read")?)
    }

    /// The same from the issuer with a key pair.
    pub(super) fn es256_token(&self) -> Result<String, Error> {
        self.es256.token(&claims("https://es.example", "orders:read")?)
    }

    /// A good token without the scope.
    pub(super) fn token_without_scope(&self) -> Result<String, Error> {
        self.es256.token(&claims("https://es.example", "profile")?)
    }
}

fn claims(issuer: &str, scope: &str) -> Result<serde_json::Value, Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now =
        now.map_err(|error| Error::Credential { what: "a token", reason: error.to_string() })?.as_secs();
    Ok(json!({
        "iss": issuer, "aud": "ferrox", "sub": "ada", "scope": scope, "iat": now, "exp": now + TOKEN_LIFETIME,
    }))
}
