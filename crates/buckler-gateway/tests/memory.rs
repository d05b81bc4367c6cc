//! Bodies stream: memory does not grow with their size. Alone in its process, because it looks at all of it.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests may fail a test")]

#[path = "wire/support/mod.rs"]
mod support;

use support::{Backend, Client, before};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SIZE: usize = 256 * 1024 * 1024;

/// Kilobytes of the process at its largest (proc(5)).
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_pass_in_flat_memory() {
    // R08
    let backend = Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        client.head().await.unwrap();
        let (mut read, mut write) = client.stream.into_split();
        let mut left = SIZE - client.buffer.len();
        let mut chunk = vec![0; 64 * 1024];
        while left > 0 {
            left -= read.read(&mut chunk).await.unwrap();
        }
        write.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n").as_bytes()).await.unwrap();
        let mut left = SIZE;
        while left > 0 {
            let size = left.min(chunk.len());
            write.write_all(&chunk[..size]).await.unwrap();
            left -= size;
        }
    })
    .await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    let before = peak();
    client.send(format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {SIZE}\r\n\r\n")).await;
    let mut chunk = vec![0; 64 * 1024];
    for _ in 0..SIZE / chunk.len() {
        client.stream.write_all(&chunk).await.unwrap();
    }
    client.head().await.unwrap();
    let mut left = SIZE - client.buffer.len();
    while left > 0 {
        left -= client.stream.read(&mut chunk).await.unwrap();
    }
    let grown = peak() - before;
    assert!(grown < 16 * 1024, "{grown} KiB more after {} KiB each way", SIZE / 1024);
}
