//! What a limit counts under.
//!
//! A key is `limit`, the route, the name of the limit, how it counts, and the client: its kind and what tells it from others.
//! Limits that are shared between routes have keys of another kind and no route. Every part goes through [`bounded`], so a key
//! is text of at most some 1,500 bytes, whatever a client sends.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ferrox_host::Host;
use ferrox_policy::{
    identity::{FILTER_STATE, Identity},
    key::Key,
    placement::Match,
    rate_limit::{Algorithm, By, Limit, Stage},
};

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

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Client {
    /// The address without its port; `None` if Envoy knows none.
    Address(Option<Vec<u8>>),
    /// Who auth verified; `None`: nobody.
    Identity(Option<Identity>),
    /// What auth wrote cannot be read, as while two versions of the filters run together. Counted by itself as it
    /// is, neither with nobody nor unlimited.
    Unreadable(Vec<u8>),
}

impl Client {
    /// The client of a request. The identity comes from the filter state, never from a header.
    pub(crate) fn of(host: &dyn Host, stage: Stage) -> Self {
        match stage {
            Stage::Address => {
                let address = host.property(&["source", "address"]).filter(|address| !address.is_empty());
                Self::Address(address.map(|address| without_port(&address).to_vec()))
            }
            Stage::Identity => match host.filter_state(FILTER_STATE).filter(|state| !state.is_empty()) {
                None => Self::Identity(None),
                Some(state) => match Identity::from_json(&state) {
                    Ok(identity) => Self::Identity(Some(identity)),
                    Err(_) => Self::Unreadable(state),
                },
            },
        }
    }

    fn append_to(&self, key: Key, limit: &Limit) -> Key {
        if limit.by == By::All {
            return key.part("all");
        }
        match self {
            Self::Address(address) => {
                let network = address.as_deref().map(|address| network(address, limit));
                key.part("address").optional(network.as_deref().map(bounded).as_deref())
            }
            Self::Identity(identity) => {
                Identity::append_to(identity.as_ref().map(short).as_ref(), key.part("identity"))
            }
            Self::Unreadable(state) => key.part("unreadable").part(&*bounded(state)),
        }
    }
}

/// The key of a limit of a route for a client.
pub(crate) fn of_limit(scope: &Key, limit: &Limit, client: &Client) -> String {
    let scope = if limit.shared { Key::new("shared_limit") } else { scope.clone() };
    // What one algorithm keeps in Redis means nothing to another.
    let algorithm = match limit.algorithm {
        Algorithm::FixedWindow => "fixed",
        Algorithm::SlidingWindow => "sliding",
        Algorithm::TokenBucket => "bucket",
        Algorithm::Concurrency => "under_way",
    };
    client.append_to(scope.part(&limit.name).part(algorithm), limit).to_string()
}

/// The network of an address by as many bits as the limit says; an address that is none of IP stays as it is.
fn network<'a>(address: &'a [u8], limit: &Limit) -> Cow<'a, [u8]> {
    let Some(ip) = std::str::from_utf8(address).ok().and_then(|text| text.parse::<IpAddr>().ok()) else {
        return Cow::Borrowed(address);
    };
    // An IPv4 client on an IPv6 socket is the same client (RFC 4291 section 2.5.5.2).
    let network = match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let bits = u32::from(limit.ipv4_bits).min(32);
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            format!("{}/{bits}", Ipv4Addr::from_bits(ip.to_bits() & mask))
        }
        IpAddr::V6(ip) => {
            let bits = u32::from(limit.ipv6_bits).min(128);
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            format!("{}/{bits}", Ipv6Addr::from_bits(ip.to_bits() & mask))
        }
    };
    Cow::Owned(network.into_bytes())
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
        scopes: Vec::new(),
    }
}

/// The address in Envoy's `ip:port` or `[ip]:port`; all of what has another form.
fn without_port(address: &[u8]) -> &[u8] {
    let Some(colon) = address.iter().rposition(|b| *b == b':') else { return address };
    let (ip, port) = address.split_at(colon);
    if port.len() < 2 || !port.iter().skip(1).all(u8::is_ascii_digit) {
        return address;
    }
    match ip.strip_prefix(b"[").map(|ip| ip.strip_suffix(b"]")) {
        Some(Some(ip)) => ip,
        None if !ip.contains(&b':') => ip,
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrox_policy::parse;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_port_is_no_part_of_an_address() {
        for (address, ip) in [
            ("192.0.2.1:80", "192.0.2.1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[fe80::1%eth0]:1", "fe80::1%eth0"),
            ("2001:db8::1", "2001:db8::1"),
            ("[::1]", "[::1]"),
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:", "192.0.2.1:"),
            ("/run/socket", "/run/socket"),
        ] {
            assert_eq!(without_port(address.as_bytes()), ip.as_bytes(), "{address}");
        }
    }

    #[test]
    fn a_long_part_and_one_that_is_no_text_are_digested() {
        assert_eq!(bounded(&[b'a'; LONGEST]).len(), LONGEST);
        assert_eq!(bounded(&[b'a'; LONGEST + 1]).len(), DIGEST.len() + 64);
        assert_ne!(bounded(b"\xff"), bounded(b"\xfe"));
    }

    #[test]
    fn nobody_can_name_himself_like_a_digest() {
        let long = "a".repeat(LONGEST + 1);
        let digest = bounded(long.as_bytes());
        assert_ne!(bounded(digest.as_bytes()), digest);
    }

    #[test]
    fn an_entry_of_the_configuration_shares_with_no_route_and_no_other_entry() {
        let of = |host: Option<&str>, prefix: Option<&str>| {
            of_placed(&Match { host: host.map(str::to_owned), path_prefix: prefix.map(str::to_owned) })
        };
        let limit = limit("n");
        let client = Client::Address(None);
        let scopes = [
            of(None, None),
            of(Some(""), None),
            of(Some("a"), None),
            of(None, Some("a")),
            of_default(),
            of_route(b""),
            of_route(b"-"),
        ];
        let keys: std::collections::HashSet<_> =
            scopes.iter().map(|scope| of_limit(scope, &limit, &client)).collect();
        assert_eq!(keys.len(), scopes.len(), "{keys:?}");
    }

    fn limit(name: &str) -> Limit {
        let policy = json!({"limits": [{
            "name": name, "by": "address", "requests": 1, "window_seconds": 1, "ipv6_bits": 128,
        }]});
        let policy: ferrox_policy::rate_limit::RateLimitPolicy =
            parse(policy.to_string().as_bytes()).unwrap();
        policy.limits.into_iter().next().unwrap()
    }

    #[test]
    fn addresses_of_one_network_count_together_and_others_do_not() {
        let key = |address: &str, ipv4_bits, ipv6_bits| {
            let limit = Limit { ipv4_bits, ipv6_bits, ..limit("n") };
            of_limit(&of_route(b"r"), &limit, &Client::Address(Some(address.as_bytes().to_vec())))
        };
        for (a, b, ipv4_bits, ipv6_bits, together) in [
            ("192.0.2.1", "192.0.2.2", 32, 64, false),
            ("192.0.2.1", "192.0.2.254", 24, 64, true),
            ("192.0.2.1", "192.0.3.1", 24, 64, false),
            ("192.0.2.1", "::ffff:192.0.2.1", 32, 64, true),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", 32, 64, true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", 32, 64, false),
            ("2001:db8:0:1::1", "2001:db8:0:1::2", 32, 128, false),
            ("2001:db8::1", "2001:0db8:0::1", 32, 128, true),
            ("/run/socket", "/run/socket2", 1, 1, false),
        ] {
            assert_eq!(key(a, ipv4_bits, ipv6_bits) == key(b, ipv4_bits, ipv6_bits), together, "{a} {b}");
        }
        assert_ne!(key("0.0.0.0", 8, 64), key("0.0.0.0", 16, 64), "another limit");
    }

    #[test]
    fn a_shared_limit_counts_in_every_route_and_only_there() {
        let client = Client::Address(None);
        let shared = Limit { shared: true, ..limit("n") };
        assert_eq!(of_limit(&of_route(b"a"), &shared, &client), of_limit(&of_route(b"b"), &shared, &client));
        assert_ne!(
            of_limit(&of_route(b"a"), &limit("n"), &client),
            of_limit(&of_route(b"b"), &limit("n"), &client)
        );
        let own = of_limit(&of_route(b""), &limit("n"), &client);
        assert!(
            !own.starts_with("ferrox:1:shared_limit") && own != of_limit(&of_route(b""), &shared, &client)
        );
    }

    #[test]
    fn a_limit_of_everybody_and_one_that_counts_otherwise_have_keys_of_their_own() {
        let (nobody, scope) = (Client::Address(None), of_route(b"r"));
        let all = Limit { by: By::All, ..limit("n") };
        assert_ne!(of_limit(&scope, &all, &nobody), of_limit(&scope, &limit("n"), &nobody));
        let somebody = Client::Address(Some(b"192.0.2.1".to_vec()));
        assert_eq!(of_limit(&scope, &all, &nobody), of_limit(&scope, &all, &somebody));
        let sliding = Limit { algorithm: Algorithm::SlidingWindow, ..limit("n") };
        assert_ne!(of_limit(&scope, &sliding, &nobody), of_limit(&scope, &limit("n"), &nobody));
    }

    /// Text made of what the encoding itself is made of, and sometimes long.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[|:0-3ad-]{0,4}", "(digest:)?[ab]{0,2}", "(ab|cd){127,130}"]
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![text().prop_map(String::into_bytes), prop::collection::vec(250_u8..=255, 0..3)]
    }

    /// All that a key is made of.
    #[derive(Debug, Clone)]
    struct Parts {
        route: Vec<u8>,
        name: String,
        kind: u8,
        bytes: Option<Vec<u8>>,
        texts: [Option<String>; 3],
    }

    impl Parts {
        fn any() -> impl Strategy<Value = Self> {
            let texts = prop::array::uniform3(prop::option::of(text()));
            let name = "[a1-]{1,2}|address|identity";
            (bytes(), name, 0..4_u8, prop::option::of(bytes()), texts)
                .prop_map(|(route, name, kind, bytes, texts)| Self { route, name, kind, bytes, texts })
        }

        /// A neighbour: some parts are `other`'s. What is wholly random hardly ever differs in one part only.
        fn mixed(&self, other: &Self, take: [bool; 7]) -> Self {
            let [route, name, kind, bytes, first, second, third] = take;
            let pick = |take, index: usize| if take { other } else { self }.texts[index].clone();
            Self {
                route: if route { other } else { self }.route.clone(),
                name: if name { other } else { self }.name.clone(),
                kind: if kind { other } else { self }.kind,
                bytes: if bytes { other } else { self }.bytes.clone(),
                texts: [pick(first, 0), pick(second, 1), pick(third, 2)],
            }
        }

        fn client(&self) -> Client {
            let [consumer, issuer, subject] = self.texts.clone();
            match self.kind {
                0 => Client::Address(self.bytes.clone()),
                1 => Client::Identity(None),
                2 => Client::Identity(Some(Identity { consumer, issuer, subject, scopes: Vec::new() })),
                _ => Client::Unreadable(self.bytes.clone().unwrap_or_default()),
            }
        }

        fn key(&self) -> String {
            of_limit(&of_route(&self.route), &limit(&self.name), &self.client())
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn different_route_limit_or_client_never_share_a_key(
            a in Parts::any(), other in Parts::any(), take in prop::array::uniform7(prop::bool::weighted(0.2)),
        ) {
            let b = a.mixed(&other, take);
            // Two spellings of one address are one client.
            let client = |of: &Parts| match of.client() {
                Client::Address(Some(address)) => {
                    Client::Address(Some(network(&address, &limit(&of.name)).into_owned()))
                }
                other => other,
            };
            let same = (&a.route, &a.name, client(&a)) == (&b.route, &b.name, client(&b));
            prop_assert_eq!(a.key() == b.key(), same);
        }

        #[test]
        fn a_key_is_short_whatever_a_client_sends(
            route in prop::collection::vec(any::<u8>(), 0..2_000), subject in ".{0,2000}",
        ) {
            let identity = Identity {
                consumer: Some(subject.clone()), issuer: Some(subject.clone()), subject: Some(subject), ..Identity::default()
            };
            let key = of_limit(&of_route(&route), &limit(&"n".repeat(64)), &Client::Identity(Some(identity)));
            prop_assert!(key.len() <= 1_500, "{}", key.len());
        }
    }
}
