use crate::{
    model::{
        Address, Endpoint, Model,
        sample::{endpoint, keyring, sound},
    },
    store::EndpointRow,
};

/// What becomes of these endpoints of an upstream that is found so.
fn parse(discovery: &str, endpoints: Vec<EndpointRow>) -> Result<Vec<Endpoint>, Vec<String>> {
    let mut rows = sound();
    rows.upstreams[0].discovery = discovery.to_owned();
    rows.endpoints = endpoints;
    let model = Model::parse(&rows, &keyring())
        .map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(model.upstreams().next().unwrap().endpoints.iter().cloned().collect())
}

fn problem(discovery: &str, endpoints: Vec<EndpointRow>) -> String {
    let problems = parse(discovery, endpoints).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

fn at(address: &str) -> Vec<EndpointRow> {
    vec![endpoint("orders", address, 80)]
}

#[test]
fn names_are_for_upstreams_that_dns_finds() {
    for discovery in ["strict_dns", "logical_dns"] {
        let found = parse(discovery, at("a.example.com")).unwrap();
        assert_eq!(found[0].address, Address::Name("a.example.com".to_owned()));
    }
    assert!(parse("strict_dns", at("10.0.0.1")).is_ok());
    let problem = problem("static", at("a.example.com"));
    assert!(
        problem.starts_with(
            "endpoints 'orders a.example.com:80': field address: 'a.example.com' is no IP address"
        ),
        "{problem}"
    );
}

#[test]
fn an_address_that_is_none_is_refused() {
    for address in ["", "a b", "-a", "a..b", "http://a", "1.2.3", "10.0.0.256", "a.1", "::x", "10.0.0.1:80"] {
        let problem = problem("strict_dns", at(address));
        assert!(problem.ends_with("is neither an IP address nor a DNS name"), "{problem}");
    }
    for address in ["0.0.0.0", "::", "224.0.0.1", "ff02::1"] {
        assert!(problem("strict_dns", at(address)).ends_with("no service can be reached at it"));
    }
    assert!(problem("strict_dns", at("A.example.com")).ends_with("must be in lower case"));
    assert!(problem("static", at("fd00:0:0::1")).ends_with("must be written 'fd00::1'"));
}

#[test]
fn a_logical_name_is_one() {
    let two = [at("a.test"), at("b.test")].concat();
    assert_eq!(
        problem("logical_dns", two),
        "upstreams 'orders': field discovery: logical_dns needs exactly one endpoint, not 2"
    );
    assert!(problem("logical_dns", Vec::new()).ends_with("not 0"));
}

#[test]
fn an_endpoint_stands_once_whatever_its_weight() {
    let heavier = EndpointRow { weight: 2, zone: "b".to_owned(), ..endpoint("orders", "10.0.0.1", 80) };
    let problem = problem("static", [at("10.0.0.1"), vec![heavier]].concat());
    assert_eq!(problem, "endpoints 'orders 10.0.0.1:80': stands twice");
}

#[test]
fn weight_zone_and_priority_have_bounds() {
    let with = |change: fn(&mut EndpointRow)| {
        let mut rows = at("10.0.0.1");
        change(&mut rows[0]);
        problem("static", rows)
    };
    assert!(with(|row| row.weight = 0).ends_with("field weight: 0 must be 1 to 1000"));
    assert!(with(|row| row.priority = 16).ends_with("field priority: 16 must be 0 to 15"));
    assert!(with(|row| row.zone = "a b".to_owned()).contains("field zone: 'a b' must be"));
    assert!(with(|row| row.zone = "z".repeat(64)).contains("field zone: "));
}
