//! Stands before a server and is slow, or answers in its place.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[derive(Default)]
struct Manner {
    delay: Duration,
    answer: Option<Vec<u8>>,
    /// Connections so far, and how many of them are silent.
    accepted: u64,
    silent: u64,
}

pub(crate) struct Proxy {
    port: u16,
    manner: Arc<Mutex<Manner>>,
}

impl Proxy {
    pub(crate) fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let manner = Arc::new(Mutex::new(Manner::default()));
        let of_listener = Arc::clone(&manner);
        // Ends with the process: the tests are over then.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let manner = Arc::clone(&of_listener);
                let number = {
                    let mut manner = manner.lock().unwrap();
                    manner.accepted += 1;
                    manner.accepted
                };
                let (there, back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || pass(&client, &there, &manner, number));
                thread::spawn(move || pass(&server, &back, &Mutex::default(), 1));
            }
        });
        Self { port, manner }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Before each piece that is passed on to the server.
    pub(crate) fn delay(&self, delay: Duration) {
        self.manner.lock().unwrap().delay = delay;
    }

    /// Nothing comes back any more on the connections that there are; new ones work. As behind a router that forgot them.
    pub(crate) fn silence(&self) {
        let mut manner = self.manner.lock().unwrap();
        manner.silent = manner.accepted;
    }

    /// To each piece, without asking the server.
    pub(crate) fn answer(&self, answer: Option<&[u8]>) {
        self.manner.lock().unwrap().answer = answer.map(<[u8]>::to_vec);
    }
}

/// What one side says, to the other.
fn pass(mut from: &TcpStream, mut to: &TcpStream, manner: &Mutex<Manner>, number: u64) {
    let mut piece = [0; 1 << 13];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        let (delay, answer) = {
            let manner = manner.lock().unwrap();
            if number <= manner.silent {
                continue;
            }
            (manner.delay, manner.answer.clone())
        };
        thread::sleep(delay);
        let passed = match answer {
            Some(answer) => from.write_all(&answer),
            None => to.write_all(&piece[..read]),
        };
        if passed.is_err() {
            break;
        }
    }
    for end in [from, to] {
        drop(end.shutdown(Shutdown::Both));
    }
}
