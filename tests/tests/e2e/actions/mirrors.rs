//! Copies of requests.

use ferrox_testbed::{
    gateway::Gateway,
    upstream::{Behaviour, Upstream},
    wait::eventually,
};

use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_gets_a_copy_and_its_answer_counts_for_nothing() {
    let (upstream, shadow) = (Upstream::start_new("u").unwrap(), Upstream::start_new("shadow").unwrap());
    shadow.behave(Behaviour::Fail("500".parse().unwrap()));
    let rows = [
        rows::upstream(&upstream),
        rows::upstream(&shadow),
        rows::route("r", "u"),
        rows::route("quiet", "u"),
        "insert into route_mirrors (route, upstream) values ('r', 'shadow');".to_owned(),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    assert_eq!(gateway.get("/quiet").await.unwrap().status(), 200);
    let request = gateway.client().get(gateway.url("/r/x?y=z")).header("host", "a.example.com");
    assert_eq!(request.send().await.unwrap().status(), 200);
    eventually("the copy has come", async || shadow.requests("/r/x") == 1).await.unwrap();
    let copy = shadow.last().unwrap();
    assert_eq!(
        (copy.path_and_query.as_str(), &copy.headers["host"]),
        ("/r/x?y=z", &"a.example.com".parse().unwrap())
    );
    assert_eq!((upstream.requests("/r/x"), shadow.control().all_requests()), (1, 1));
}
