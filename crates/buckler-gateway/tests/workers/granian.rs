//! The same lives over the other server. What clients see is compared by the end-to-end tests, which run the apps'
//! own suites over both.

use std::fs;
use std::num::NonZeroU16;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use buckler_gateway::workers::{
    EndpointEvent, FaultKind, Interpreter, START_DEADLINE, StartError, Surroundings, Target, WorkersConfig, probe,
};
use buckler_policy::settings::AppServer;

use super::{get, plain_app, project, python, start, target, until, within};

fn over_granian(folder: &Path, app: &str) -> Target {
    Target { server: Some(AppServer::Granian), ..target(folder, app) }
}

fn one_worker(folder: &Path) -> WorkersConfig {
    let mut config = WorkersConfig::new(over_granian(folder, "main:app"));
    config.plan.workers = NonZeroU16::MIN;
    config
}

const SEES: &str = r#"
from fastapi import FastAPI, Request
app = FastAPI()

@app.get("/see")
def see(request: Request):
    return {
        "client": request.client, "scheme": request.url.scheme, "server": request.scope["server"],
        "url": str(request.url_for("see")), "headers": sorted(request.headers.keys()),
    }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_app_sees_what_the_edge_saw_under_granian() {
    // R03, R09: with uvloop, and without
    let missing = ("uvloop.py", "raise ImportError('not installed')\n");
    for more in [&[][..], &[missing]] {
        let folder = project(&[&[("main.py", SEES)], more].concat());
        let mut watched = start(one_worker(folder.path())).await.unwrap();
        let socket = watched.ready().await;
        let answer = get(&socket, "/see").await;
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let seen: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(seen["client"], serde_json::json!(["192.0.2.7", 51234]));
        assert_eq!(seen["scheme"], "https");
        assert_eq!(seen["server"], serde_json::json!(["198.51.100.1", 8443]));
        assert_eq!(seen["url"], "https://shop.example/see");
        assert_eq!(seen["headers"], serde_json::json!(["connection", "host"]));
        within(watched.supervisor.stop()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_without_a_lifespan_is_ready_all_the_same() {
    let app = "async def app(scope, receive, send):\n    assert scope['type'] == 'http'\n    \
        await send({'type': 'http.response.start', 'status': 204, 'headers': []})\n    \
        await send({'type': 'http.response.body'})\n";
    let folder = project(&[("main.py", app)]);
    let mut watched = start(one_worker(folder.path())).await.unwrap();
    let socket = watched.ready().await;
    assert!(get(&socket, "/").await.starts_with("HTTP/1.1 204 "));
    within(watched.supervisor.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_lifespan_is_told_under_granian() {
    // R09
    let text = "from contextlib import asynccontextmanager\nfrom fastapi import FastAPI\n\n@asynccontextmanager\n\
        async def lifespan(app):\n    raise ConnectionError('the database is not there')\n    yield\n\n\
        app = FastAPI(lifespan=lifespan)\n";
    let folder = project(&[("main.py", text)]);
    let error = start(one_worker(folder.path())).await.err().unwrap();
    let StartError::Failed(fault) = &error else { panic!("{error}") };
    assert_eq!(fault.kind, FaultKind::LifespanFailed);
    assert!(error.to_string().trim_end().ends_with("ConnectionError: the database is not there"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_granian_lets_requests_and_the_lifespan_finish() {
    // R09
    let answer = "(HERE / 'begun').write_text('')\nwhile not (HERE / 'go').exists():\n    await asyncio.sleep(0.01)\nbody = 'finished'";
    let folder = project(&[("main.py", &plain_app("pass", "(HERE / 'stopped').write_text('')", answer))]);
    let mut watched = start(one_worker(folder.path())).await.unwrap();
    let socket = watched.ready().await;
    let request = tokio::spawn(async move { get(&socket, "/").await });
    until("the request arrived", || folder.path().join("begun").exists()).await;
    let going = async {
        assert!(matches!(watched.events.recv().await, Some(EndpointEvent::Gone { .. })));
        assert!(!folder.path().join("stopped").exists());
        fs::write(folder.path().join("go"), "").unwrap();
    };
    within(async { tokio::join!(watched.supervisor.stop(), going) }).await;
    assert!(within(request).await.unwrap().ends_with("finished"));
    assert!(folder.path().join("stopped").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_ends_does_not_cost_granian_its_lifespan() {
    // R09
    let answer = "(HERE / 'begun').write_text('')\nawait asyncio.sleep(3600)";
    let folder = project(&[("main.py", &plain_app("pass", "(HERE / 'stopped').write_text('')", answer))]);
    let config = WorkersConfig { drain: Duration::from_secs(1), ..one_worker(folder.path()) };
    let mut watched = start(config).await.unwrap();
    let socket = watched.ready().await;
    let request = tokio::spawn(async move { get(&socket, "/").await });
    until("the request arrived", || folder.path().join("begun").exists()).await;
    within(watched.supervisor.stop()).await;
    assert!(folder.path().join("stopped").exists());
    drop(within(request).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_server_is_named_and_the_one_that_is_there_is_taken() {
    // R09
    let folder = project(&[("main.py", "async def app(scope, receive, send): pass\n")]);
    let bare = folder.path().join("bare");
    let made = Command::new(python().path()).args(["-m", "venv", "--without-pip"]).arg(&bare).status().unwrap();
    assert!(made.success());
    let asked = |server| {
        let around = Surroundings::of_process(None).unwrap();
        let interpreter = Interpreter::find(Some(&bare.join("bin/python")), &around).unwrap();
        Target { interpreter, server, ..target(folder.path(), "main:app") }
    };
    for (server, line) in [
        (Some(AppServer::Granian), "-m pip install 'granian>=2.5'"),
        (Some(AppServer::Uvicorn), "-m pip install 'uvicorn[standard]'"),
        (None, "-m pip install 'uvicorn[standard]'"),
    ] {
        let fault = probe(&asked(server), START_DEADLINE).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::ServerMissing);
        assert!(fault.to_string().contains(line), "{fault}");
    }
    for package in ["granian", "click"] {
        symlink(packages(python().path()).join(package), packages(&bare.join("bin/python")).join(package)).unwrap();
    }
    let facts = probe(&asked(None), START_DEADLINE).await.unwrap();
    assert_eq!(facts.server, "granian");
    let fault = probe(&asked(Some(AppServer::Uvicorn)), START_DEADLINE).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::ServerMissing);
    let facts = probe(&target(folder.path(), "main:app"), START_DEADLINE).await.unwrap();
    assert_eq!(facts.server, "uvicorn", "where both are there");
}

fn packages(python: &Path) -> std::path::PathBuf {
    let said = Command::new(python).args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).output();
    String::from_utf8(said.unwrap().stdout).unwrap().trim().into()
}
