//! How the breakers of every Envoy are, as the control plane shows it.

use std::time::Duration;

use axum::http::StatusCode;
use ferrox_testbed::{
    envoy::{Envoy, EnvoyPorts},
    gateway::Gateway,
    upstream::{Behaviour, Upstream},
    wait::eventually,
};
use serde_json::{Value, json};

use crate::rows;

/// What is known of a node; null when it is not there.
async fn node(gateway: &Gateway, id: &str, query: &str) -> Value {
    let breakers = gateway.control_plane.breakers(query).await.unwrap();
    let nodes = breakers["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["id"] == id).cloned().unwrap_or_default()
}

/// Waits until the breakers of a node can be shown, and meet a condition.
async fn until(gateway: &Gateway, id: &str, what: &str, condition: impl Fn(&Value) -> bool) {
    eventually(what, async || {
        let node = node(gateway, id, "").await;
        node["unknown"].is_null() && node["breakers"].is_array() && condition(&node["breakers"])
    })
    .await
    .unwrap();
}

async fn metric(gateway: &Gateway, name: &str) -> u64 {
    gateway.control_plane.metric(&format!("ferrox_xds_{name}")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_breaker_is_shown_for_the_envoy_that_has_it_until_it_closes() {
    let (flaky, healthy) = (Upstream::start_new("flaky").unwrap(), Upstream::start_new("healthy").unwrap());
    let rows = [
        rows::upstream(&flaky),
        rows::upstream(&healthy),
        rows::route("flaky", "flaky"),
        rows::route("healthy", "healthy"),
        "update upstreams set failures = 1, open_for_ms = 8000 where name = 'flaky';".to_owned(),
    ];
    let mut gateway = Gateway::start(&rows.concat()).await.unwrap();
    until(&gateway, "envoy-1", "all breakers are closed", |breakers| *breakers == json!([])).await;

    flaky.behave(Behaviour::Fail(StatusCode::INTERNAL_SERVER_ERROR));
    assert_eq!(gateway.get("/flaky").await.unwrap().status(), 500);
    flaky.behave(Behaviour::Answer);
    until(&gateway, "envoy-1", "the breaker is open", |breakers| breakers[0]["state"] == "open").await;
    let shown = node(&gateway, "envoy-1", "").await;
    let since = shown["breakers"][0]["since"].as_u64().unwrap();
    assert!(since > 0 && since <= shown["answered_at"].as_u64().unwrap());
    let expected = json!([{
        "upstream": "flaky", "state": "open", "since": since, "forced": false,
        "endpoints": 1, "endpoints_out": 1, "overflow": [],
    }]);
    assert_eq!(shown["breakers"], expected);
    assert_eq!(metric(&gateway, r#"breakers{upstream="flaky",state="open"}"#).await, 1);
    assert_eq!(metric(&gateway, r#"breakers{upstream="healthy",state="closed"}"#).await, 1);
    assert_eq!(metric(&gateway, r#"breaker_openings_total{upstream="flaky"}"#).await, 1);

    let all = node(&gateway, "envoy-1", "?all=true").await["breakers"].clone();
    assert_eq!((&all[0]["upstream"], &all[1]["upstream"]), (&json!("flaky"), &json!("healthy")));
    let one = node(&gateway, "envoy-1", "?all=true&upstream=healthy").await["breakers"].clone();
    assert_eq!((one.as_array().unwrap().len(), &one[0]["state"]), (1, &json!("closed")));

    until(&gateway, "envoy-1", "the breaker is closed", |breakers| *breakers == json!([])).await;
    assert_eq!(metric(&gateway, r#"breakers{upstream="flaky",state="open"}"#).await, 0);
    assert_eq!(metric(&gateway, r#"breaker_openings_total{upstream="flaky"}"#).await, 1);
    let log = gateway.control_plane.log_tail(200);
    for line in ["breaker opened", "breaker closed"] {
        assert_eq!(log.matches(line).count(), 1, "{line} in {log}");
    }

    gateway
        .sql("delete from routes where name = 'flaky'; delete from upstreams where name = 'flaky'")
        .await
        .unwrap();
    eventually("its series are gone", async || {
        let metrics = gateway.client().get(gateway.control_plane.url("/metrics")).send().await.unwrap();
        !metrics.text().await.unwrap().contains("flaky")
    })
    .await
    .unwrap();
    assert!(gateway.ended().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_envoy_has_breakers_of_its_own_and_takes_them_along_when_it_goes() {
    let flaky = Upstream::start_new("flaky").unwrap();
    let rows = rows::upstream(&flaky)
        + &rows::route("flaky", "flaky")
        + "update upstreams set failures = 1, open_for_ms = 3600000;";
    let gateway = Gateway::start(&rows).await.unwrap();
    flaky.behave(Behaviour::Fail(StatusCode::INTERNAL_SERVER_ERROR));
    gateway.until("/flaky", 503).await.unwrap();
    until(&gateway, "envoy-1", "the breaker is open", |breakers| breakers[0]["state"] == "open").await;

    // It is sent no traffic.
    let folder = tempfile::tempdir().unwrap();
    let ports = EnvoyPorts::free().unwrap();
    let neighbour = Envoy::start_in(folder.path(), ports, &gateway.bootstrap("envoy-2")).await.unwrap();
    until(&gateway, "envoy-2", "its breakers are closed", |breakers| *breakers == json!([])).await;
    assert_eq!(node(&gateway, "envoy-1", "").await["breakers"][0]["state"], "open");
    eventually("each is counted", async || {
        let count = async |state: &str| {
            metric(&gateway, &format!(r#"breakers{{upstream="flaky",state="{state}"}}"#)).await
        };
        (count("open").await, count("closed").await) == (1, 1)
    })
    .await
    .unwrap();

    drop(neighbour);
    eventually("it is gone", async || node(&gateway, "envoy-2", "").await.is_null()).await.unwrap();
    assert_eq!(metric(&gateway, r#"breakers{upstream="flaky",state="closed"}"#).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_shown_while_it_is_reached() {
    let slow = Upstream::start_new("slow").unwrap();
    let rows = rows::upstream(&slow)
        + &rows::route("slow", "slow")
        + "update upstreams set max_requests = 1; update routes set timeout_ms = 60000;";
    let gateway = Gateway::start(&rows).await.unwrap();
    gateway.until("/slow", 200).await.unwrap();
    until(&gateway, "envoy-1", "no limit is reached", |breakers| *breakers == json!([])).await;

    slow.behave(Behaviour::Slow(Duration::from_secs(60)));
    let request = gateway.client().get(gateway.url("/slow")).timeout(Duration::from_secs(60)).send();
    let request = tokio::spawn(request);
    until(&gateway, "envoy-1", "the limit is reached", |breakers| {
        breakers[0]["overflow"] == json!(["requests"])
    })
    .await;
    assert_eq!(node(&gateway, "envoy-1", "").await["breakers"][0]["state"], "closed");
    assert_eq!(metric(&gateway, r#"breakers{upstream="slow",state="overflow"}"#).await, 1);

    request.abort();
    until(&gateway, "envoy-1", "the limit is not reached", |breakers| *breakers == json!([])).await;

    gateway.sql("update upstreams set max_requests = 0").await.unwrap();
    until(&gateway, "envoy-1", "it is forced open", |breakers| {
        breakers[0]["state"] == "open" && breakers[0]["forced"] == true
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_that_cannot_be_asked_is_unknown_and_holds_up_no_other() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = Gateway::start(&(rows::upstream(&upstream) + &rows::route("u", "u"))).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let envoy = async |id: &str, change: &dyn Fn(&str) -> String| {
        let ports = EnvoyPorts::free().unwrap();
        let text = change(&gateway.bootstrap(id).text(&ports).unwrap());
        Envoy::launch_from(folder.path(), id, ports, &text).await.unwrap()
    };
    let line = |text: &str| text.lines().find(|line| line.contains("status_port:")).unwrap().to_owned();
    let _without = envoy("without", &|text| text.replace(&line(text), "    other: {}")).await;
    // A port on which somebody accepts and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let _silent = envoy("silent", &|text| {
        text.replace(&line(text), &format!("    ferrox: {{ status_port: {silent_port} }}"))
    })
    .await;

    eventually("the one without a port is unknown", async || {
        let unknown = node(&gateway, "without", "").await["unknown"].clone();
        unknown.as_str().is_some_and(|reason| reason.contains("no ferrox.status_port"))
    })
    .await
    .unwrap();
    eventually("so is the silent one", async || {
        let node = node(&gateway, "silent", "").await;
        node["unknown"] == "no answer within 5 s" && node["address"] == format!("127.0.0.1:{silent_port}")
    })
    .await
    .unwrap();
    assert_eq!(metric(&gateway, "breaker_unknown_nodes").await, 2);
    // Others are asked while it is silent.
    let before = node(&gateway, "envoy-1", "").await["answered_at"].as_u64().unwrap();
    until(&gateway, "envoy-1", "all breakers are closed", |breakers| *breakers == json!([])).await;
    eventually("the first is asked again", async || {
        node(&gateway, "envoy-1", "").await["answered_at"].as_u64().unwrap() > before
    })
    .await
    .unwrap();
    eventually("the silent one is logged, once", async || {
        let log = gateway.control_plane.log_tail(200);
        let told = |line: &&str| line.contains("does not tell") && line.contains("silent");
        log.lines().filter(told).count() == 1
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_listener_shows_statistics_and_does_nothing() {
    let mut gateway = Gateway::start("").await.unwrap();
    let envoy = gateway.envoy().unwrap();
    let url = |path: &str| envoy.status_url(path).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["/ready", "/stats", "/stats?format=json&filter=membership", "/stats/prometheus"] {
        assert_eq!(client.get(url(path)).send().await.unwrap().status(), 200, "{path}");
        for refused in [client.post(url(path)), client.head(url(path))] {
            assert_eq!(refused.send().await.unwrap().status(), 404, "{path}");
        }
    }
    for path in [
        "/",
        "/quitquitquit",
        "/healthcheck/fail",
        "/config_dump",
        "/clusters",
        "/certs",
        "/help",
        "/stats/recentlookups",
        "/stats/",
        "//stats",
        "/stats/%2e%2e/quitquitquit",
        "/stats%2f..%2fquitquitquit",
        "/stats;/../config_dump",
    ] {
        for refused in [client.get(url(path)), client.post(url(path))] {
            assert_eq!(refused.send().await.unwrap().status(), 404, "{path}");
        }
    }
    assert!(gateway.ended().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_that_waits_for_its_probe_is_half_open_and_one_that_is_forced_is_open() {
    let flaky = Upstream::start_new("flaky").unwrap();
    let rows = [
        rows::upstream(&flaky),
        rows::route("flaky", "flaky"),
        "update upstreams set failures = 1, open_for_ms = 200, probe = '{\"path\": \"/probe\"}';".to_owned(),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    gateway.until("/flaky", 200).await.unwrap();
    flaky.behave(Behaviour::Fail(StatusCode::INTERNAL_SERVER_ERROR));
    assert_eq!(gateway.get("/flaky").await.unwrap().status(), 500);
    until(&gateway, "envoy-1", "only the probe keeps it open", |breakers| {
        breakers[0]["state"] == "half_open"
    })
    .await;
    assert_eq!(metric(&gateway, r#"breakers{upstream="flaky",state="half_open"}"#).await, 1);

    flaky.behave(Behaviour::Answer);
    until(&gateway, "envoy-1", "the breaker is closed", |breakers| *breakers == json!([])).await;
    gateway.sql("update upstreams set force = 'open'").await.unwrap();
    until(&gateway, "envoy-1", "it is forced open", |breakers| {
        (&breakers[0]["state"], &breakers[0]["forced"]) == (&json!("open"), &json!(true))
    })
    .await;
}
