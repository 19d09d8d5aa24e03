//! A Redis Cluster of a test's own.

use redis::FromRedisValue;

use crate::{
    redis_server::{RedisServer, free_port, run_at},
    testbed::until,
};

const SLOTS: u16 = 16_384;

/// Three primaries, and perhaps a replica of the first.
pub(crate) struct RedisCluster {
    pub(crate) nodes: Vec<RedisServer>,
}

impl RedisCluster {
    pub(crate) async fn start() -> Self {
        let cluster = Self { nodes: (0..3).map(|_| node()).collect() };
        for (first, node) in (0..SLOTS).step_by(5_462).zip(&cluster.nodes) {
            let last = (first + 5_461).min(SLOTS - 1);
            node.run::<()>(&format!("CLUSTER ADDSLOTSRANGE {first} {last}"));
        }
        cluster.introduce();
        cluster.until_agreed(3).await;
        cluster
    }

    /// The same with a replica of the first node, ready to take its place.
    pub(crate) async fn start_with_replica() -> Self {
        let mut cluster = Self::start().await;
        cluster.nodes.push(node());
        cluster.introduce();
        cluster.until_agreed(4).await;
        let replica = &cluster.nodes[3];
        replica.run::<()>(&format!("CLUSTER REPLICATE {}", cluster.id(0)));
        until("the replica follows", async || {
            replica.run::<String>("INFO replication").contains("master_link_status:up")
        })
        .await;
        until("the others know the replica", async || {
            let known = |node: &RedisServer| node.run::<String>("CLUSTER NODES").contains("slave");
            cluster.nodes.iter().all(known)
        })
        .await;
        cluster
    }

    pub(crate) fn url(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    pub(crate) fn id(&self, node: usize) -> String {
        self.nodes[node].run("CLUSTER MYID")
    }

    /// The index of the primary that has a key.
    pub(crate) fn holder(&self, key: &str) -> usize {
        let slot: u16 = self.nodes[0].run(&format!("CLUSTER KEYSLOT {key}"));
        usize::from(slot / 5_462)
    }

    /// Runs a command on the node that has its key.
    pub(crate) fn run<T: FromRedisValue>(&self, command: &str, key: &str) -> T {
        run_at(&self.nodes[self.holder(key)].url(), &format!("{command} {key}"))
    }

    fn introduce(&self) {
        for node in &self.nodes[1..] {
            let bus: Vec<String> = node.run("CONFIG GET cluster-port");
            self.nodes[0].run::<()>(&format!("CLUSTER MEET 127.0.0.1 {} {}", node.port(), bus[1]));
        }
    }

    async fn until_agreed(&self, nodes: usize) {
        until("the nodes agree", async || {
            let agrees = |node: &RedisServer| {
                let info: String = node.run("CLUSTER INFO");
                info.contains("cluster_state:ok") && info.contains(&format!("cluster_known_nodes:{nodes}\r"))
            };
            self.nodes.iter().all(agrees)
        })
        .await;
    }
}

fn node() -> RedisServer {
    RedisServer::start_on_port(|_| {
        let bus = free_port().to_string();
        let timeout = "1000".to_owned();
        let fixed = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"];
        let mut arguments: Vec<_> = fixed.iter().map(ToString::to_string).collect();
        arguments.extend(["--cluster-port".to_owned(), bus, "--cluster-node-timeout".to_owned(), timeout]);
        arguments
    })
}
