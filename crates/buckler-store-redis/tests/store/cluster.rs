//! Clusters: all keys of an app are in one slot, which one node has, and may lose to another.

use std::time::{Duration, Instant};

use buckler_limits::{Answer, Check, StoreDown};
use buckler_store_redis::{Reason, Redis, RedisError, RedisSettings};

use crate::server::{PATIENCE, RUNTIME, Server, ask, check, is_counted, patient, rate, until_counted};

fn cluster() -> Option<Server> {
    let server = Server::start(&["--cluster-enabled", "yes"])?;
    server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    Some(server)
}

// R13: a batch of several limits is one script there, too
#[test]
fn counts_in_a_cluster() {
    let Some(server) = cluster() else { return };
    let url = format!("redis-cluster://127.0.0.1:{}?node=127.0.0.1:{}", server.port, server.port);
    let store = Redis::new(patient(url)).unwrap();
    let batch: Vec<Check> = (0..8).map(|key| check(key, rate(3 + key))).collect();
    until_counted(&store, &batch);
    for round in 1..6 {
        let said = ask(&store, &batch);
        assert!(is_counted(&said), "{said:?}");
        assert_eq!(said.iter().any(Answer::refuses), round > 2, "round {round}: {said:?}");
    }
    assert_eq!(server.keys().len(), 9);
    server.command(&["SCRIPT", "FLUSH"]);
    assert!(is_counted(&ask(&store, &batch)));
}

// R13: a node that is asked by mistake, as a single server is, and one that has no slots
#[test]
fn clusters_that_are_none() {
    let Some(server) = Server::start(&["--cluster-enabled", "yes"]) else { return };
    for url in [server.url(), server.url().replace("redis:", "redis-cluster:")] {
        let error = RUNTIME.block_on(Redis::new(patient(url)).unwrap().probe()).expect_err("it has no slots");
        assert!(matches!(error, RedisError::Down { ref reason, .. } if *reason != Reason::Slow), "{error}");
    }
}

/// Three nodes with a third of the slots each, which know each other.
struct Cluster(Vec<Server>);

impl Cluster {
    fn start() -> Option<Self> {
        // One that is gone is not waited for, so that tests can look at what follows.
        let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
        let nodes: Vec<Server> = (0..3).map_while(|_| Server::start(&arguments)).collect();
        let [first, others @ ..] = &*nodes else { return None };
        for (node, [from, to]) in nodes.iter().zip([["0", "5460"], ["5461", "10922"], ["10923", "16383"]]) {
            node.command(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
        }
        for other in others {
            first.command(&["CLUSTER", "MEET", "127.0.0.1", &other.port.to_string()]);
        }
        let cluster = Self(nodes);
        cluster.until("all nodes know all slots", |node| {
            let info = text(&node.command(&["CLUSTER", "INFO"]));
            info.contains("cluster_state:ok")
                && info.contains("cluster_known_nodes:3")
                && info.contains("cluster_size:3")
        });
        Some(cluster)
    }

    fn until(&self, what: &str, holds: impl Fn(&Server) -> bool) {
        let begun = Instant::now();
        while !self.0.iter().all(&holds) {
            assert!(begun.elapsed() < PATIENCE, "{what}: never");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// By one node: the others are asked for.
    fn settings(&self) -> RedisSettings {
        patient(self.0[0].url().replace("redis:", "redis-cluster:"))
    }

    fn slot(&self, name: &str) -> String {
        let words = ["CLUSTER", "KEYSLOT", &format!("{{buckler:{name}}}:")];
        redis::from_redis_value::<u16>(self.0[0].command(&words)).expect("a slot").to_string()
    }

    /// Which node has the keys of an app.
    fn owner(&self) -> usize {
        self.0.iter().position(|node| !node.keys().is_empty()).expect("somebody has them")
    }

    /// Moves a slot and its keys, as an administrator would.
    fn give(&self, slot: &str, from: usize, to: usize) {
        let [id_of_giver, id_of_taker] = [from, to].map(|node| text(&self.0[node].command(&["CLUSTER", "MYID"])));
        self.0[to].command(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &id_of_giver]);
        self.0[from].command(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &id_of_taker]);
        let port = self.0[to].port.to_string();
        let keys = self.0[from].keys();
        let mut words = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
        words.extend(keys.iter().map(String::as_str));
        self.0[from].command(&words);
        for node in [to, from] {
            self.0[node].command(&["CLUSTER", "SETSLOT", slot, "NODE", &id_of_taker]);
        }
    }
}

fn text(value: &redis::Value) -> String {
    redis::from_redis_value(value.clone()).expect("a text")
}

// R13: the slot of an app is on another node than the one whose address is known, and moves on to a third
#[test]
fn counts_go_with_their_slot() {
    let Some(cluster) = Cluster::start() else { return };
    let settings = cluster.settings();
    let (slot, store) = (cluster.slot(&settings.name), Redis::new(settings).unwrap());
    let batch: Vec<Check> = (0..4).map(|key| check(key, rate(6))).collect();
    let refused = |said: &[Answer]| said.iter().filter(|answer| answer.refuses()).count();
    until_counted(&store, &batch);
    assert!(is_counted(&ask(&store, &batch)));
    // To every other node, so that it was none of the two for one of them.
    for _ in 0..2 {
        let owner = cluster.owner();
        cluster.give(&slot, owner, (owner + 1) % 3);
        let said = ask(&store, &batch);
        assert!(is_counted(&said) && refused(&said) == 0, "{said:?}");
        assert_eq!(cluster.owner(), (owner + 1) % 3);
        assert!(is_counted(&ask(&store, &batch)));
    }
    // Six were admitted, whichever node counted them.
    assert_eq!(refused(&ask(&store, &batch)), batch.len());
}

// R13: the node that has the counts is gone, and nobody takes its place
#[test]
fn a_lost_node_is_a_store_that_cannot_be_asked() {
    let Some(mut cluster) = Cluster::start() else { return };
    let settings = RedisSettings { timeout: Duration::from_secs(1), ..cluster.settings() };
    let store = Redis::new(settings).unwrap();
    let batch = [check(1, rate(5)), Check { store_down: StoreDown::Open, ..check(2, rate(5)) }];
    until_counted(&store, &batch);
    let owner = cluster.owner();
    cluster.0[owner].kill();
    for _ in 0..5 {
        let said = ask(&store, &batch);
        assert!(said.iter().all(|answer| matches!(answer, Answer::Unavailable)), "{said:?}");
    }
    // It comes back as it was told to, with nothing in it.
    cluster.0[owner].restart();
    until_counted(&store, &batch);
}
