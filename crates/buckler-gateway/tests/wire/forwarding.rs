//! What passes, and in which form.

use std::sync::Arc;

use crate::support::{Backend, Client, before, fields, gateway};
use buckler_gateway::upstream::{Endpoint, Endpoints, UpstreamSettings};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UnixListener};

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test]
async fn requests_reach_the_app_as_they_were_sent() {
    // R02 R03
    struct Case {
        sent: &'static str,
        received: &'static str,
    }
    let cases = [
        Case {
            sent: "GET /a//b;c?q=%20&r HTTP/1.1\r\nHost: x\r\nX-Own: 1\r\nX-Own: 2\r\n\r\n",
            received: "GET /a//b;c?q=%20&r HTTP/1.1\r\nhost: x\r\nx-own: 1\r\nx-own: 2\r\n\r\n",
        },
        Case {
            sent: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
            received: "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc",
        },
        Case {
            sent: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
            received: "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
        },
        Case {
            sent: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\n\r\n",
            received: "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        },
        Case {
            sent: "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            received: "GET / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        },
        Case {
            sent: "POST / HTTP/1.1\r\nHost: x\r\nTrailer: x-sum, authorization\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-sum: 9\r\nauthorization: no\r\n\r\n",
            received: "POST / HTTP/1.1\r\nhost: x\r\ntrailer: x-sum, authorization\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        },
        Case { sent: "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", received: "OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n" },
        Case { sent: "GET http://x/p?q HTTP/1.1\r\nHost: x\r\n\r\n", received: "GET /p?q HTTP/1.1\r\nhost: x\r\n\r\n" },
        Case { sent: "GET / HTTP/1.0\r\nHost: x\r\n\r\n", received: "GET / HTTP/1.1\r\nhost: x\r\n\r\n" },
        Case { sent: "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", received: "BREW /pot HTTP/1.1\r\nhost: x\r\n\r\n" },
        Case {
            sent: "GET / HTTP/1.1\r\nHost: x\r\nTE: trailers, gzip\r\nConnection: TE, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\r\n",
            received: "GET / HTTP/1.1\r\nhost: x\r\nte: trailers\r\nconnection: te\r\n\r\n",
        },
        Case {
            sent: "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
            received: "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        },
    ];
    let (backend, requests) = Backend::fixed(HELLO).await;
    let gateway = before(&backend).await;
    for case in cases {
        let answer = gateway.ask(case.sent).await;
        assert_eq!((answer.status(), answer.text()), (200, "hello"), "{}", case.sent);
        assert_eq!(requests.last(), case.received);
    }
}

#[tokio::test]
async fn a_request_without_a_host_gets_the_apps() {
    let (backend, requests) = Backend::fixed(HELLO).await;
    let gateway = before(&backend).await;
    assert_eq!(gateway.ask("GET / HTTP/1.0\r\n\r\n").await.status(), 200);
    assert_eq!(fields(&requests.last(), "host"), [backend.address.to_string()]);
}

#[tokio::test]
async fn connect_is_not_served() {
    let (backend, requests) = Backend::fixed(HELLO).await;
    let gateway = before(&backend).await;
    let answer = gateway.ask("CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n").await;
    assert_eq!(answer.status(), 502);
    assert!(requests.all().is_empty());
}

/// What an app gives, and what of it the client gets.
struct AppAnswer {
    what: &'static str,
    request: &'static str,
    given: &'static str,
    status: u16,
    body: &'static str,
    fields: &'static [(&'static str, &'static [&'static str])],
}
const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n";
const ANSWERS: &[AppAnswer] = &[
    AppAnswer {
        what: "a length",
        request: GET,
        given: "HTTP/1.1 201 Created\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nhi",
        status: 201,
        body: "hi",
        fields: &[("set-cookie", &["a=1", "b=2"]), ("content-length", &["2"])],
    },
    AppAnswer {
        what: "chunks",
        request: GET,
        given: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        status: 200,
        body: "hi",
        fields: &[("transfer-encoding", &["chunked"]), ("content-length", &[])],
    },
    AppAnswer {
        what: "trailers for who asked for them",
        request: "GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n",
        given: "HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 9\r\n\r\n",
        status: 200,
        body: "hix-sum: 9\r\n",
        fields: &[("trailer", &["x-sum"])],
    },
    AppAnswer {
        what: "both framings",
        request: GET,
        given: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        status: 200,
        body: "hi",
        fields: &[("transfer-encoding", &["chunked"]), ("content-length", &[])],
    },
    AppAnswer {
        what: "one length said twice",
        request: GET,
        given: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
        status: 200,
        body: "hi",
        fields: &[("content-length", &["2"])],
    },
    AppAnswer {
        what: "HEAD",
        request: HEAD,
        given: "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
        status: 200,
        body: "",
        fields: &[("content-length", &["5000"])],
    },
    AppAnswer {
        what: "204",
        request: GET,
        given: "HTTP/1.1 204 No Content\r\n\r\n",
        status: 204,
        body: "",
        fields: &[("content-length", &[]), ("transfer-encoding", &[])],
    },
    AppAnswer {
        what: "304",
        request: GET,
        given: "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
        status: 304,
        body: "",
        fields: &[("etag", &["\"x\""]), ("transfer-encoding", &[])],
    },
    AppAnswer {
        what: "an interim answer",
        request: GET,
        given: "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        status: 200,
        body: "",
        fields: &[("link", &[])],
    },
    AppAnswer {
        what: "the app's connection",
        request: GET,
        given: "HTTP/1.1 200 OK\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n",
        status: 200,
        body: "",
        fields: &[("connection", &[]), ("x-hop", &[]), ("keep-alive", &[]), ("upgrade", &[])],
    },
    AppAnswer {
        what: "two dates",
        request: GET,
        given: "HTTP/1.1 200 OK\r\nDate: Sat, 01 Aug 2026 00:00:00 GMT\r\nDate: Sun, 02 Aug 2026 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
        status: 200,
        body: "",
        fields: &[("date", &["Sat, 01 Aug 2026 00:00:00 GMT"])],
    },
    AppAnswer {
        what: "HTTP/1.0 without a length",
        request: GET,
        given: "HTTP/1.0 200 OK\r\n\r\nall of it",
        status: 200,
        body: "all of it",
        fields: &[("transfer-encoding", &["chunked"])],
    },
];

#[tokio::test]
async fn answers_reach_the_client_as_they_were_given() {
    for case in ANSWERS {
        let backend = Backend::new(move |stream, _| async move {
            let mut client = Client::new(stream);
            client.message(false).await;
            client.send(case.given).await;
            // Only HTTP/1.0 ends by closing; the others wait for what comes.
            if !case.given.starts_with("HTTP/1.0") {
                client.message(false).await;
            }
        })
        .await;
        let gateway = before(&backend).await;
        let answer = gateway.ask(case.request).await;
        assert_eq!((answer.status(), answer.text(), answer.whole), (case.status, case.body, true), "{}", case.what);
        assert_eq!(answer.fields("date").len(), 1, "{}", case.what);
        for (name, values) in case.fields {
            assert_eq!(answer.fields(name), *values, "{}: {name}", case.what);
        }
    }
}

#[tokio::test]
async fn clients_of_http_1_0_are_served() {
    let (backend, _) =
        Backend::fixed("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n").await;
    let gateway = before(&backend).await;
    let answer = gateway.ask("GET / HTTP/1.0\r\nHost: x\r\n\r\n").await;
    assert!(answer.head.starts_with("HTTP/1.0 200"), "{}", answer.head);
    assert_eq!((answer.text(), answer.whole), ("hi", true));
    assert!(answer.fields("transfer-encoding").is_empty());
}

#[tokio::test]
async fn the_body_is_asked_for_when_the_app_is_to_have_it() {
    let (backend, requests) = Backend::fixed(HELLO).await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").await;
    assert_eq!(client.answer("POST").await.status(), 100);
    client.send("abc").await;
    assert_eq!(client.answer("POST").await.status(), 200);
    let received = requests.last();
    assert!(received.ends_with("\r\n\r\nabc"), "{received}");
    assert!(fields(&received, "expect").is_empty(), "{received}");
}

#[tokio::test]
async fn connections_to_the_app_are_used_again() {
    let (backend, requests) = Backend::fixed(HELLO).await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    for turn in 0..20 {
        let request = match turn % 3 {
            0 => "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            1 => "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
            _ => "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        };
        client.send(request).await;
        assert_eq!(client.answer("GET").await.text(), "hello");
    }
    assert_eq!((backend.connections(), requests.all().len()), (1, 20));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let (backend, _) = Backend::answering(|request| {
        let path = request.split(' ').nth(1).unwrap();
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}", path.len())
    })
    .await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    let pipeline: Vec<_> = (0..50).map(|turn| format!("GET /{turn} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    client.send(pipeline.concat()).await;
    for turn in 0..50 {
        assert_eq!(client.answer("GET").await.text(), format!("/{turn}"));
    }
}

#[tokio::test]
async fn apps_listen_on_unix_sockets_too() {
    // R09
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut client = Client::new(stream);
            while client.message(false).await.is_some() {
                client.stream.write_all(HELLO.as_bytes()).await.unwrap();
            }
        }
    });
    let address = format!("unix:{}", path.display()).parse().unwrap();
    let endpoints = Endpoints::fixed(vec![Endpoint::new(address, UpstreamSettings::default())]);
    let gateway = gateway(endpoints, |_| {}).await;
    assert_eq!(gateway.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.text(), "hello");
}

#[tokio::test]
async fn the_worker_with_least_to_do_is_asked_and_a_dead_one_is_passed_over() {
    // R09
    let (one, first) = Backend::fixed(HELLO).await;
    let (two, second) = Backend::fixed(HELLO).await;
    let gone = TcpStreamAddress::unused().await;
    let settings = UpstreamSettings::default();
    let endpoints = Endpoints::managed();
    let dead = Endpoint::new(format!("http://{gone}").parse().unwrap(), settings);
    for endpoint in [&dead, &one.endpoint(settings), &two.endpoint(settings)] {
        endpoints.add(endpoint);
    }
    let gateway = Arc::new(gateway(endpoints, |_| {}).await);
    let asking: Vec<_> = (0..40)
        .map(|_| {
            let gateway = gateway.clone();
            tokio::spawn(async move { gateway.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.status() })
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.await.unwrap(), 200);
    }
    assert_eq!(first.all().len() + second.all().len(), 40);
    assert!(!first.all().is_empty() && !second.all().is_empty());
}

/// An address nobody listens on.
struct TcpStreamAddress;

impl TcpStreamAddress {
    async fn unused() -> std::net::SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(TcpStream::connect(address).await.is_err());
        address
    }
}
