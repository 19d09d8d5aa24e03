//! Limits that do not hold for every request.

use super::*;

fn held(stage: Stage, limits: &[Value]) -> Bench {
    let limits = limits.iter().enumerate().map(|(index, fields)| {
        let mut limit = limit(&format!("n{index}"), "all", "allow");
        limit.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        limit
    });
    Bench::new(stage, Value::Array(limits.collect()))
}

/// How many limits the store is asked about.
fn asked(bench: &mut Bench) -> usize {
    bench.stream = bench.filter.open();
    match bench.request() {
        Flow::Continue => {
            assert!(bench.host.take_calls().is_empty());
            0
        }
        Flow::Pause => bench.asked().1.limits.len(),
    }
}

#[test]
fn a_limit_of_some_methods_neither_counts_nor_refuses_others() {
    let limits = [json!({"methods": "write"}), json!({"methods": ["GET", "PUT"]})];
    let mut bench = held(Stage::Address, &limits);
    for (method, count) in [("GET", 1), ("HEAD", 0), ("POST", 1), ("PUT", 2)] {
        bench.host.next_stream(&[(":method", method), (":authority", "a"), (":path", "/")]);
        assert_eq!(asked(&mut bench), count, "{method}");
    }
}

#[test]
fn what_does_not_hold_is_not_announced() {
    let mut bench = held(Stage::Address, &[json!({"methods": "write"}), json!({})]);
    bench.next();
    assert!(bench.pass(states(&[(true, 9, 1_000)])));
    assert_eq!(bench.respond(&[], "ratelimit"), [r#""n1";r=9;t=1"#]);
    bench.next();
    assert!(!bench.pass(states(&[(false, 0, 1_000)])));
    let announced =
        |(name, value): &(String, String)| name == "ratelimit-policy" && value == r#""n1";q=10;w=60"#;
    assert!(bench.reply().headers.iter().any(announced));
}

#[test]
fn exempt_addresses_are_neither_counted_nor_refused() {
    let exempt = json!({"exempt": {"addresses": ["192.0.2.0/24", "2001:db8::/32"]}});
    let mut bench = held(Stage::Address, &[exempt]);
    for (address, count) in [
        ("192.0.2.7:1", 0),
        ("[::ffff:192.0.2.7]:1", 0),
        ("[2001:db8:1::1]:1", 0),
        ("198.51.100.1:1", 1),
        ("/run/socket", 1),
        ("", 1),
    ] {
        bench.next();
        bench.host.set_property(&["source", "address"], address.as_bytes());
        assert_eq!(asked(&mut bench), count, "{address}");
    }
}

#[test]
fn exempt_consumers_are_those_of_auth_and_have_the_limit_decided_after_it() {
    let exempt = [json!({"exempt": {"consumers": ["monitoring"]}})];
    assert_eq!(asked(&mut held(Stage::Address, &exempt)), 0);
    let mut bench = held(Stage::Identity, &exempt);
    let consumer = |name: &str| Identity { consumer: Some(name.to_owned()), ..Identity::default() };
    let subject = Identity { subject: Some("monitoring".to_owned()), ..Identity::default() };
    for (identity, count) in
        [(Some(consumer("monitoring")), 0), (Some(consumer("acme")), 1), (Some(subject), 1), (None, 1)]
    {
        bench.host.next_stream(&[(":method", "GET"), ("x-ferrox-consumer", "monitoring")]);
        if let Some(identity) = &identity {
            bench.identify(identity);
        }
        assert_eq!(asked(&mut bench), count, "{identity:?}");
    }
}
