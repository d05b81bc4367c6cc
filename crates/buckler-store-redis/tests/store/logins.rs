//! Users, passwords, and what they may do.

use buckler_store_redis::{Reason, Redis, RedisError};

use crate::server::{RUNTIME, Server, ask, check, is_counted, patient, rate};

fn probed(url: String) -> (Redis, Result<(), RedisError>) {
    let store = Redis::new(patient(url)).unwrap();
    let outcome = RUNTIME.block_on(store.probe());
    (store, outcome)
}

fn reason(url: String) -> Reason {
    match probed(url).1 {
        Err(error @ RedisError::Down { .. }) => {
            for shown in [error.to_string(), format!("{error:?}")] {
                assert!(!shown.contains("hunter2"), "{shown}");
            }
            let RedisError::Down { reason, .. } = error else { panic!("{error}") };
            reason
        }
        other => panic!("{other:?}"),
    }
}

// R13
#[test]
fn passwords() {
    let Some(server) = Server::start(&["--requirepass", "correct horse/@"]) else { return };
    let at = |login: &str| format!("redis://{login}127.0.0.1:{}", server.port);
    for login in ["", ":hunter2@", "default:hunter2@", "nobody:hunter2@"] {
        assert_eq!(reason(at(login)), Reason::Login, "{login}");
    }
    for login in [":correct%20horse%2F%40@", "default:correct%20horse%2F%40@"] {
        let (store, outcome) = probed(at(login));
        outcome.expect("it is let in");
        assert!(is_counted(&ask(&store, &[check(1, rate(5))])));
    }
    let unix = format!("redis+unix://{}?pass=correct%20horse%2F%40", server.socket().display());
    probed(unix).1.expect("it is let in");
}

// R13: the rights that we say are needed are enough, and each of them is needed
#[test]
fn users() {
    let Some(server) = Server::start(&[]) else { return };
    let needed = ["+eval", "+evalsha", "+time", "+get", "+set", "+select"];
    let user = |name: &str, rights: &[&str], keys: &str| {
        let mut words = vec!["ACL", "SETUSER", name, "on", ">hunter2", keys, "-@all"];
        words.extend_from_slice(rights);
        server.command(&words);
        format!("redis://{name}:hunter2@127.0.0.1:{}/1", server.port)
    };
    let (store, outcome) = probed(user("enough", &needed, "~{buckler:*}:*"));
    outcome.expect("it may");
    assert!(is_counted(&ask(&store, &[check(1, rate(5))])));
    for left_out in needed {
        let rights: Vec<_> = needed.into_iter().filter(|right| *right != left_out).collect();
        server.command(&["FLUSHALL"]);
        server.command(&["SCRIPT", "FLUSH"]);
        let reason = reason(user("less", &rights, "~{buckler:*}:*"));
        let right = if left_out == "+select" { Reason::Database } else { Reason::Permission };
        assert_eq!(reason, right, "without {left_out}");
        server.command(&["ACL", "DELUSER", "less"]);
    }
    assert_eq!(reason(server.url() + "/9999"), Reason::Database);
    assert_eq!(reason(user("other-keys", &needed, "~other:*")), Reason::Permission);
}
