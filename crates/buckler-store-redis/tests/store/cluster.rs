//! A cluster, of one node: all keys of an app are in one slot.

use buckler_limits::Check;
use buckler_store_redis::{Reason, Redis, RedisError};

use crate::server::{RUNTIME, Server, ask, check, is_counted, patient, rate, until_counted};

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
        assert_eq!(said.iter().any(buckler_limits::Answer::refuses), round > 2, "round {round}: {said:?}");
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
