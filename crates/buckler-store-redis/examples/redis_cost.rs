//! What a decision costs over a Redis of its own on this machine's loopback, beside a bare `PING` of the same client:
//! `cargo run --release -p buckler-store-redis --example redis_cost`.
#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::error::Error;
use std::net::TcpListener;
use std::num::NonZeroU32;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use buckler_limits::{Allowance, Check, LimitId, Moment, Rate, StoreDown, Subject};
use buckler_store::{Counters, Reach};
use buckler_store_redis::{Redis, RedisSettings};

/// Of each figure.
const DECISIONS: u32 = 40_000;

/// Requests at once, where there are many.
const MANY: u32 = 64;

/// Keys that are asked for in turn.
const KEYS: u64 = 1_000;

/// Ends with what started it.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Nanoseconds that the first thread of a process has run: all of this program, and all of Redis that answers.
fn ran(process: &str) -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string(format!("/proc/{process}/schedstat"))?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

fn check(key: u64, count: u64) -> Result<Check, Box<dyn Error>> {
    let mut subject = Subject::new(LimitId::of("cost", "cost"));
    subject.push(&key.to_le_bytes());
    let allowance = Allowance::Rate(Rate::new(count, Duration::from_hours(1), count)?);
    Ok(Check { subject, allowance, cost: 1, store_down: StoreDown::Closed })
}

#[derive(Clone)]
enum Asked {
    Ping(redis::aio::MultiplexedConnection),
    Store(Redis, Vec<Vec<Check>>),
}

impl Asked {
    async fn once(&mut self, turn: usize) -> bool {
        match self {
            Self::Ping(connection) => redis::cmd("PING").exec_async(connection).await.is_ok(),
            Self::Store(store, batches) => {
                let Some(batch) = batches.get(turn % batches.len()) else { return false };
                let answers = match store.count(batch, Moment(0)) {
                    Reach::Now(answers) => answers,
                    Reach::Later(later) => later.await,
                };
                answers.iter().all(|answer| answer.standing().is_some())
            }
        }
    }
}

async fn measure(what: &str, asked: &Asked, at_once: u32, server: &str) -> Result<(), Box<dyn Error>> {
    let run = async |decisions: u32| -> Result<(), Box<dyn Error>> {
        let mut tasks = Vec::new();
        for task in 0..at_once {
            let mut asked = asked.clone();
            tasks.push(tokio::spawn(async move {
                for turn in 0..decisions / at_once {
                    if !asked.once((task * 7919 + turn) as usize).await {
                        return false;
                    }
                }
                true
            }));
        }
        for task in tasks {
            if !task.await? {
                return Err("no answer".into());
            }
        }
        Ok(())
    };
    run(DECISIONS / 10).await?;
    let (begun, here, there) = (Instant::now(), ran("self")?, ran(server)?);
    run(DECISIONS).await?;
    let (wall, here, there) = (begun.elapsed(), ran("self")? - here, ran(server)? - there);
    let each = |nanos: f64| nanos / f64::from(DECISIONS) / 1e3;
    println!("| {what} | {at_once} | {:.1} | {:.1} | {:.1} |", each(wall.as_secs_f64() * 1e9), each(here), each(there));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new("redis-server");
    command.args(["--save", "", "--bind", "127.0.0.1", "--port", &port.to_string()]).stdout(Stdio::null());
    let server = Server(command.spawn()?);
    let process = server.0.id().to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let url = format!("redis://127.0.0.1:{port}");
        let patient = |name: &str| RedisSettings { timeout: Duration::from_secs(5), ..RedisSettings::new(&url, name) };
        let store = |name: &str, lease| Redis::new(RedisSettings { lease: NonZeroU32::new(lease), ..patient(name) });
        let probe = store("probe", 0)?;
        while probe.probe().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let ping = redis::Client::open(url.as_str())?.get_multiplexed_async_connection().await?;
        let batches = |limits: u64, count| -> Result<Vec<Vec<Check>>, Box<dyn Error>> {
            let batch = |key| (0..limits).map(|limit| check(key * limits + limit, count)).collect();
            (0..KEYS).map(batch).collect()
        };
        let plenty = 1_000_000_000;
        println!("| asked | at once | µs, wall | µs of CPU here | µs of CPU in Redis |\n|---|---|---|---|---|");
        for at_once in [1, MANY] {
            measure("`PING`", &Asked::Ping(ping.clone()), at_once, &process).await?;
            let exact = store("exact", 0)?;
            measure("exact, one limit", &Asked::Store(exact.clone(), batches(1, plenty)?), at_once, &process).await?;
            measure("exact, two limits", &Asked::Store(exact.clone(), batches(2, plenty)?), at_once, &process).await?;
            let refused = Asked::Store(exact, batches(1, 1)?);
            measure("exact, refused", &refused, at_once, &process).await?;
        }
        let busy = batches(1, plenty)?.into_iter().take(10).collect();
        measure("leased by 100, ten keys", &Asked::Store(store("leased", 100)?, busy), 1, &process).await?;
        let refused = Asked::Store(store("refused", 100)?, batches(1, 1)?);
        measure("leased, refused", &refused, 1, &process).await
    })
}
