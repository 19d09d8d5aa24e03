//! How long requests and answers may take.

use std::time::Duration;

use ferrox_testbed::{
    gateway::Gateway,
    upstream::{Behaviour, Upstream},
};

use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_whole_streams_end_after_their_time_and_a_timeout_of_zero_is_none() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = rows::upstream(&upstream)
        + &rows::route("silent", "u")
        + &rows::route("long", "u")
        + &rows::route("free", "u")
        + "update routes set timeout_ms = 0;
           update routes set idle_timeout_ms = 100 where name = 'silent';
           update routes set max_stream_duration_ms = 100 where name = 'long';
           update routes set idle_timeout_ms = 0 where name = 'free';";
    let gateway = Gateway::start(&rows).await.unwrap();
    upstream.behave(Behaviour::Slow(Duration::from_millis(300)));
    assert_eq!(gateway.get("/free").await.unwrap().status(), 200);
    upstream.behave(Behaviour::Slow(Duration::from_secs(60)));
    assert_eq!(gateway.get("/silent").await.unwrap().status(), 504);
    assert_eq!(gateway.get("/long").await.unwrap().status(), 504);
}
