//! What is asked of an Envoy's statistics, and what the answer means.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

use serde::Deserialize;

/// The statistics of clusters that matter, by the end of their names, and what each means. Every end begins with a part
/// that has a `_`, which no name of an upstream has.
const STATS: [(&str, Set); 7] = [
    ("membership_total", |sample, value| sample.endpoints = saturated(value)),
    ("membership_healthy", |sample, value| sample.healthy = saturated(value)),
    ("outlier_detection.ejections_enforced_total", |sample, value| sample.ejections = value),
    ("circuit_breakers.default.cx_open", |sample, value| sample.reached.connections = value > 0),
    ("circuit_breakers.default.rq_pending_open", |sample, value| sample.reached.pending_requests = value > 0),
    ("circuit_breakers.default.rq_open", |sample, value| sample.reached.requests = value > 0),
    ("circuit_breakers.default.rq_retry_open", |sample, value| sample.reached.retries = value > 0),
];

/// How often the auth filter met a token of a key that it does not know.
const UNKNOWN_KEYS: &str = r"wasmcustom\.ferrox\.auth\.(denied|reported)\.unknown_key";

/// Puts the value of a statistic into a sample.
type Set = fn(&mut Sample, u64);

/// What an Envoy counts of an upstream, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Its endpoints.
    pub(crate) endpoints: u32,
    /// Those of them that get traffic.
    pub(crate) healthy: u32,
    /// How often an endpoint was taken out since Envoy started.
    pub(crate) ejections: u64,
    /// Which limits are reached.
    pub(crate) reached: Reached,
}

/// Which limits on concurrency are reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) connections: bool,
    pub(crate) pending_requests: bool,
    pub(crate) requests: bool,
    pub(crate) retries: bool,
}

/// What an Envoy counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stats {
    upstreams: BTreeMap<String, Sample>,
    /// Tokens that the auth filter refused, or would have, since their issuer has no such key.
    unknown_keys: u64,
}

/// Envoy's answer to `format=json`.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    stats: Vec<Stat<'a>>,
}

#[derive(Deserialize)]
struct Stat<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    value: u64,
}

/// The path to ask, with its query. Statistics that were never touched are 0 and left out, which spares four fifths of
/// the answer.
pub(super) fn path_and_query() -> String {
    let ends: Vec<String> = STATS.iter().map(|(end, _)| end.replace('.', r"\.")).collect();
    let filter = format!(r"^(cluster\.[^_]+\.({})|{UNKNOWN_KEYS})$", ends.join("|"));
    format!("/stats?format=json&usedonly&filter={}", percent_encoded(&filter))
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(byte.into());
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

impl Stats {
    /// Reads an answer. What was not asked for is skipped.
    pub(crate) fn parse(answer: &[u8]) -> Result<Self, serde_json::Error> {
        let answer: Answer<'_> = serde_json::from_slice(answer)?;
        let (mut stats, mut unknown_keys) = (BTreeMap::new(), 0_u64);
        for Stat { name, value } in answer.stats {
            if is_unknown_keys(&name) {
                unknown_keys = unknown_keys.saturating_add(value);
            }
            let Some((upstream, set)) = meaning(&name) else { continue };
            match stats.get_mut(upstream) {
                Some(sample) => set(sample, value),
                None => set(stats.entry(upstream.to_owned()).or_default(), value),
            }
        }
        Ok(Self { upstreams: stats, unknown_keys })
    }

    /// How many tokens were refused, or would have been, since their issuer has no such key; since Envoy started.
    pub(crate) fn unknown_keys(&self) -> u64 {
        self.unknown_keys
    }

    /// The upstreams with what is counted of each.
    pub(crate) fn upstreams(&self) -> impl Iterator<Item = (&str, &Sample)> {
        self.upstreams.iter().map(|(upstream, sample)| (upstream.as_str(), sample))
    }
}

fn is_unknown_keys(name: &str) -> bool {
    let kind =
        name.strip_prefix("wasmcustom.ferrox.auth.").and_then(|rest| rest.strip_suffix(".unknown_key"));
    matches!(kind, Some("denied" | "reported"))
}

/// The upstream that a statistic is of, and what it sets.
fn meaning(name: &str) -> Option<(&str, Set)> {
    let rest = name.strip_prefix("cluster.")?;
    STATS.iter().find_map(|(end, set)| Some((rest.strip_suffix(end)?.strip_suffix('.')?, *set)))
}

fn saturated(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_envoy_is_read_by_upstream() {
        let answer = br#"{"stats":[
            {"name":"cluster.orders.eu.membership_total","value":3},
            {"name":"cluster.orders.eu.membership_healthy","value":1},
            {"name":"cluster.orders.eu.outlier_detection.ejections_enforced_total","value":9},
            {"name":"cluster.orders.eu.circuit_breakers.default.rq_pending_open","value":1},
            {"name":"cluster.orders.eu.circuit_breakers.high.rq_open","value":1},
            {"name":"cluster.b.circuit_breakers.default.rq_open","value":0},
            {"name":"wasmcustom.ferrox.auth.denied.unknown_key","value":2},
            {"name":"wasmcustom.ferrox.auth.reported.unknown_key","value":3},
            {"name":"wasmcustom.ferrox.auth.denied.expired","value":7},
            {"name":"server.uptime","value":1}
        ]}"#;
        let reached = Reached { pending_requests: true, ..Reached::default() };
        let orders = Sample { endpoints: 3, healthy: 1, ejections: 9, reached };
        let upstreams =
            BTreeMap::from([("orders.eu".to_owned(), orders), ("b".to_owned(), Sample::default())]);
        assert_eq!(Stats::parse(answer).unwrap(), Stats { upstreams, unknown_keys: 5 });
        assert_eq!(Stats::parse(br#"{"stats":[]}"#).unwrap(), Stats::default());
    }

    #[test]
    fn what_is_no_answer_of_envoy_is_refused() {
        for answer in ["", "{}", "[]", "no", r#"{"stats":[{"name":"a","value":-1}]}"#, r#"{"stats":[{}]}"#] {
            assert!(Stats::parse(answer.as_bytes()).is_err(), "{answer}");
        }
    }

    #[test]
    fn the_question_is_a_uri() {
        let path = path_and_query();
        assert!(path.parse::<axum::http::Uri>().is_ok(), "{path}");
        assert!(
            path.contains("&filter=%5E%28cluster%5C%2E%5B%5E%5F%5D%2B%5C%2E%28membership%5Ftotal%7C"),
            "{path}"
        );
    }
}
