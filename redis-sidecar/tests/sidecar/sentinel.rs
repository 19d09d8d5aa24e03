//! A primary that a Sentinel watches: found, followed, and what is told when it cannot be.

use crate::{
    redis_server::{ClosedPort, RedisServer},
    testbed::{Testbed, limit, until},
};

const HOUR: u64 = 3_600_000;

/// A primary, its replica, and the Sentinel of both.
struct Watched {
    primary: RedisServer,
    replica: RedisServer,
    sentinel: RedisServer,
}

impl Watched {
    async fn start() -> Self {
        let primary = RedisServer::start();
        let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &primary.port().to_string()]);
        until("the replica follows", async || {
            replica.run::<String>("INFO replication").contains("master_link_status:up")
        })
        .await;
        // It asks for replicas when it starts, and then every ten seconds.
        let sentinel = RedisServer::start_sentinel(&format!(
            "sentinel monitor main 127.0.0.1 {} 1\nsentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 2000\n",
            primary.port()
        ));
        until("the Sentinel knows the replica", async || {
            let info: String = sentinel.run("INFO sentinel");
            info.contains("status=ok") && info.contains("slaves=1")
        })
        .await;
        Self { primary, replica, sentinel }
    }

    fn url(&self) -> String {
        let nobody = ClosedPort::new();
        format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/main", nobody.number(), self.sentinel.port())
    }
}

#[tokio::test]
async fn a_primary_that_died_is_replaced_by_the_one_that_was_promoted() {
    let mut watched = Watched::start().await;
    let testbed = Testbed::ready(&watched.url()).await;
    let limit = limit("a", 1_000_000, HOUR);
    testbed.until_counted(&limit).await;
    assert_eq!(watched.primary.run::<u64>(&format!("GET {}", limit.key)), 1);
    watched.primary.kill();
    testbed.until_failing(&limit, "unavailable", "Redis cannot be reached").await;
    testbed.until_counted(&limit).await;
    assert!(watched.replica.run::<u64>(&format!("GET {}", limit.key)) > 0);
    testbed.until_ready().await;
}

#[tokio::test]
async fn a_primary_that_became_a_replica_is_left() {
    let watched = Watched::start().await;
    let testbed = Testbed::ready(&watched.url()).await;
    let limit = limit("a", 1_000_000, HOUR);
    testbed.until_counted(&limit).await;
    // Not before the Sentinel has looked at the replica.
    until("the failover begins", async || watched.sentinel.accepts("SENTINEL FAILOVER main")).await;
    until("the other one counts", async || {
        testbed.limits(std::slice::from_ref(&limit)).await;
        watched.replica.is("master") && watched.primary.is("slave")
    })
    .await;
    testbed.until_counted(&limit).await;
}

#[tokio::test]
async fn a_name_that_the_sentinels_do_not_know_is_told() {
    let watched = Watched::start().await;
    let testbed = Testbed::start(&watched.url().replace("/main", "/other")).await;
    let told = "the Sentinels know no primary of this name";
    testbed.until_failing(&limit("a", 10, HOUR), "no_primary", told).await;
}

#[tokio::test]
async fn sentinels_that_are_all_down_are_told() {
    let nobody = ClosedPort::new();
    let testbed = Testbed::start(&format!("redis+sentinel://127.0.0.1:{}/main", nobody.number())).await;
    testbed.until_failing(&limit("a", 10, HOUR), "no_primary", "no Sentinel can be reached").await;
}

#[tokio::test]
async fn the_password_of_the_sentinels_is_one_of_its_own() {
    let primary = RedisServer::start_with(&["--requirepass", "primary"]);
    let sentinel = RedisServer::start_sentinel(&format!(
        "sentinel monitor main 127.0.0.1 {} 1\nsentinel auth-pass main primary\nrequirepass sentinel\n",
        primary.port()
    ));
    let url = format!("redis+sentinel://:primary@127.0.0.1:{}/main", sentinel.port());
    let limit = limit("a", 10, HOUR);
    let testbed = Testbed::start(&url).await;
    let told = "a Sentinel does not accept the user or the password";
    testbed.until_failing(&limit, "credentials", told).await;
    let testbed = Testbed::start(&format!("{url}?sentinel_password=sentinel")).await;
    testbed.until_counted(&limit).await;
}
