//! How changes of rows reach Envoy, and how they do not.

use ferrox_testbed::{
    bootstrap::Protocol,
    gateway::{Gateway, GatewayOptions},
    upstream::Upstream,
    wait::eventually,
};

use crate::{rows, xds::in_both_variants};

in_both_variants!(envoy_follows_every_change);

async fn gateway(protocol: Protocol, upstreams: &[&Upstream]) -> Gateway {
    let mut rows: String = upstreams.iter().map(|upstream| rows::upstream(upstream)).collect();
    rows += &rows::route("r", upstreams[0].name());
    Gateway::start_with(&rows, GatewayOptions { protocol, ..GatewayOptions::default() }).await.unwrap()
}

/// Adds, changes and removes a route by SQL, and sees each live.
async fn envoy_follows_every_change(protocol: Protocol) {
    let (one, two) = (Upstream::start_new("one").unwrap(), Upstream::start_new("two").unwrap());
    let gateway = gateway(protocol, &[&one]).await;
    assert_eq!(gateway.get("/r").await.unwrap().status(), 200);

    // A new cluster and a new route in one change.
    gateway.sql(&(rows::upstream(&two) + &rows::route("new", "two"))).await.unwrap();
    gateway.until("/new", 200).await.unwrap();

    gateway.sql("update route_upstreams set upstream = 'two' where route = 'r'").await.unwrap();
    let before = one.requests("/r");
    eventually("/r goes to the other upstream", async || {
        gateway.get("/r").await.unwrap();
        two.requests("/r") > 0
    })
    .await
    .unwrap();
    assert!(one.requests("/r") >= before);

    // A change of a cluster that keeps its endpoints: it must not wait for them.
    gateway.sql("update upstreams set connect_timeout_ms = 777 where name = 'two'").await.unwrap();
    eventually("Envoy has the changed cluster", async || {
        let dump =
            gateway.client().get(gateway.envoy_url("/config_dump?resource=dynamic_active_clusters").unwrap());
        dump.send().await.unwrap().text().await.unwrap().contains("0.777s")
    })
    .await
    .unwrap();
    assert_eq!(gateway.get("/r").await.unwrap().status(), 200);

    gateway
        .sql("delete from routes where name = 'new'; delete from upstreams where name = 'one'")
        .await
        .unwrap();
    gateway.until("/new", 404).await.unwrap();
    let url = gateway.envoy_url("/clusters").unwrap();
    eventually("the cluster is gone", async || {
        let clusters = gateway.client().get(&url).send().await.unwrap().text().await.unwrap();
        !clusters.lines().any(|line| line.starts_with("one::"))
    })
    .await
    .unwrap();
    assert_eq!(gateway.get("/r").await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_make_no_sense_are_refused_as_a_whole_and_the_last_good_release_stays() {
    let upstream = Upstream::start_new("u").unwrap();
    let mut gateway = gateway(Protocol::Delta, &[&upstream]).await;
    eventually("the release is recorded", async || {
        gateway.status().await.unwrap()["release"]["id"].is_number()
    })
    .await
    .unwrap();
    let release = gateway.status().await.unwrap()["release"]["id"].clone();

    // A good route and, in the same change, a policy that the database cannot judge.
    let bad = rows::route("new", "u")
        + &rows::policy("new", "rate_limit", &serde_json::json!({"limits": [{"name": "n", "by": "moon"}]}));
    gateway.sql(&bad).await.unwrap();
    eventually("the problem is shown", async || {
        gateway.status().await.unwrap()["problems"].as_array().is_some_and(|problems| !problems.is_empty())
    })
    .await
    .unwrap();
    let problem = gateway.status().await.unwrap()["problems"][0].as_str().unwrap().to_owned();
    assert!(
        problem.contains("route_policies") && problem.contains("new") && problem.contains("limits[0].by"),
        "{problem}"
    );
    assert_eq!(gateway.get("/r").await.unwrap().status(), 200);
    assert_eq!(gateway.get("/new").await.unwrap().status(), 404);
    assert_eq!(gateway.status().await.unwrap()["release"]["id"], release);
    // So says the dry run.
    let (code, complaint) = dry_run(&gateway);
    assert!(code == Some(1) && complaint.contains(&problem), "{complaint}");

    // The same holds after a restart.
    gateway.control_plane.service().stop().await.unwrap();
    gateway.control_plane.start().await.unwrap();
    assert_eq!(gateway.status().await.unwrap()["release"]["id"], release);
    assert_eq!(gateway.get("/r").await.unwrap().status(), 200);

    gateway.sql("delete from route_policies").await.unwrap();
    gateway.until("/new", 200).await.unwrap();
    assert_eq!(gateway.status().await.unwrap()["problems"], serde_json::json!([]));
    assert_eq!(dry_run(&gateway), (Some(0), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_is_served_and_the_status_says_so() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(Protocol::Delta, &[&upstream]).await;
    gateway.sql("alter table releases add constraint nothing check (false) not valid").await.unwrap();
    gateway.sql(&rows::route("new", "u")).await.unwrap();
    gateway.until("/new", 200).await.unwrap();
    let record_error = async || gateway.status().await.unwrap()["record_error"].clone();
    eventually("the failure is shown", async || record_error().await.is_string()).await.unwrap();
    assert!(record_error().await.as_str().unwrap().starts_with("cannot record a release: "));
    assert!(gateway.status().await.unwrap()["release"]["id"].is_null());

    gateway.sql("alter table releases drop constraint nothing").await.unwrap();
    eventually("it is recorded after all", async || {
        gateway.status().await.unwrap()["release"]["id"].is_number()
    })
    .await
    .unwrap();
    assert!(record_error().await.is_null());
}

/// The exit status of `ferrox check`, and what it complains of.
fn dry_run(gateway: &Gateway) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(ferrox_testbed::binaries::ours("ferrox").unwrap());
    let output = command.arg("check").env("FERROX_DATABASE_URL", gateway.database_url()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_what_it_can_judge_itself() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(Protocol::Delta, &[&upstream]).await;
    for statement in [
        "insert into route_upstreams (route, upstream) values ('r', 'nobody')",
        "delete from upstreams where name = 'u'",
        "update upstreams set open_for_ms = 0",
        "update routes set path_prefix = 'r'",
        "update routes set path_exact = '/r'",
        "insert into endpoints (upstream, address, port) values ('u', '127.0.0.1', 0)",
        "insert into consumers (name) values ('c'); insert into api_keys (sha256, consumer) values ('short', 'c')",
    ] {
        assert!(gateway.sql(statement).await.is_err(), "{statement}");
    }
    assert_eq!(gateway.get("/r").await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_shows_who_is_connected_and_what_they_run() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(Protocol::Delta, &[&upstream]).await;
    eventually("Envoy has accepted its routes", async || {
        let status = gateway.status().await.unwrap();
        let routes = &status["nodes"][0]["resources"]["route_configurations"];
        routes["sent"].is_string() && routes["sent"] == routes["accepted"]
    })
    .await
    .unwrap();
    let node = gateway.status().await.unwrap()["nodes"][0].clone();
    assert_eq!((&node["id"], &node["variant"]), (&"envoy-1".into(), &"delta".into()));
    let metrics = gateway.client().get(gateway.control_plane.url("/metrics")).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("ferrox_xds_connected_nodes 1"), "{metrics}");
}
