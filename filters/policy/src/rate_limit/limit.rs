//! One limit: how much, of whose requests, in what time.

use serde::{Deserialize, Serialize};

use super::{By, Exempt, Methods, Mode, Stage};
use crate::{Check, Invalid};

/// So many requests in so much time, or so many at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Name of the limit, unique in the route: 1 to 64 of `a-z`, `0-9`, `-`, `_`. It is shown to clients.
    pub name: String,
    /// Whose requests are counted together.
    pub by: By,
    /// The methods of the requests that it holds for: `read` for the safe ones, `write` for all others, or a list. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<Methods>,
    /// Whose requests are neither counted nor refused. Default: nobody's.
    #[serde(default, skip_serializing_if = "Exempt::is_empty")]
    pub exempt: Exempt,
    /// How they are counted. Default: `fixed_window`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub algorithm: Algorithm,
    /// How many requests may pass in a window, or be under way at once: 1 to 1,000,000,000.
    pub requests: u64,
    /// Length of the window in seconds: 1 to 2,678,400 (31 days). Of `concurrency`, how long a request counts whose end nobody
    /// tells, since the Envoy that served it is gone.
    pub window_seconds: u64,
    /// Of `token_bucket`, how many requests may come at once: 1 to 1,000,000,000. Default: as many as in a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// Whether each request is decided by the shared count, or by tokens that a worker took from it. Default: `exact`.
    #[serde(default, skip_serializing_if = "Mode::is_exact")]
    pub mode: Mode,
    /// How many bits of an IPv4 address tell clients apart, of counts by address: 1 to 32. Default: 32.
    #[serde(default = "ipv4_bits", skip_serializing_if = "is_ipv4_bits")]
    pub ipv4_bits: u8,
    /// How many bits of an IPv6 address tell clients apart, of counts by address: 1 to 128. Default: 64, the smallest network that
    /// a site gets (RFC 6177), all of whose addresses one client can use.
    #[serde(default = "ipv6_bits", skip_serializing_if = "is_ipv6_bits")]
    pub ipv6_bits: u8,
    /// Count together with the limits of the same name of other routes that say so too. They should agree in everything.
    /// Default: false, each route counts by itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shared: bool,
    /// What a request counts: 1 to as many as the limit, or the burst where one is named; 1 where requests under way are counted.
    /// Default: 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub cost: u64,
    /// Count requests that are refused too, by this limit or another that is decided with it, before authentication or after. Not where
    /// requests under way are counted. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub count_denied: bool,
    /// Refuse nothing: count, and tell in metrics and in the access log what would have been refused. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub report_only: bool,
    /// What happens when the sidecar or Redis does not answer. Default: `allow`.
    #[serde(default)]
    pub on_store_failure: OnStoreFailure,
    /// How much of the limit each worker thread of each Envoy has for itself then, in percent, with `local`: 1 to 100, at least
    /// one request. Default: 100.
    #[serde(default = "hundred", skip_serializing_if = "is_hundred")]
    pub local_percent: u8,
}

/// How requests are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// A window begins with the first request that it counts, and ends all at once.
    #[default]
    FixedWindow,
    /// No more than the limit in any span of the window's length. A request counts for the length of the window and up to a
    /// sixteenth more.
    SlidingWindow,
    /// Room grows evenly, the whole limit in a window, up to a burst (GCRA, ITU-T I.371 annex A).
    TokenBucket,
    /// Requests under way at once.
    Concurrency,
}

/// What a limit does when its count cannot be had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnStoreFailure {
    /// The request passes this limit.
    #[default]
    Allow,
    /// The request is refused with 503.
    Deny,
    /// Each worker thread of each Envoy counts on its own, by the same algorithm, with its part of the limit.
    Local,
}

/// Longest window in seconds: 31 days.
const LONGEST_WINDOW: u64 = 2_678_400;
/// Most requests, the largest burst and the highest cost.
const MOST: u64 = 1_000_000_000;

impl Limit {
    /// The stage that decides this limit.
    #[must_use]
    pub fn stage(&self) -> Stage {
        let needs_identity = !self.exempt.consumers.is_empty();
        if needs_identity { Stage::Identity } else { self.by.stage() }
    }

    /// The limit that one worker keeps while nobody else can be asked.
    #[must_use]
    pub fn local_requests(&self) -> u64 {
        part(self.requests, self.local_percent)
    }

    /// The burst that one worker allows then.
    #[must_use]
    pub fn local_burst(&self) -> Option<u64> {
        self.burst.map(|burst| part(burst, self.local_percent))
    }

    fn check_algorithm(&self) -> Result<(), Invalid> {
        let counts_under_way = self.algorithm == Algorithm::Concurrency;
        match self.burst {
            Some(_) if self.algorithm != Algorithm::TokenBucket => {
                return Err(Invalid::new("burst", "is for token_bucket only"));
            }
            Some(burst) => check_range("burst", burst, MOST)?,
            None => {}
        }
        check_range("cost", self.cost, MOST)?;
        if counts_under_way && self.cost != 1 {
            return Err(Invalid::new("cost", "must be 1 where requests under way are counted"));
        }
        if counts_under_way && self.count_denied {
            return Err(Invalid::new("count_denied", "makes no sense where requests under way are counted"));
        }
        // What costs more than can ever be there would always be refused.
        if self.cost > self.burst.unwrap_or(self.requests) {
            return Err(Invalid::new("cost", "must be at most the limit, or the burst where one is named"));
        }
        Ok(())
    }

    fn check_address(&self) -> Result<(), Invalid> {
        if !self.by.has_address() && (self.ipv4_bits, self.ipv6_bits) != (ipv4_bits(), ipv6_bits()) {
            return Err(Invalid::new("by", "must have the address where bits of it are named"));
        }
        check_range("ipv4_bits", self.ipv4_bits.into(), 32)?;
        check_range("ipv6_bits", self.ipv6_bits.into(), 128)
    }
}

impl Check for Limit {
    fn check(&self) -> Result<(), Invalid> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.bytes().all(allowed) {
            return Err(Invalid::new("name", "must be 1 to 64 of a-z, 0-9, '-' and '_'"));
        }
        check_range("requests", self.requests, MOST)?;
        if !(1..=LONGEST_WINDOW).contains(&self.window_seconds) {
            return Err(Invalid::new("window_seconds", format!("must be 1 to {LONGEST_WINDOW} (31 days)")));
        }
        self.by.check().map_err(|invalid| invalid.within("by"))?;
        if let Some(methods) = &self.methods {
            methods.check().map_err(|invalid| invalid.within("methods"))?;
        }
        self.exempt.check().map_err(|invalid| invalid.within("exempt"))?;
        self.check_algorithm()?;
        self.check_mode()?;
        self.check_address()?;
        check_range("local_percent", self.local_percent.into(), 100)
    }
}

fn check_range(field: &str, number: u64, most: u64) -> Result<(), Invalid> {
    match (1..=most).contains(&number) {
        true => Ok(()),
        false => Err(Invalid::new(field, format!("must be 1 to {most}"))),
    }
}

/// At least one: a limit of none would be another policy.
fn part(number: u64, percent: u8) -> u64 {
    (number.saturating_mul(percent.into()) / 100).max(1)
}

fn one() -> u64 {
    1
}

fn hundred() -> u8 {
    100
}

fn ipv4_bits() -> u8 {
    32
}

fn ipv6_bits() -> u8 {
    64
}

// serde hands references to these.
fn is_one(cost: &u64) -> bool {
    *cost == one()
}

fn is_hundred(percent: &u8) -> bool {
    *percent == hundred()
}

fn is_ipv4_bits(bits: &u8) -> bool {
    *bits == ipv4_bits()
}

fn is_ipv6_bits(bits: &u8) -> bool {
    *bits == ipv6_bits()
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_default(algorithm: &Algorithm) -> bool {
    *algorithm == Algorithm::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parse, rate_limit::RateLimitPolicy};
    use serde_json::{Value, json};

    fn with(fields: Value) -> Value {
        let mut limit = json!({"name": "n", "by": "address", "requests": 10, "window_seconds": 1});
        limit.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "limits": [limit] })
    }

    fn refusal(fields: Value) -> String {
        parse::<RateLimitPolicy>(with(fields).to_string().as_bytes()).unwrap_err().to_string()
    }

    fn limit(fields: Value) -> Limit {
        parse::<RateLimitPolicy>(with(fields).to_string().as_bytes()).unwrap().limits.remove(0)
    }

    #[test]
    fn a_field_out_of_range_is_refused_by_name() {
        for (field, value) in [
            ("requests", json!(0)),
            ("requests", json!(1_000_000_001)),
            ("window_seconds", json!(0)),
            ("window_seconds", json!(2_678_401)),
            ("name", json!("A")),
            ("ipv4_bits", json!(33)),
            ("ipv6_bits", json!(0)),
            ("cost", json!(0)),
            ("cost", json!(11)),
            ("local_percent", json!(101)),
        ] {
            let refused = refusal(json!({ field: value }));
            assert!(refused.starts_with(&format!("limits[0].{field}: must be")), "{field}: {refused}");
        }
        assert!(refusal(json!({"by": "moon"})).starts_with("limits[0].by: unknown variant `moon`"));
        assert!(refusal(json!({"algorithm": "dice"})).starts_with("limits[0].algorithm: unknown variant"));
    }

    #[test]
    fn what_belongs_to_one_algorithm_is_refused_in_another() {
        assert_eq!(refusal(json!({"burst": 5})), "limits[0].burst: is for token_bucket only");
        let bucket = |burst: u64| json!({"algorithm": "token_bucket", "burst": burst, "cost": 2});
        assert!(refusal(bucket(0)).starts_with("limits[0].burst: must be 1 to"));
        assert!(refusal(bucket(1)).starts_with("limits[0].cost: must be at most the limit, or the burst"));
        assert_eq!(limit(bucket(2)).burst, Some(2));
        let under_way = |field: &str, value: Value| {
            let mut fields = json!({"algorithm": "concurrency"});
            fields[field] = value;
            refusal(fields)
        };
        assert!(under_way("cost", json!(2)).starts_with("limits[0].cost: must be 1 where"));
        assert!(under_way("count_denied", json!(true)).starts_with("limits[0].count_denied: makes no sense"));
        assert!(
            refusal(json!({"by": "all", "ipv6_bits": 48})).starts_with("limits[0].by: must have the address")
        );
    }

    #[test]
    fn a_worker_has_its_part_of_the_limit_and_at_least_one_request() {
        let quarter = limit(json!({"algorithm": "token_bucket", "burst": 3, "local_percent": 25}));
        assert_eq!((quarter.local_requests(), quarter.local_burst()), (2, Some(1)));
        let all = limit(json!({}));
        assert_eq!((all.local_requests(), all.local_burst()), (10, None));
    }

    #[test]
    fn what_is_not_said_is_not_written() {
        let json = serde_json::to_value(limit(json!({}))).unwrap();
        let plain = json!({"name": "n", "by": "address", "requests": 10, "window_seconds": 1, "on_store_failure": "allow"});
        assert_eq!(json, plain);
    }
}
