//! Processes that hammer one key.

use std::process::{Command, Stdio};

use buckler_limits::Verdict;
use buckler_store_redis::{Redis, RedisSettings};

use crate::server::{Server, ask, check, name, patient, rate};

const PROCESSES: usize = 4;
const THREADS: usize = 8;

/// Of each thread.
const REQUESTS: u64 = 150;

/// Less than is asked for.
const LIMIT: u64 = 1_501;

/// What a process is told: where, under which name, and how many permits at once.
const TOLD: [&str; 3] = ["BUCKLER_TEST_URL", "BUCKLER_TEST_NAME", "BUCKLER_TEST_LEASE"];

/// One of the processes: prints what it was admitted. As a test of its own it has nothing to do.
#[test]
fn hammering_process() {
    let [Ok(url), Ok(name), Ok(lease)] = TOLD.map(std::env::var) else { return };
    let lease = lease.parse().ok();
    let store = Redis::new(RedisSettings { name, lease, ..patient(url) }).unwrap();
    let admitted: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let asked = (0..REQUESTS).map(|_| ask(&store, &[check(1, rate(LIMIT))])[0]);
                    asked.filter(|said| said.standing().expect("counted").verdict == Verdict::Allowed).count() as u64
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    println!("admitted {admitted}");
}

/// What each of the processes was admitted.
fn hammered(server: &Server, lease: &str) -> Vec<u64> {
    let name = name();
    let children: Vec<_> = (0..PROCESSES)
        .map(|_| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["processes::hammering_process", "--exact", "--nocapture", "--test-threads=1"]);
            command.envs(TOLD.into_iter().zip([server.url().as_str(), &name, lease]));
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let read = |output: std::process::Output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = text.split_once("admitted ").map(|(_, said)| said);
        let said = said.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
        let digits: String = said.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    children.into_iter().map(|child| read(child.wait_with_output().unwrap())).collect()
}

// R13: 8 threads in each of 4 processes are admitted exactly as often as the limit says
#[test]
fn exactly_the_limit() {
    let Some(server) = Server::start(&[]) else { return };
    let admitted = hammered(&server, "none");
    assert_eq!(admitted.iter().sum::<u64>(), LIMIT, "{admitted:?}");
    assert!(admitted.iter().all(|of_one| *of_one > 0), "{admitted:?}");
}

// R13: with leases never one more, and no more is refused too early than lies in the leases
#[test]
fn leased_is_never_more() {
    let Some(server) = Server::start(&[]) else { return };
    for lease in [2, 10, 100] {
        let admitted = hammered(&server, &lease.to_string());
        let all: u64 = admitted.iter().sum();
        assert!(all <= LIMIT, "{lease}: {admitted:?}");
        assert!(all >= LIMIT - lease * PROCESSES as u64, "{lease}: {admitted:?}");
    }
}
