//! Workers that are well, and make room for the next one all the same.

use std::fs;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

use buckler_gateway::workers::{Debug, EndpointEvent, Plan, Recycle, State, WorkerId};

use super::{Watched, get, plain_app, planned, project, socket, start, until};

/// Answers with its process and the version of its source. Each has its own size: Python takes a source of the same
/// second and size for the one that it has compiled.
fn version(number: usize) -> String {
    plain_app("pass", "pass", &format!("body = f'{{os.getpid()}} v{number}'{}", " ".repeat(number)))
}

fn one(plan: &mut Plan) {
    plan.workers = NonZeroU16::MIN;
}

fn write(folder: &Path, text: &str) {
    fs::write(folder.join("main.py"), text).unwrap();
}

/// The next two events, of which the first has to be the new worker.
async fn replaced(watched: &mut Watched) -> (WorkerId, WorkerId, PathBuf) {
    let EndpointEvent::Ready { id: new, endpoint } = watched.event().await else { panic!("withdrawn before the next") };
    let EndpointEvent::Gone { id: old, .. } = watched.event().await else { panic!("two at the same time") };
    assert_eq!((new.slot, new.generation > old.generation), (old.slot, true));
    (old, new, socket(&endpoint))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_replaces_them_one_at_a_time() {
    // R09
    let folder = project(&[("main.py", &version(1))]);
    let config = planned(folder.path(), |plan| plan.workers = NonZeroU16::new(3).unwrap());
    let plan = config.plan;
    let mut watched = start(config).await.unwrap();
    for _ in 0..3 {
        watched.ready().await;
    }
    write(folder.path(), &version(2));
    watched.supervisor.reload(plan);
    let mut slots = Vec::new();
    for _ in 0..3 {
        let (old, _, path) = replaced(&mut watched).await;
        assert!(get(&path, "/").await.ends_with(" v2"));
        slots.push(old.slot);
    }
    slots.sort_unstable();
    assert_eq!(slots, [1, 2, 3]);
    assert!(watched.logged("worker 1 replaced: reload"));
    let statuses = watched.supervisor.status();
    assert!(statuses.iter().all(|status| (status.state, status.replacements) == (State::Ready, 1)), "{statuses:?}");
    watched.supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_app_leaves_all_as_they_are_and_the_mended_one_is_picked_up() {
    // R09
    let folder = project(&[("main.py", &version(1))]);
    let config = planned(folder.path(), |_| {});
    let plan = config.plan;
    let mut watched = start(config).await.unwrap();
    let sockets = [watched.ready().await, watched.ready().await];
    write(folder.path(), "app = 1\n\nthis is no Python\n");
    watched.supervisor.reload(plan);
    until("it is told", || watched.logged("the workers stay as they are (reload)")).await;
    assert!(watched.logged("main.py\", line 3"), "{:?}", watched.log);
    for socket in &sockets {
        assert!(get(socket, "/").await.ends_with(" v1"));
    }
    let told = watched.log.lock().unwrap().iter().filter(|line| line.contains("the workers stay")).count();
    assert_eq!(told, 1, "once, not for each worker");
    assert!(watched.events.is_empty());

    write(folder.path(), &version(2));
    watched.supervisor.changed("main.py");
    for _ in 0..2 {
        let (_, _, path) = replaced(&mut watched).await;
        assert!(get(&path, "/").await.ends_with(" v2"));
    }
    assert!(watched.logged("worker 1 replaced: main.py changed"));
    watched.supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_during_a_reload_are_one_more() {
    // R09: neither lost nor piled up
    let started = "while not (HERE / 'go').exists():\n    await asyncio.sleep(0.01)";
    let slow = plain_app(started, "pass", "pass");
    let folder = project(&[("main.py", &version(1))]);
    let config = planned(folder.path(), one);
    let plan = config.plan;
    let mut watched = start(config).await.unwrap();
    watched.ready().await;
    write(folder.path(), &slow);
    watched.supervisor.reload(plan);
    for _ in 0..20 {
        watched.supervisor.reload(plan);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    write(folder.path(), &version(2));
    watched.supervisor.reload(plan);
    fs::write(folder.path().join("go"), "").unwrap();
    let mut last = replaced(&mut watched).await;
    let mut replacements = 1;
    while !get(&last.2, "/").await.ends_with(" v2") {
        last = replaced(&mut watched).await;
        replacements += 1;
    }
    assert!(replacements <= 3, "{replacements}");
    watched.supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_development_what_hangs_is_not_waited_for() {
    // R09
    let folder = project(&[("main.py", &version(1))]);
    let mut watched = start(planned(folder.path(), one)).await.unwrap();
    watched.ready().await;
    write(folder.path(), &plain_app("(HERE / 'hangs').write_text('')\nawait asyncio.sleep(3600)", "pass", "pass"));
    watched.supervisor.changed("main.py");
    until("it hangs", || folder.path().join("hangs").exists()).await;
    write(folder.path(), &version(2));
    watched.supervisor.changed("main.py");
    let (_, _, path) = replaced(&mut watched).await;
    assert!(get(&path, "/").await.ends_with(" v2"));
    watched.supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_and_fewer_workers_take_effect() {
    // R09
    let folder = project(&[("main.py", &version(1))]);
    let config = planned(folder.path(), one);
    let mut plan = config.plan;
    let watched = start(config).await.unwrap();
    let ready =
        |watched: &Watched| watched.supervisor.status().iter().filter(|status| status.state == State::Ready).count();
    for (workers, slots) in [(3, 3), (1, 3), (2, 3)] {
        plan.workers = NonZeroU16::new(workers).unwrap();
        watched.supervisor.reload(plan);
        until("as many as are wanted", || ready(&watched) == usize::from(workers)).await;
        assert_eq!(watched.supervisor.status().len(), slots);
    }
    watched.supervisor.stop().await;
    assert!(watched.supervisor.status().iter().all(|status| status.state == State::Stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_memory_too_old_or_too_many_requests() {
    // R09
    let megabyte = 1 << 20;
    for (recycle, wanted) in [
        (Recycle { memory: Some(megabyte), ..Recycle::default() }, "worker 1 replaced: memory "),
        (Recycle { age: Some(Duration::from_millis(10)), ..Recycle::default() }, "worker 1 recycled after 0 s"),
        (Recycle { requests: Some(1), ..Recycle::default() }, "worker 1 recycled after 1 request"),
    ] {
        let folder = project(&[("main.py", &version(1))]);
        let config = planned(folder.path(), |plan| {
            one(plan);
            plan.recycle = recycle;
        });
        let mut plan = config.plan;
        let mut watched = start(config).await.unwrap();
        let EndpointEvent::Ready { endpoint, .. } = watched.event().await else { panic!("not ready") };
        if recycle.requests.is_some() {
            let endpoints = buckler_gateway::upstream::Endpoints::managed();
            endpoints.add(&endpoint);
            forward(&endpoints).await;
        }
        replaced(&mut watched).await;
        until(wanted, || watched.logged(wanted)).await;
        plan.recycle = Recycle::default();
        watched.supervisor.reload(plan);
        watched.supervisor.stop().await;
    }
}

/// One request as the gateway sends it.
async fn forward(endpoints: &buckler_gateway::upstream::Endpoints) {
    use buckler_gateway::upstream::UpstreamService;
    use tower::ServiceExt as _;
    let request = http::Request::get("/").header("host", "a").body(http_body_util::Empty::<bytes::Bytes>::new());
    UpstreamService::new(endpoints.clone()).oneshot(request.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_finishes_is_not_cut_off() {
    // R09: the one that is replaced still has a request when the next one serves
    let answer = "(HERE / 'begun').write_text('')\nwhile not (HERE / 'go').exists():\n    await asyncio.sleep(0.01)\nbody = 'finished'";
    let folder = project(&[("main.py", &plain_app("pass", "(HERE / 'stopped').write_text('')", answer))]);
    let config = planned(folder.path(), one);
    let plan = config.plan;
    let mut watched = start(config).await.unwrap();
    let old = watched.ready().await;
    let request = tokio::spawn(async move { get(&old, "/").await });
    until("the request arrived", || folder.path().join("begun").exists()).await;
    write(folder.path(), &version(2));
    watched.supervisor.reload(plan);
    let (_, _, path) = replaced(&mut watched).await;
    assert!(get(&path, "/").await.ends_with(" v2"));
    assert!(!folder.path().join("stopped").exists());
    fs::write(folder.path().join("go"), "").unwrap();
    assert!(super::within(request).await.unwrap().ends_with("finished"));
    until("the old one has shut its app down", || folder.path().join("stopped").exists()).await;
    watched.supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_shows_tracebacks_does_not_serve() {
    // R09: what the start refuses is refused to every worker
    let app = |debug: &str| format!("from fastapi import FastAPI\napp = FastAPI(debug={debug})\n");
    let folder = project(&[("main.py", &app("False"))]);
    let config = planned(folder.path(), one);
    let mut plan = config.plan;
    let mut watched = start(config).await.unwrap();
    watched.ready().await;
    write(folder.path(), &app("True"));
    watched.supervisor.reload(plan);
    until("it is told", || watched.logged("the workers stay as they are (reload)")).await;
    assert!(watched.logged("`debug=True` shows tracebacks to clients"), "{:?}", watched.log);
    assert!(watched.supervisor.deployable().is_ok() && watched.events.is_empty());

    plan.debug = Debug::Allowed;
    watched.supervisor.reload(plan);
    replaced(&mut watched).await;
    assert!(watched.supervisor.deployable().is_err());
    watched.supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_fails_is_tried_again_after_growing_pauses() {
    // R09: recycled, not reloaded, and only the first one can start
    let started = "if (HERE / 'first').exists():\n    os._exit(5)\n\
        (HERE / 'first').write_text('')";
    let folder = project(&[("main.py", &plain_app(started, "pass", "pass"))]);
    let mut config = planned(folder.path(), |plan| {
        one(plan);
        plan.recycle.age = Some(Duration::from_millis(10));
    });
    config.restart.cap = Duration::from_millis(200);
    let mut watched = start(config).await.unwrap();
    let socket = watched.ready().await;
    let failures = |watched: &Watched| -> Vec<String> {
        let log = watched.log.lock().unwrap();
        log.iter().filter(|line| line.contains("worker 1 stays (its age)")).cloned().collect()
    };
    until("three attempts", || failures(&watched).len() >= 3).await;
    let pause = |line: &String| line.split_once("again in ").unwrap().1.split_at(3).0.to_owned();
    let pauses: Vec<String> = failures(&watched).iter().map(pause).collect();
    assert_eq!(pauses[..3], ["0.1", "0.2", "0.2"]);
    assert!(get(&socket, "/").await.starts_with("HTTP/1.1 200 "));
    assert!(watched.events.is_empty(), "the old one was withdrawn");
    fs::remove_file(folder.path().join("first")).unwrap();
    replaced(&mut watched).await;
    watched.supervisor.kill();
    watched.supervisor.stop().await;
}
