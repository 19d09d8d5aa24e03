use super::*;
use crate::model::{
    Model,
    sample::{certificate, gateway, https, keyring, listener, sound},
};

/// Two certificates, and these listeners of the gateways `ferrox` and `other`.
fn rows(listeners: Vec<ListenerRow>) -> Rows {
    let certificates = vec![
        certificate("api", &["api.example.com"]),
        certificate("site", &["www.example.com", "*.example.org"]),
    ];
    let mut rows = Rows { listeners, certificates, ..sound() };
    rows.gateways.push(gateway("other", "none"));
    rows
}

fn problems(listeners: Vec<ListenerRow>) -> Vec<String> {
    let parsed = Model::parse(&rows(listeners), &keyring());
    parsed.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// What is wrong with the listener after a change.
fn problem(mut row: ListenerRow, change: impl FnOnce(&mut ListenerRow)) -> String {
    change(&mut row);
    let problems = problems(vec![row]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[test]
fn a_listener_takes_the_address_of_a_client_from_where_its_row_says() {
    let behind = |hops, proxy_protocol| ListenerRow {
        trusted_hops: hops,
        proxy_protocol,
        trusted_proxies: strings(&["10.0.0.0/8"]),
        ..listener("l", 80)
    };
    let address = |row| {
        let model = Model::parse(&rows(vec![row]), &keyring()).unwrap();
        model.listeners().next().unwrap().client_address
    };
    assert_eq!(address(behind(0, false)), ClientAddress::Peer);
    assert_eq!(address(behind(2, false)), ClientAddress::ForwardedFor(2.try_into().unwrap()));
    assert_eq!(address(behind(0, true)), ClientAddress::ProxyProtocol);
    let both = problem(behind(1, true), |_| {});
    assert_eq!(both, "listeners 'l': field trusted_hops: must be 0 with proxy_protocol");
}

#[test]
fn who_believes_a_proxy_names_it() {
    for believes in [(|row: &mut ListenerRow| row.trusted_hops = 1) as fn(&mut ListenerRow), |row| {
        row.proxy_protocol = true
    }] {
        let found = problem(listener("l", 80), believes);
        assert!(found.starts_with("listeners 'l': field trusted_proxies: must name the proxies"), "{found}");
    }
    let found = problem(listener("l", 80), |row| row.trusted_proxies = strings(&["::/0", "10.0.0.0/33"]));
    assert!(
        found.starts_with("listeners 'l': field trusted_proxies[1]: '10.0.0.0/33' is no network"),
        "{found}"
    );
}

#[test]
fn http_and_https_have_each_what_is_theirs() {
    let secure = || https("l", 443, &["api", "site"]);
    assert_eq!(
        problems(vec![ListenerRow { default_certificate: Some("api".to_owned()), ..secure() }]),
        [""; 0]
    );
    assert!(problem(secure(), |row| row.certificates.clear()).ends_with("https needs at least one"));
    assert!(problem(secure(), |row| row.redirect_https_port = Some(443)).ends_with("is for http"));
    assert!(problem(secure(), |row| row.protocol = "http".to_owned()).ends_with("are for https"));
    assert!(
        problem(secure(), |row| row.protocol = "tcp".to_owned()).ends_with("'tcp' must be http or https")
    );
    assert_eq!(
        problem(secure(), |row| row.certificates[1] = "nobody".to_owned()),
        "listeners 'l': field certificates[1]: there is no certificate 'nobody'"
    );
    assert_eq!(
        problem(https("l", 443, &["api"]), |row| row.default_certificate = Some("site".to_owned())),
        "listeners 'l': field default_certificate: 'site' is not one of the listener's certificates"
    );
}

#[test]
fn two_certificates_of_one_listener_have_no_dns_name_in_common() {
    let mut rows = rows(vec![https("l", 443, &["api", "site", "twin"]), https("m", 444, &["api", "twin"])]);
    rows.certificates.push(certificate("twin", &["*.example.org", "twin.example.com"]));
    let problems = Model::parse(&rows, &keyring()).expect_err("they do");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(
        problems[0].to_string(),
        "listeners 'l': field certificates: 'site' and 'twin' are both for the DNS name '*.example.org'"
    );
}

#[test]
fn two_listeners_of_one_gateway_do_not_take_the_same_connections() {
    let at = |name: &str, address: &str, port, gateways: &[&str]| ListenerRow {
        address: address.to_owned(),
        gateways: strings(gateways),
        ..listener(name, port)
    };
    let both =
        |a: &str, b: &str| problems(vec![at("a", a, 80, &["ferrox"]), at("b", b, 80, &["other", "ferrox"])]);
    assert_eq!(
        both("0.0.0.0", "10.0.0.1"),
        ["listeners 'b': field port: 0.0.0.0:80 of listener 'a' takes in 10.0.0.1:80"]
    );
    assert_eq!(both("10.0.0.1", "10.0.0.1").len(), 1);
    assert_eq!(both("fd00::1", "::").len(), 1);
    assert_eq!(both("0.0.0.0", "::"), [""; 0]);
    assert_eq!(both("10.0.0.1", "10.0.0.2"), [""; 0]);
    let elsewhere =
        vec![at("a", "::", 80, &["ferrox"]), at("b", "::", 80, &["other"]), at("c", "::", 81, &["ferrox"])];
    assert_eq!(problems(elsewhere), [""; 0]);
}

#[test]
fn every_number_has_its_range() {
    let found = problems(vec![ListenerRow {
        port: 0,
        trusted_hops: 17,
        idle_timeout_ms: 0,
        stream_idle_timeout_ms: 0,
        request_headers_timeout_ms: 600_001,
        request_timeout_ms: -1,
        max_request_headers_kb: 8193,
        max_connections: Some(0),
        redirect_https_port: Some(65_536),
        gateways: strings(&["nowhere"]),
        ..listener("l", 80)
    }]);
    let fields = [
        "gateways[0]: there is no gateway 'nowhere'",
        "port: 0 must be 1 to 65535",
        "redirect_https_port: 65536 must be 1 to 65535",
        "trusted_hops: 17 must be 0 to 16",
        "idle_timeout_ms: 0 must be 1 to 86400000",
        "stream_idle_timeout_ms: 0 must be 1 to 86400000",
        "request_headers_timeout_ms: 600001 must be 1 to 600000",
        "request_timeout_ms: -1 must be 0 to 86400000",
        "max_request_headers_kb: 8193 must be 1 to 8192",
        "max_connections: 0 must be 1 to 2147483647",
    ];
    assert_eq!(found, fields.map(|field| format!("listeners 'l': field {field}")));
}
