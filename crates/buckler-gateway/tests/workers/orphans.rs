//! No worker survives the gateway.

use std::env;
use std::fs;
use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Command, Stdio};

use buckler_gateway::workers::WorkersConfig;
use rustix::process::{Pid, Signal, kill_process};

use super::{is_alive, plain_app, project, start, target, until};

/// Names the folder of the app for the process that is to be killed.
const FOLDER: &str = "ORPHAN_TEST_FOLDER";

/// The gateway of the test below: a process of its own, so that it can be killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by `workers_end_with_a_killed_gateway`"]
async fn gateway_to_be_killed() {
    let folder = env::var(FOLDER).unwrap();
    let mut target = target(Path::new(&folder), "main:app");
    target.withheld.push("WITHHELD_KEY".into());
    let mut config = WorkersConfig::new(target);
    config.plan.workers = NonZeroU16::MIN;
    let mut watched = start(config).await.unwrap();
    let socket = watched.ready().await;
    fs::write(Path::new(&folder).join("socket"), socket.to_str().unwrap()).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_end_with_a_killed_gateway() {
    // R09: nothing can be done any more by who is killed; R61: its secrets never got to the app
    let started = "import json\n\
        child = subprocess.Popen(['sleep', '3600'])\n\
        (HERE / 'environment').write_text(json.dumps(dict(os.environ)))\n\
        (HERE / 'pids').write_text(f'{os.getpid()} {child.pid}')";
    let folder = project(&[("main.py", &plain_app(started, "(HERE / 'stopped').write_text('')", "pass"))]);
    let mut gateway = Command::new(env::current_exe().unwrap())
        .args(["--exact", "orphans::gateway_to_be_killed", "--ignored"])
        .env(FOLDER, folder.path())
        .env("BUCKLER_SERVER__TLS__KEY", "secret")
        .env("WITHHELD_KEY", "secret")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("the worker is ready", || folder.path().join("socket").exists()).await;
    let pids: Vec<u32> =
        fs::read_to_string(folder.path().join("pids")).unwrap().split(' ').map(|pid| pid.parse().unwrap()).collect();
    let socket = fs::read_to_string(folder.path().join("socket")).unwrap();
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    let environment = fs::read_to_string(folder.path().join("environment")).unwrap();
    // Of ours, it has what it tells tickets by, and nothing of the policy.
    let rest = environment.replace("BUCKLER_WORKER_TICKET_KEY", "");
    assert!(!rest.contains("BUCKLER_") && !rest.contains("WITHHELD_KEY"), "{environment}");
    assert!(environment.contains(FOLDER) && environment.contains("PYTHONUNBUFFERED"), "{environment}");

    kill_process(Pid::from_raw(i32::try_from(gateway.id()).unwrap()).unwrap(), Signal::KILL).unwrap();
    gateway.wait().unwrap();
    until("worker and its child ended", || pids.iter().all(|pid| !is_alive(*pid))).await;
    assert!(folder.path().join("stopped").exists(), "the app could not shut down");
    until("the folder of the sockets is gone", || !Path::new(&socket).parent().unwrap().exists()).await;
}
