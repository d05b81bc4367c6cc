//! Stopping: what was begun is finished, what is idle is closed, and what never ends is cut.

use std::time::Duration;

use buckler_gateway::upstream::UpstreamSettings;
use buckler_policy::settings::Timeouts;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};

use crate::support::{Backend, Client, Running, TIMEOUTS, gateway, until};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// A backend that answers when it is told to.
struct Gate {
    backend: Backend,
    reached: mpsc::UnboundedReceiver<()>,
    open: std::sync::Arc<Semaphore>,
}

async fn gate() -> Gate {
    let (reach, reached) = mpsc::unbounded_channel();
    let open = std::sync::Arc::new(Semaphore::new(0));
    let opened = open.clone();
    let backend = Backend::new(move |stream, _| {
        let (reach, opened) = (reach.clone(), opened.clone());
        async move {
            let mut client = Client::new(stream);
            while client.message(false).await.is_some() {
                reach.send(()).unwrap();
                opened.acquire().await.unwrap().forget();
                client.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
            }
        }
    })
    .await;
    Gate { backend, reached, open }
}

async fn behind(gate: &Gate, drain: Duration) -> Running {
    gateway(gate.backend.endpoints(UpstreamSettings::default()), |settings| {
        settings.timeouts = Timeouts { drain, ..TIMEOUTS };
    })
    .await
}

#[tokio::test]
async fn who_has_just_connected_may_still_ask() {
    // R09: closed without a word, it would look like a failure
    let mut gate = gate().await;
    let gateway = behind(&gate, Duration::from_mins(10)).await;
    let address = gateway.address;
    gate.open.add_permits(1);
    let mut early = gateway.client().await;
    gateway.stop();
    until(|| std::net::TcpStream::connect(address).is_err()).await;
    early.send(GET).await;
    let answer = early.answer("GET").await;
    assert_eq!((answer.status(), answer.fields("connection")), (200, vec!["close"]));
    gate.reached.recv().await.unwrap();
    drop(early);
    gateway.ended().await;
}

#[tokio::test]
async fn requests_in_flight_are_answered_and_then_it_ends() {
    // R09
    let mut gate = gate().await;
    let gateway = behind(&gate, Duration::from_mins(10)).await;
    let address = gateway.address;
    let mut idle = gateway.client().await;
    let mut busy = gateway.client().await;
    busy.send(GET).await;
    gate.reached.recv().await.unwrap();
    let mut begun = gateway.client().await;
    begun.send("GET / HTTP/1.1\r\n").await;
    // The half head has been read when a later connection has been served.
    tokio::time::sleep(Duration::from_millis(50)).await;

    gateway.stop();
    assert!(idle.is_closed().await, "an idle connection is closed");
    until(|| std::net::TcpStream::connect(address).is_err()).await;

    gate.open.add_permits(2);
    let answer = busy.answer("GET").await;
    assert_eq!((answer.status(), answer.text()), (200, "hello"));
    assert!(busy.is_closed().await);
    begun.send("Host: x\r\n\r\n").await;
    let answer = begun.answer("GET").await;
    assert_eq!((answer.status(), answer.fields("connection")), (200, vec!["close"]));
    drop(begun);
    gateway.ended().await;
}

#[tokio::test]
async fn what_does_not_end_is_cut_at_the_deadline() {
    // R09
    let mut gate = gate().await;
    let gateway = behind(&gate, Duration::from_millis(100)).await;
    let mut stuck = gateway.client().await;
    stuck.send(GET).await;
    gate.reached.recv().await.unwrap();
    gateway.stop();
    assert!(stuck.is_closed().await);
    let events = gateway.events.clone();
    gateway.ended().await;
    assert!(events.any("Cut"), "{:?}", events.all());
}

#[tokio::test]
async fn with_nothing_to_do_it_ends_at_once() {
    let gate = gate().await;
    let gateway = behind(&gate, Duration::from_mins(10)).await;
    let kept = TcpStream::connect(gateway.address).await.unwrap();
    gateway.stop();
    gateway.ended().await;
    drop(kept);
}
