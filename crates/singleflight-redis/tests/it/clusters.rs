//! A cluster: of one node, and of three masters.

use std::collections::HashSet;
use std::time::Duration;

use redis::cluster::ClusterClientBuilder;
use singleflight_arena::{Server as Redis, for_test, free_port};
use singleflight_redis::{Ended, Role, Runtime, Server, Target};
use tokio::task::JoinSet;

use crate::stage::{Gate, LONG, Texts, eventually, over, within};

/// Its nodes, which are gone when this is.
struct Cluster(Vec<Redis>);

impl Cluster {
    /// Waits until every node knows every slot.
    async fn new(nodes: u16) -> Option<Self> {
        let mut all = Vec::new();
        for node in 0..nodes {
            let bus = free_port().expect("there is a port").to_string();
            let redis = for_test(&["--cluster-enabled", "yes", "--cluster-port", &bus])?;
            let ask = |words: &[&str]| {
                let answer = redis.command(words).expect("it answers");
                assert!(answer.starts_with("+OK"), "{words:?}: {answer}");
            };
            let part = |number: u16| (u32::from(number) * 16_384 / u32::from(nodes)).to_string();
            let last = part(node + 1).parse::<u32>().expect("a number") - 1;
            ask(&["CLUSTER", "ADDSLOTSRANGE", &part(node), &last.to_string()]);
            ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(node + 1).to_string()]);
            all.push((redis, bus));
        }
        for (node, bus) in &all[1..] {
            let port = node.port().to_string();
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &port, bus];
            assert!(
                all[0]
                    .0
                    .command(&meet)
                    .expect("it answers")
                    .starts_with("+OK")
            );
        }
        let known = format!("cluster_known_nodes:{nodes}\r");
        for (node, _) in &all {
            let info = || node.command(&["CLUSTER", "INFO"]).unwrap_or_default();
            eventually(|| info().contains("cluster_state:ok") && info().contains(&known)).await;
            // A message crosses where the nodes have heard of each other on both of their links.
            let links = || node.command(&["CLUSTER", "LINKS"]).unwrap_or_default();
            let others = usize::from(nodes) - 1;
            let are_open = |links: &str| {
                let count = |direction| links.matches(direction).count();
                count("\r\nto\r\n") == others && count("\r\nfrom\r\n") == others
            };
            eventually(|| are_open(&links())).await;
        }
        Some(Self(all.into_iter().map(|(node, _)| node).collect()))
    }

    /// The group of one process more. It hears of a landing by messages only.
    async fn group(&self) -> Texts {
        let builder = ClusterClientBuilder::new(vec![self.0[0].url()]);
        let target = Target::cluster(builder).expect("an address");
        let server = Server::builder(target, Runtime::Tokio)
            .response_timeout(Duration::from_secs(5))
            .connect_timeout(Duration::from_secs(5))
            .connect();
        let server = server.await.expect("it is there");
        over(&server, |builder| builder.lease(LONG).poll(LONG))
    }

    /// What each node answers.
    fn ask(&self, words: &[&str]) -> Vec<String> {
        let ask = |node: &Redis| node.command(words).expect("it answers");
        self.0.iter().map(ask).collect()
    }

    fn leases(&self) -> Vec<usize> {
        let names = self.ask(&["KEYS", "sf1:*}"]);
        names
            .iter()
            .map(|names| names.matches("sf1:").count())
            .collect()
    }

    /// How many leases another process waits for.
    fn waited_for(&self, keys: &[String]) -> usize {
        let is_waited_for = |key: &&String| {
            let fields = self.ask(&["HKEYS", &format!("sf1:test:v1{{={key}}}")]);
            // The others say where the key is.
            fields.iter().any(|fields| fields.contains("\r\nw:"))
        };
        keys.iter().filter(is_waited_for).count()
    }

    /// One process leads works of all keys and another waits for them, until `meanwhile` is done.
    async fn shares(&self, keys: &[String], meanwhile: impl AsyncFnOnce(&Self)) {
        let (leader, follower) = (self.group().await, self.group().await);
        let gate = Gate::new();
        let (mut leading, mut following) = (JoinSet::new(), JoinSet::new());
        for key in keys {
            let (leader, work, key) = (leader.clone(), gate.clone(), key.clone());
            leading.spawn(async move { leader.run_outcome(&key, |_| work.work(&key)).await });
        }
        for _ in keys {
            gate.begun().await;
        }
        for key in keys {
            let (follower, key) = (follower.clone(), key.clone());
            following.spawn(async move {
                let call = follower.run_outcome(&key, async |_| unreachable!("one leads"));
                (call.await, key)
            });
        }
        eventually(|| self.waited_for(keys) == keys.len()).await;
        within(meanwhile(self)).await;
        for _ in keys {
            gate.open();
        }
        while let Some(led) = within(leading.join_next()).await {
            let led = led.expect("no panic").expect("a value");
            assert_eq!((led.role, led.lease), (Role::Leader, Ended::Landed));
        }
        while let Some(received) = within(following.join_next()).await {
            let (received, key) = received.expect("no panic");
            let received = received.expect("a value");
            assert_eq!((received.value, received.role), (key, Role::Remote));
        }
        assert_eq!(gate.works(), keys.len());
    }
}

fn keys() -> Vec<String> {
    (0..12).map(|number| format!("key {number}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_a_work_over_a_cluster() {
    let Some(cluster) = Cluster::new(1).await else {
        return;
    };
    // The client may send a JOIN by itself again, later.
    let is_marked = async |cluster: &Cluster| {
        let marks = cluster.ask(&["KEYS", "sf1:*}m"]).concat();
        assert!(marks.contains("sf1:test:v1{=key}m"), "{marks}");
    };
    cluster.shares(&["key".to_owned()], is_marked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_works_over_three_masters() {
    let Some(cluster) = Cluster::new(3).await else {
        return;
    };
    let spread = async |cluster: &Cluster| {
        let leases = cluster.leases();
        assert!(leases.iter().all(|&leases| leases > 0), "{leases:?}");
        // Each process has one inbox, on one of them: messages cross.
        let inboxes = cluster.ask(&["PUBSUB", "CHANNELS", "sfi:*"]).concat();
        assert_eq!(inboxes.matches("sfi:").count(), 2, "{inboxes}");
    };
    cluster.shares(&keys(), spread).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_in_a_cluster_is_made_anew() {
    let Some(cluster) = Cluster::new(3).await else {
        return;
    };
    let subscribed = |cluster: &Cluster| {
        let clients = cluster.ask(&["CLIENT", "LIST", "TYPE", "pubsub"]);
        let ids = clients.iter().enumerate().flat_map(|(node, clients)| {
            let ids = clients.lines().filter_map(|line| line.split("id=").nth(1));
            ids.map(move |rest| format!("{node} {}", rest.split(' ').next().unwrap_or_default()))
        });
        ids.collect::<HashSet<_>>()
    };
    let deafen = async |cluster: &Cluster| {
        let before = subscribed(cluster);
        assert_eq!(before.len(), 2, "one of each process: {before:?}");
        cluster.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        eventually(|| {
            let now = subscribed(cluster);
            now.len() == 2 && now.is_disjoint(&before)
        })
        .await;
    };
    cluster.shares(&keys(), deafen).await;
}
