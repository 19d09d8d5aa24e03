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
    let policy: ferrox_policy::rate_limit::RateLimitPolicy = parse(policy.to_string().as_bytes()).unwrap();
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
    assert!(!own.starts_with("ferrox:1:shared_limit") && own != of_limit(&of_route(b""), &shared, &client));
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
    let address = r"10\.[01]\.0\.[0-3]|2001:db8:[01]::[01]|::ffff:10\.0\.0\.1";
    prop_oneof![
        text().prop_map(String::into_bytes),
        address.prop_map(String::into_bytes),
        prop::collection::vec(250_u8..=255, 0..3)
    ]
}

/// How a limit counts, in all that makes a difference to its key.
fn counting() -> impl Strategy<Value = Limit> {
    use Algorithm::{Concurrency, FixedWindow, SlidingWindow, TokenBucket};
    let algorithm = prop::sample::select(vec![FixedWindow, SlidingWindow, TokenBucket, Concurrency]);
    let name = "[a1-]{1,2}|address|identity|all|fixed";
    let bits = (prop::sample::select(vec![16, 31, 32]), prop::sample::select(vec![32, 127, 128]));
    (algorithm, name, bits, any::<bool>()).prop_map(|(algorithm, name, (ipv4_bits, ipv6_bits), shared)| {
        Limit { algorithm, ipv4_bits, ipv6_bits, shared, ..limit(&name) }
    })
}

/// All that a key is made of.
#[derive(Debug, Clone)]
struct Parts {
    route: Vec<u8>,
    limit: Limit,
    kind: u8,
    bytes: Option<Vec<u8>>,
    texts: [Option<String>; 3],
}

impl Parts {
    fn any() -> impl Strategy<Value = Self> {
        let texts = prop::array::uniform3(prop::option::of(text()));
        (bytes(), counting(), 0..5_u8, prop::option::of(bytes()), texts)
            .prop_map(|(route, limit, kind, bytes, texts)| Self { route, limit, kind, bytes, texts })
    }

    /// A neighbour: some parts are `other`'s. What is wholly random hardly ever differs in one part only.
    fn mixed(&self, other: &Self, take: [bool; 10]) -> Self {
        let [route, name, algorithm, bits, shared, kind, bytes, first, second, third] = take;
        let of = |take| if take { other } else { self };
        let text = |take, index: usize| of(take).texts[index].clone();
        Self {
            route: of(route).route.clone(),
            limit: Limit {
                name: of(name).limit.name.clone(),
                algorithm: of(algorithm).limit.algorithm,
                ipv4_bits: of(bits).limit.ipv4_bits,
                ipv6_bits: of(bits).limit.ipv6_bits,
                shared: of(shared).limit.shared,
                ..self.limit.clone()
            },
            kind: of(kind).kind,
            bytes: of(bytes).bytes.clone(),
            texts: [text(first, 0), text(second, 1), text(third, 2)],
        }
    }

    fn client(&self) -> Client {
        let [consumer, issuer, subject] = self.texts.clone();
        match self.kind {
            0 | 4 => Client::Address(self.bytes.clone()),
            1 => Client::Identity(None),
            2 => Client::Identity(Some(Identity { consumer, issuer, subject, scopes: Vec::new() })),
            _ => Client::Unreadable(self.bytes.clone().unwrap_or_default()),
        }
    }

    fn limit(&self) -> Limit {
        let by = match self.kind {
            0 => By::Address,
            4 => By::All,
            _ => By::Identity,
        };
        Limit { by, ..self.limit.clone() }
    }

    fn key(&self) -> String {
        of_limit(&of_route(&self.route), &self.limit(), &self.client())
    }

    /// What tells one count from another.
    fn counted(&self) -> impl PartialEq + use<> {
        let limit = self.limit();
        let route = (!limit.shared).then(|| self.route.clone());
        // Two spellings of one network are one client.
        let client = match self.client() {
            _ if limit.by == By::All => None,
            Client::Address(Some(address)) => {
                Some(Client::Address(Some(network(&address, &limit).into_owned())))
            }
            other => Some(other),
        };
        (route, limit.name, limit.algorithm, client)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn different_route_limit_or_client_never_share_a_key(
        a in Parts::any(), other in Parts::any(), take in prop::array::uniform10(prop::bool::weighted(0.2)),
    ) {
        let b = a.mixed(&other, take);
        prop_assert_eq!(a.key() == b.key(), a.counted() == b.counted());
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
