//! The lives of workers: start, death, replacement, end.

use std::fs;
use std::num::NonZeroU16;
use std::time::Duration;

use buckler_gateway::workers::{EndpointEvent, FaultKind, Restart, StartError, State, WorkersConfig};
use rustix::process::{Pid, Signal, kill_process};

use super::{exchange, get, is_alive, plain_app, planned, project, socket, start, target, until, within};

fn one_worker(folder: &std::path::Path) -> WorkersConfig {
    planned(folder, |plan| plan.workers = NonZeroU16::MIN)
}

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_sees_what_the_edge_saw() {
    // R03, R09
    sees_the_edge(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_sees_the_same_with_uvicorn_alone() {
    // Without the packages that `uvicorn[standard]` brings: h11 parses, asyncio loops.
    let missing = "raise ImportError('not installed')\n";
    sees_the_edge(&[("httptools.py", missing), ("uvloop.py", missing), ("websockets.py", missing)]).await;
}

async fn sees_the_edge(more: &[(&str, &str)]) {
    let app = (
        "main.py",
        r#"
from fastapi import FastAPI, Request
app = FastAPI()

@app.get("/see")
def see(request: Request):
    return {
        "client": request.client, "scheme": request.url.scheme, "server": request.scope["server"],
        "url": str(request.url_for("see")), "headers": sorted(request.headers.keys()),
    }
"#,
    );
    let folder = project(&[&[app], more].concat());
    let mut watched = start(one_worker(folder.path())).await.unwrap();
    let socket = watched.ready().await;
    let answer = get(&socket, "/see").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let seen: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(seen["client"], serde_json::json!(["192.0.2.7", 51234]));
    assert_eq!(seen["scheme"], "https");
    assert_eq!(seen["server"], serde_json::json!(["198.51.100.1", 8443]));
    assert_eq!(seen["url"], "https://shop.example/see");
    assert_eq!(seen["headers"], serde_json::json!(["connection", "host"]));
    assert!(!head.to_ascii_lowercase().contains("\r\nserver:"), "{head}");

    for forged in
        ["", "Buckler-Edge: https\r\n", "Buckler-Edge: http - 0 127.0.0.1 1\r\nBuckler-Edge: http - 0 127.0.0.1 1\r\n"]
    {
        let answer =
            exchange(&socket, &format!("GET /see HTTP/1.1\r\nHost: a\r\n{forged}Connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{forged}: {answer}");
    }
    let mut large =
        "GET /see HTTP/1.1\r\nHost: a\r\nConnection: close\r\nBuckler-Edge: http - 0 127.0.0.1 1\r\n".to_owned();
    large += &["X-Large: ", &"x".repeat(64 << 10), "\r\n\r\n"].concat();
    assert!(exchange(&socket, &large).await.starts_with("HTTP/1.1 200 "), "the server behind the gateway is stricter");
    watched.supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_is_replaced_and_its_endpoint_withdrawn() {
    // R09
    let folder = project(&[("main.py", &plain_app("pass", "pass", "pass"))]);
    let mut config = WorkersConfig::new(target(folder.path(), "main:app"));
    config.restart.base = Duration::from_millis(1);
    let mut watched = start(config).await.unwrap();
    let (first, second) = (watched.ready().await, watched.ready().await);
    let pid: u32 = get(&first, "/").await.rsplit("\r\n").next().unwrap().parse().unwrap();
    let other = get(&second, "/").await;
    assert!(!other.ends_with(&pid.to_string()));

    kill(pid, Signal::KILL);
    let EndpointEvent::Gone { id: gone, .. } = watched.event().await else { panic!("not withdrawn") };
    let EndpointEvent::Ready { id, endpoint } = watched.event().await else { panic!("not replaced") };
    let path = socket(&endpoint);
    assert_eq!((id.slot, id.generation), (gone.slot, 2));
    assert_ne!(path, first);
    assert!(!first.exists());
    assert_ne!(get(&path, "/").await.rsplit("\r\n").next().unwrap(), pid.to_string());
    // The bodies: the heads tell the time.
    let body = |answer: &str| answer.rsplit("\r\n").next().map(str::to_owned);
    assert_eq!(body(&get(&second, "/").await), body(&other));
    assert!(watched.logged("was killed (signal 9)"));
    let status = watched.supervisor.status();
    let replaced = status.iter().find(|status| status.slot == id.slot).unwrap();
    assert_eq!((replaced.state, replaced.restarts), (State::Ready, 1));
    watched.supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_told_to_end_by_somebody_else_is_withdrawn_before_it_closes() {
    let folder =
        project(&[("main.py", &plain_app("pass", "while not (HERE / 'go').exists():\n    time.sleep(0.01)", "pass"))]);
    let mut watched = start(one_worker(folder.path())).await.unwrap();
    watched.ready().await;
    let pid = watched.supervisor.status()[0].pid.unwrap();
    kill(pid, Signal::TERM);
    assert!(matches!(watched.event().await, EndpointEvent::Gone { .. }));
    assert!(is_alive(pid), "withdrawn only when it was dead");
    fs::write(folder.path().join("go"), "").unwrap();
    watched.ready().await;
    watched.supervisor.kill();
    watched.supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deaths_in_a_row_lengthen_the_pause() {
    // R09: who is second always dies
    let started = "if (HERE / 'first').exists() and 'FIRST' not in globals():\n    os._exit(5)\n\
        (HERE / 'first').write_text('')\nglobals()['FIRST'] = True";
    let folder = project(&[("main.py", &plain_app(started, "pass", "pass"))]);
    let mut config = WorkersConfig::new(target(folder.path(), "main:app"));
    config.restart =
        Restart { base: Duration::from_millis(100), cap: Duration::from_millis(400), stable: Duration::from_hours(1) };
    let watched = start(config).await.unwrap();
    until("five deaths", || {
        watched.log.lock().unwrap().iter().filter(|line| line.contains("exit code 5")).count() >= 5
    })
    .await;
    let log = watched.log.lock().unwrap().clone();
    let pauses: Vec<&str> = log.iter().filter_map(|line| Some(line.split_once("again in ")?.1.split_at(3).0)).collect();
    assert_eq!(pauses[..5], ["0.1", "0.2", "0.4", "0.4", "0.4"]);
    watched.supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_lifespan_is_told_readably() {
    // R09
    let folder = project(&[(
        "main.py",
        r#"
from contextlib import asynccontextmanager
from fastapi import FastAPI

def connect():
    raise ConnectionError("the database is not there")

@asynccontextmanager
async def lifespan(app):
    connect()
    yield

app = FastAPI(lifespan=lifespan)
"#,
    )]);
    let error = start(WorkersConfig::new(target(folder.path(), "main:app"))).await.err().unwrap();
    let StartError::Failed(fault) = &error else { panic!("{error}") };
    assert_eq!(fault.kind, FaultKind::LifespanFailed);
    let shown = error.to_string();
    assert!(shown.starts_with("the app did not start: "), "{shown}");
    assert!(shown.contains("main.py\", line 6, in connect"), "{shown}");
    assert!(shown.trim_end().ends_with("ConnectionError: the database is not there"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_never_ends_is_ended() {
    let folder = project(&[("main.py", &plain_app("await asyncio.sleep(3600)", "pass", "pass"))]);
    let config = WorkersConfig { start_deadline: Duration::from_secs(2), ..one_worker(folder.path()) };
    let error = start(config).await.err().unwrap();
    let StartError::Failed(fault) = &error else { panic!("{error}") };
    assert_eq!(fault.kind, FaultKind::TimedOut);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_requests_and_the_lifespan_finish() {
    // R09
    let answer = "(HERE / 'begun').write_text('')\nwhile not (HERE / 'go').exists():\n    await asyncio.sleep(0.01)\nbody = 'finished'";
    let folder = project(&[("main.py", &plain_app("pass", "(HERE / 'stopped').write_text('')", answer))]);
    let mut watched = start(one_worker(folder.path())).await.unwrap();
    let socket = watched.ready().await;
    let pid = watched.supervisor.status()[0].pid.unwrap();
    let request = tokio::spawn({
        let socket = socket.clone();
        async move { get(&socket, "/").await }
    });
    until("the request arrived", || folder.path().join("begun").exists()).await;
    let stopping = async {
        watched.supervisor.stop().await;
        // Stopping is done only when everything is.
        (is_alive(pid), socket.exists())
    };
    let going = async {
        assert!(matches!(watched.events.recv().await, Some(EndpointEvent::Gone { .. })));
        assert!(!folder.path().join("stopped").exists());
        fs::write(folder.path().join("go"), "").unwrap();
    };
    let (left, ()) = within(async { tokio::join!(stopping, going) }).await;
    assert_eq!(left, (false, false));
    assert!(within(request).await.unwrap().ends_with("finished"));
    assert!(folder.path().join("stopped").exists());
    assert_eq!(watched.supervisor.status()[0].state, State::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_worker_is_killed_by_the_second_order() {
    // R09: the event loop itself hangs
    let folder =
        project(&[("main.py", &plain_app("pass", "pass", "(HERE / 'begun').write_text('')\ntime.sleep(3600)"))]);
    let mut watched = start(one_worker(folder.path())).await.unwrap();
    let socket = watched.ready().await;
    let pid = watched.supervisor.status()[0].pid.unwrap();
    let request = tokio::spawn(async move { get(&socket, "/").await });
    until("the request arrived", || folder.path().join("begun").exists()).await;
    let force = async {
        assert!(matches!(watched.events.recv().await, Some(EndpointEvent::Gone { .. })));
        watched.supervisor.kill();
    };
    within(async { tokio::join!(watched.supervisor.stop(), force) }).await;
    assert!(!is_alive(pid));
    assert_eq!(within(request).await.unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_worker_is_killed_at_the_deadline() {
    let folder = project(&[("main.py", &plain_app("pass", "time.sleep(3600)", "pass"))]);
    let config = WorkersConfig { drain: Duration::from_secs(1), ..one_worker(folder.path()) };
    let mut watched = start(config).await.unwrap();
    watched.ready().await;
    within(watched.supervisor.stop()).await;
    assert!(watched.logged("did not end in time and was killed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_app_prints_arrives_harmless_and_changes_nothing() {
    // R61
    let answer = "print('\\x1b[31mred', flush=True)\nos.write(1, b'{\"event\": \"stopping\"}\\n')\n\
        import logging\nlogging.getLogger('uvicorn.error').error('an error')\nprint('y' * 100_000, flush=True)";
    let folder = project(&[("main.py", &plain_app("pass", "pass", answer))]);
    let mut watched = start(one_worker(folder.path())).await.unwrap();
    let socket = watched.ready().await;
    assert!(get(&socket, "/").await.starts_with("HTTP/1.1 200 "));
    until("all lines", || watched.logged("bytes more)")).await;
    for line in ["worker 1 | \\x1b[31mred", "worker 1 | {\"event\": \"stopping\"}", "an error"] {
        assert!(watched.logged(line), "{line}: {:?}", watched.log);
    }
    assert!(watched.events.is_empty(), "a print was taken for a report");
    // No access log of uvicorn's: the gateway has its own, redacted.
    assert!(!watched.logged("GET /"));
    watched.supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_may_start_processes_of_its_own() {
    let started = "import concurrent.futures, multiprocessing\n\
        with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:\n    \
        assert pool.submit(abs, -3).result() == 3";
    let folder = project(&[("main.py", &plain_app(started, "pass", "pass"))]);
    let mut watched = start(one_worker(folder.path())).await.unwrap();
    watched.ready().await;
    watched.supervisor.stop().await;
}
