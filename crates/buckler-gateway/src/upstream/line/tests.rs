use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use buckler_http::connection::Peer;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::upstream::{Endpoint, Endpoints, UpstreamSettings};

fn worker(concurrency: u32) -> Arc<Endpoint> {
    let settings = UpstreamSettings { concurrency: NonZeroU32::new(concurrency), ..UpstreamSettings::default() };
    Endpoint::new("unix:/nowhere/worker".parse().unwrap(), settings)
}

fn one_worker(concurrency: u32) -> (Endpoints, Arc<Endpoint>) {
    let endpoints = Endpoints::managed();
    let worker = worker(concurrency);
    endpoints.add(&worker);
    (endpoints, worker)
}

fn client(number: u8) -> Client {
    Client::from(Peer::Ip(SocketAddr::from((Ipv4Addr::new(192, 0, 2, number), 1))))
}

async fn place(endpoints: &Endpoints, number: u8) -> Result<Option<InFlight>, UpstreamError> {
    endpoints.place(&[], client(number), Instant::now() + LONGEST_WAIT).await
}

async fn have(endpoints: &Endpoints, number: u8) -> InFlight {
    place(endpoints, number).await.unwrap().unwrap()
}

/// One who stands in the line by the time this returns.
async fn stand(endpoints: &Endpoints, number: u8) -> JoinHandle<Result<Option<InFlight>, UpstreamError>> {
    let before = endpoints.waiting();
    let task = {
        let endpoints = endpoints.clone();
        tokio::spawn(async move { place(&endpoints, number).await })
    };
    while endpoints.waiting() == before && !task.is_finished() {
        tokio::task::yield_now().await;
    }
    task
}

// R08
#[tokio::test(start_paused = true)]
async fn one_client_with_a_hundred_requests_does_not_starve_another() {
    let (endpoints, worker) = one_worker(1);
    let busy = have(&endpoints, 1).await;
    let (served, mut order) = mpsc::unbounded_channel();
    let mut tasks = Vec::new();
    for number in std::iter::repeat_n(1, 100).chain([2, 3, 2]) {
        let before = endpoints.waiting();
        let (endpoints, served) = (endpoints.clone(), served.clone());
        let waiting = endpoints.clone();
        tasks.push(tokio::spawn(async move {
            let place = have(&endpoints, number).await;
            served.send(number).unwrap();
            drop(place);
        }));
        while waiting.waiting() == before {
            tokio::task::yield_now().await;
        }
    }
    drop((busy, served));
    let mut told = Vec::new();
    while let Some(number) = order.recv().await {
        told.push(number);
    }
    assert_eq!(told[..6], [1, 2, 3, 1, 2, 1]);
    assert_eq!(told.len(), 103);
    assert_eq!((worker.in_flight(), endpoints.waiting()), (0, 0));
}

// R08
#[tokio::test(start_paused = true)]
async fn one_client_cannot_fill_the_line_against_others() {
    let (endpoints, _worker) = one_worker(1);
    let busy = have(&endpoints, 1).await;
    let mut hoard = Vec::new();
    for _ in 0..LONGEST_LINE {
        hoard.push(stand(&endpoints, 1).await);
    }
    let began = Instant::now();
    assert!(place(&endpoints, 1).await.unwrap_err().is_full());
    assert_eq!(began.elapsed(), Duration::ZERO, "refused at once");
    let other = stand_pushing_out(&endpoints, 2).await;
    assert!(hoard.pop().unwrap().await.unwrap().unwrap_err().is_full(), "the newest of the one that has the most");
    drop(busy);
    // By turns: one of the first client's, then this one.
    drop(hoard.remove(0).await.unwrap());
    assert!(other.await.unwrap().is_ok());
    for task in hoard {
        drop(task.await.unwrap());
    }
}

async fn stand_pushing_out(endpoints: &Endpoints, number: u8) -> JoinHandle<Result<Option<InFlight>, UpstreamError>> {
    let endpoints = endpoints.clone();
    let task = tokio::spawn(async move { place(&endpoints, number).await });
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    assert!(!task.is_finished());
    task
}

// R08
#[tokio::test(start_paused = true)]
async fn who_waits_too_long_is_refused_and_leaves_no_trace() {
    let (endpoints, worker) = one_worker(2);
    let busy = (have(&endpoints, 1).await, have(&endpoints, 1).await);
    let began = Instant::now();
    assert!(place(&endpoints, 1).await.unwrap_err().is_full());
    assert_eq!((began.elapsed(), endpoints.waiting(), worker.in_flight()), (LONGEST_WAIT, 0, 2));
    drop(busy);
    drop(have(&endpoints, 1).await);
}

// R08
#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_gives_up_its_place() {
    let (endpoints, worker) = one_worker(1);
    let busy = have(&endpoints, 1).await;
    let (first, second, third) = (stand(&endpoints, 1).await, stand(&endpoints, 2).await, stand(&endpoints, 3).await);
    second.abort();
    drop(second.await);
    assert_eq!(endpoints.waiting(), 2);
    // The first is given the place and leaves before it knows: it goes on to the third.
    drop(busy);
    first.abort();
    assert!(first.await.is_err());
    drop(third.await.unwrap().unwrap());
    assert_eq!((endpoints.waiting(), worker.in_flight()), (0, 0));
}

// R09
#[tokio::test(start_paused = true)]
async fn nobody_overtakes() {
    let (endpoints, _worker) = one_worker(1);
    let busy = have(&endpoints, 1).await;
    let first = stand(&endpoints, 1).await;
    drop(busy);
    // The place is the first one's, though it has not run yet.
    assert!(endpoints.pooled().await.is_none());
    let second = stand(&endpoints, 2).await;
    let place = first.await.unwrap().unwrap();
    assert!(!second.is_finished());
    drop(place);
    assert!(second.await.unwrap().is_ok());
}

// R08
#[tokio::test(start_paused = true)]
async fn a_tunnel_gives_its_place_to_the_next() {
    let (endpoints, worker) = one_worker(1);
    let mut socket = have(&endpoints, 1).await;
    let next = stand(&endpoints, 2).await;
    socket.make_tunnel();
    let next = next.await.unwrap().unwrap();
    assert_eq!(worker.in_flight(), 2);
    drop((socket, next));
    assert_eq!(worker.in_flight(), 0);
}

// R09
#[tokio::test(start_paused = true)]
async fn a_new_worker_serves_the_line_and_without_any_nobody_stands() {
    let (endpoints, first) = one_worker(1);
    let busy = have(&endpoints, 1).await;
    let waiting = stand(&endpoints, 2).await;
    let second = worker(1);
    endpoints.add(&second);
    let place = waiting.await.unwrap().unwrap().unwrap();
    assert!(Arc::ptr_eq(place.endpoint(), &second));

    let waiting = stand(&endpoints, 2).await;
    endpoints.remove(&first);
    endpoints.remove(&second);
    assert!(waiting.await.unwrap().unwrap().is_none(), "there is nobody left to wait for");
    drop((busy, place));
    assert_eq!((first.in_flight(), second.in_flight()), (0, 0), "places of the removed are not handed on");
}

// R09
#[tokio::test(start_paused = true)]
async fn those_that_take_no_connection_are_not_waited_for() {
    let (endpoints, fallen) = one_worker(1);
    // Nobody listens there.
    assert!(fallen.fresh().await.is_err());
    let healthy = worker(1);
    endpoints.add(&healthy);
    let busy = have(&endpoints, 1).await;
    assert!(Arc::ptr_eq(busy.endpoint(), &healthy));
    let waiting = stand(&endpoints, 1).await;
    assert_eq!(endpoints.waiting(), 1, "the one that has fallen has room, and gives none");
    drop(busy);
    let place = waiting.await.unwrap().unwrap().unwrap();
    assert!(Arc::ptr_eq(place.endpoint(), &healthy));
    let tried = [Arc::clone(&healthy)];
    let last = endpoints.place(&tried, client(1), Instant::now()).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(last.endpoint(), &fallen), "better than nobody");
}

// R08
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_no_place_is_lost_and_none_is_given_twice() {
    const PLACES: u32 = 3;
    let endpoints = Endpoints::managed();
    let workers = [worker(PLACES), worker(PLACES)];
    for worker in &workers {
        endpoints.add(worker);
    }
    let tasks: Vec<_> = (0..200_u8)
        .map(|number| {
            let (endpoints, workers) = (endpoints.clone(), workers.clone());
            tokio::spawn(async move {
                for round in 0..50_u8 {
                    let far = Instant::now() + Duration::from_mins(5);
                    let mut wait = std::pin::pin!(endpoints.place(&[], client(number % 7), far));
                    let place = if number.wrapping_add(round) % 3 == 0 {
                        // Leaves after having been looked at a few times.
                        let patience = async {
                            for _ in 0..round % 4 {
                                tokio::task::yield_now().await;
                            }
                        };
                        tokio::select! {
                            biased;
                            place = &mut wait => Some(place),
                            () = patience => None,
                        }
                    } else {
                        Some(wait.await)
                    };
                    let Some(place) = place else { continue };
                    let mut place = place.unwrap().unwrap();
                    assert!(workers.iter().all(|worker| worker.requests() <= PLACES));
                    if round % 5 == 0 {
                        place.make_tunnel();
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(endpoints.waiting(), 0);
    assert!(workers.iter().all(|worker| worker.in_flight() == 0));
}
