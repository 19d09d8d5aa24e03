use super::*;
use ferrox_host::{Host, mock::MockHost};
use ferrox_policy::{
    identity::FILTER_STATE,
    parse,
    rate_limit::{Part, RateLimitPolicy},
};
use proptest::prelude::*;
use serde_json::json;

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
    let host = MockHost::default();
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
        scopes.iter().map(|scope| key_of(&host, scope, &limit)).collect();
    assert_eq!(keys.len(), scopes.len(), "{keys:?}");
}

fn key_of(host: &MockHost, scope: &Key, limit: &Limit) -> String {
    of_limit(scope, limit, &Client::of(host))
}

fn asked_from(address: &str) -> MockHost {
    let host = MockHost::default();
    host.set_property(&["source", "address"], address.as_bytes());
    host
}

fn limit(name: &str) -> Limit {
    let policy = json!({"limits": [{
        "name": name, "by": "address", "requests": 1, "window_seconds": 1, "ipv6_bits": 128,
    }]});
    let policy: RateLimitPolicy = parse(policy.to_string().as_bytes()).unwrap();
    policy.limits.into_iter().next().unwrap()
}

#[test]
fn addresses_of_one_network_count_together_and_others_do_not() {
    let key = |address: &str, ipv4_bits, ipv6_bits| {
        let limit = Limit { ipv4_bits, ipv6_bits, ..limit("n") };
        key_of(&asked_from(address), &of_route(b"r"), &limit)
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
    let host = MockHost::default();
    let key = |route: &[u8], limit: &Limit| key_of(&host, &of_route(route), limit);
    let shared = Limit { shared: true, ..limit("n") };
    assert_eq!(key(b"a", &shared), key(b"b", &shared));
    assert_ne!(key(b"a", &limit("n")), key(b"b", &limit("n")));
    let own = key(b"", &limit("n"));
    assert!(!own.starts_with("ferrox:1:shared_limit") && own != key(b"", &shared));
}

#[test]
fn a_limit_of_everybody_and_one_that_counts_otherwise_have_keys_of_their_own() {
    let (nobody, scope) = (MockHost::default(), of_route(b"r"));
    let all = Limit { by: By::ALL, ..limit("n") };
    assert_ne!(key_of(&nobody, &scope, &all), key_of(&nobody, &scope, &limit("n")));
    assert_eq!(key_of(&nobody, &scope, &all), key_of(&asked_from("192.0.2.1"), &scope, &all));
    let sliding = Limit { algorithm: Algorithm::SlidingWindow, ..limit("n") };
    assert_ne!(key_of(&nobody, &scope, &sliding), key_of(&nobody, &scope, &limit("n")));
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
    let name = "[a1-]{1,2}|address|identity|all|fixed|parts";
    let bits = (prop::sample::select(vec![16, 31, 32]), prop::sample::select(vec![32, 127, 128]));
    (algorithm, name, bits, any::<bool>()).prop_map(|(algorithm, name, (ipv4_bits, ipv6_bits), shared)| {
        Limit { algorithm, ipv4_bits, ipv6_bits, shared, ..limit(&name) }
    })
}

fn parts() -> Vec<Part> {
    let parts = json!([
        "address", "consumer", "issuer", "subject", "route", "method", "path",
        {"header": "a"}, {"header": "z"}, {"query": "a"}, {"cookie": "a"},
        {"path_template": "/{a}/**"}, {"path_template": "/*/{a}"},
    ]);
    serde_json::from_value(parts).unwrap()
}

fn by() -> impl Strategy<Value = By> {
    let lists = prop::sample::subsequence(parts(), 1..4).prop_map(By::Parts);
    prop_oneof![Just(By::ADDRESS), Just(By::ALL), Just(By::IDENTITY), lists]
}

/// What a request is told from others by.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    route: Vec<u8>,
    address: Vec<u8>,
    /// Whether auth's word can be read.
    readable: bool,
    /// Consumer, issuer and subject; nobody if there is none.
    texts: [Option<String>; 3],
    /// Values of the headers `a` and `z`, of the parameter `a` and of the cookie `a`.
    values: [Vec<String>; 4],
    segments: Vec<String>,
}

impl Asked {
    fn any() -> impl Strategy<Value = Self> {
        let texts = prop::array::uniform3(prop::option::of(text()));
        let values = prop::array::uniform4(prop::collection::vec("[a:,|1-]{0,3}|header|z", 0..3));
        let segments = prop::collection::vec("[a/%|]{0,2}", 1..3);
        (bytes(), bytes(), prop::bool::weighted(0.9), texts, values, segments).prop_map(
            |(route, address, readable, texts, values, segments)| Self {
                route,
                address,
                readable,
                texts,
                values,
                segments,
            },
        )
    }

    /// A neighbour: some parts are `other`'s. What is wholly random hardly ever differs in one part only.
    fn mixed(&self, other: &Self, take: [bool; 11]) -> Self {
        let of = |index: usize| if take[index] { other } else { self };
        Self {
            route: of(0).route.clone(),
            address: of(1).address.clone(),
            readable: of(2).readable,
            texts: [0, 1, 2].map(|index| of(3 + index).texts[index].clone()),
            values: [0, 1, 2, 3].map(|index| of(6 + index).values[index].clone()),
            segments: of(10).segments.clone(),
        }
    }

    fn identity(&self) -> Option<Identity> {
        let [consumer, issuer, subject] = self.texts.clone();
        let known = self.texts.iter().any(Option::is_some);
        known.then(|| Identity { consumer, issuer, subject, ..Identity::default() })
    }

    /// No JSON object, and what somebody else may be called.
    fn unreadable(&self) -> &str {
        self.texts[0].as_deref().filter(|text| !text.is_empty()).unwrap_or("?")
    }

    fn host(&self) -> MockHost {
        let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let [a, b, query, cookies] = &self.values;
        let path: String = self.segments.iter().map(|segment| format!("/{}", encoded(segment))).collect();
        let query: Vec<_> = query.iter().map(|value| format!("a={}", encoded(value))).collect();
        let target = format!("{path}?{}", query.join("&"));
        let mut headers = vec![(":method", "GET".to_owned()), (":path", target)];
        headers.extend(a.iter().map(|value| ("a", value.clone())));
        headers.extend(b.iter().map(|value| ("z", value.clone())));
        headers.extend(cookies.iter().map(|value| ("cookie", format!("a={value}"))));
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let host = MockHost::with_request(&headers);
        host.set_property(&["source", "address"], &self.address);
        host.set_property(&["xds", "route_name"], &self.route);
        match (self.readable, self.identity()) {
            (false, _) => host.set_filter_state(FILTER_STATE, self.unreadable().as_bytes()),
            (true, Some(identity)) => host.set_filter_state(FILTER_STATE, &identity.to_json()),
            (true, None) => {}
        }
        host
    }

    fn key(&self, limit: &Limit) -> String {
        key_of(&self.host(), &of_route(&self.route), limit)
    }

    /// What tells one count of limits with this `by` from another.
    fn counted(&self, limit: &Limit) -> Vec<String> {
        let address = || {
            let address = crate::client::without_port(&self.address);
            // Two spellings of one network are one client.
            let network = (!self.address.is_empty()).then(|| network(address, limit).into_owned());
            format!("{network:?}")
        };
        let said = |text: Option<&String>| match self.readable {
            true => format!("{text:?}"),
            false => format!("unreadable {:?}", self.unreadable()),
        };
        let set = |index: usize| {
            format!("{:?}", self.values[index].iter().collect::<std::collections::BTreeSet<_>>())
        };
        let [consumer, issuer, subject] = &self.texts;
        let at = |index: usize| format!("{:?}", self.segments.get(index));
        let part = |part: &Part| match part {
            Part::Address => address(),
            Part::Consumer => said(consumer.as_ref()),
            Part::Issuer => said(issuer.as_ref()),
            Part::Subject => said(subject.as_ref()),
            Part::Route => format!("{:?}", self.route),
            Part::Header(name) => set(usize::from(name == "z")),
            Part::Query(_) => set(2),
            Part::Cookie(_) => set(3),
            Part::Path => format!("{:?}", self.segments),
            Part::PathTemplate(template) if template.as_str() == "/{a}/**" => at(0),
            Part::PathTemplate(_) if self.segments.len() == 2 => at(1),
            _ => "the same".to_owned(),
        };
        match &limit.by {
            By::Whose(Whose::All) => Vec::new(),
            By::Whose(Whose::Address) => vec![address()],
            By::Whose(Whose::Identity) => {
                [consumer, issuer, subject].map(|text| said(text.as_ref())).to_vec()
            }
            By::Parts(parts) => parts.iter().map(part).collect(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn different_route_limit_or_client_never_share_a_key(
        a in Asked::any(), other in Asked::any(), take in prop::array::uniform11(prop::bool::weighted(0.2)),
        limits in (counting(), counting()), bys in (by(), by()),
        differ in prop::array::uniform5(prop::bool::weighted(0.1)),
    ) {
        let b = a.mixed(&other, take);
        let (one, second) = limits;
        let [name, algorithm, bits, shared, by] = differ.map(|differs| if differs { &second } else { &one });
        let two = Limit {
            name: name.name.clone(), algorithm: algorithm.algorithm, ipv4_bits: bits.ipv4_bits, ipv6_bits: bits.ipv6_bits,
            shared: shared.shared, by: if std::ptr::eq(by, &second) { bys.1 } else { bys.0.clone() }, ..one.clone()
        };
        let one = Limit { by: bys.0, ..one };
        let of = |asked: &Asked, limit: &Limit| {
            let route = (!limit.shared).then(|| asked.route.clone());
            (route, limit.name.clone(), limit.algorithm, limit.by.clone(), asked.counted(limit))
        };
        prop_assert_eq!(a.key(&one) == b.key(&two), of(&a, &one) == of(&b, &two));
    }

    #[test]
    fn a_key_is_short_whatever_a_client_sends(
        route in prop::collection::vec(any::<u8>(), 0..2_000), subject in ".{0,2000}", parts in any::<bool>(),
    ) {
        let identity = Identity {
            consumer: Some(subject.clone()), issuer: Some(subject.clone()), subject: Some(subject.clone()), ..Identity::default()
        };
        let host = MockHost::with_request(&[(":method", "GET"), (":path", "/"), ("a", &subject)]);
        host.set_filter_state(FILTER_STATE, &identity.to_json());
        let by = if parts { By::Parts(self::parts()) } else { By::IDENTITY };
        let key = key_of(&host, &of_route(&route), &Limit { by, ..limit(&"n".repeat(64)) });
        prop_assert!(key.len() <= 1_500, "{}", key.len());
    }
}
