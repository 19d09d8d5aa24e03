//! Configurations and policies: what is wrong lets nobody pass, and what is right is read the same wherever it is read.

use ferrox_auth::{Auth, check};
use ferrox_host::{Flow, Host, Plugin, Side, mock::MockHost};
use ferrox_policy::{
    auth::{AuthConfig, AuthPolicy},
    parse, parse_from,
};
use serde_json::Value;

use super::{identity_headers, with_gateway};

/// The first byte says what the others are: a plugin configuration, or the policy of a route.
pub fn hold(data: &[u8]) {
    match data.split_first() {
        Some((kind, rest)) if kind % 2 == 0 => configuration(rest),
        Some((_, rest)) => str::from_utf8(rest).map(policy).unwrap_or_default(),
        None => {}
    }
}

fn configuration(json: &[u8]) {
    let configured = Auth::configure(&MockHost::default(), json).map(|_| ());
    // As the filter reads it. Read as one piece it is the same, but for the columns that refusals name.
    let read = parse_from::<AuthConfig>(json);
    assert_eq!(read.as_ref().ok(), parse::<AuthConfig>(json).ok().as_ref());
    let checked = match read {
        Ok(config) => {
            if is_exact(&serde_json::from_slice(json).unwrap()) {
                assert_eq!(parse::<AuthConfig>(&serde_json::to_vec(&config).unwrap()).unwrap(), config);
            }
            check(&config).map_err(|invalid| invalid.to_string())
        }
        Err(invalid) => Err(invalid.to_string()),
    };
    assert_eq!(configured, checked);
}

/// Whether no number has a fraction. serde_json reads those with many digits a unit in the last place off, so that what it
/// wrote may be read as the neighbour.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_f64(),
        Value::Array(list) => list.iter().all(is_exact),
        Value::Object(object) => object.values().all(is_exact),
        _ => true,
    }
}

fn policy(json: &str) {
    let policy = parse::<AuthPolicy>(json.as_bytes());
    if let Ok(policy) = &policy
        && is_exact(&serde_json::from_str(json).unwrap())
    {
        assert_eq!(parse::<AuthPolicy>(&serde_json::to_vec(policy).unwrap()).unwrap(), *policy);
    }
    let claim_headers = policy.iter().flat_map(|policy| &policy.claim_headers);
    let claim_headers: Vec<String> =
        claim_headers.flat_map(|pair| [pair.header.clone(), pair.header.replace('-', "_")]).collect();
    with_gateway("{}", |gateway| {
        gateway.set_policy(json);
        gateway.host.next_stream(&[(":authority", "api.example"), (":path", "/"), (":method", "GET")]);
        for name in claim_headers.iter().map(String::as_str).chain(["x-ferrox-subject", "x_ferrox_consumer"])
        {
            gateway.host.add_raw_request_header(name, b"root");
        }
        match (gateway.go(), &policy) {
            (Flow::Continue, Ok(policy)) => {
                assert!(policy.optional || policy.report_only, "nobody passes: {json}");
                let upstream = gateway.host.headers(Side::Request);
                assert!(claim_headers.iter().all(|name| !upstream.has(name)));
                assert!(identity_headers(gateway).is_empty());
            }
            (Flow::Pause, Ok(_)) => assert!([401, 403].contains(&gateway.host.replied().unwrap().status)),
            (Flow::Pause, Err(_)) => assert_eq!(gateway.host.replied().unwrap().status, 503),
            (Flow::Continue, Err(invalid)) => panic!("passes by a policy that is refused: {invalid}"),
        }
    });
}
