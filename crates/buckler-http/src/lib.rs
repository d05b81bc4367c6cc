//! The vocabulary of HTTP that the engine judges.
//!
//! Nothing here decides: these are the parsed forms of what a request says about itself, each with the one
//! reading that RFC 9110, RFC 9112 and the WHATWG standards allow. What has two readings is an error, never
//! repaired.
//!
//! | module | reads | from |
//! |---|---|---|
//! | [`address`] | addresses, as they are written | – |
//! | [`connection`] | who is connected, and how | – |
//! | [`head`] | the head of a request, one slot per field that the engine knows | RFC 9112 |
//! | [`asgi`] | target and peer of a scope | ASGI 3 |
//! | [`authority`] | `Host` and the authority of a target | RFC 3986 §3.2, RFC 9110 §7.2 |
//! | [`host`] | names that a service answers to | – |
//! | [`target`] | the request target and its path | RFC 9112 §3.2, RFC 3986 §3.3 |
//! | [`forwarding`] | who the client is behind proxies | RFC 7239, `X-Forwarded-*` |
//! | [`origin`] | `Origin` and patterns of origins | RFC 6454, Fetch |
//! | [`media`] | `Content-Type` and ranges of types | RFC 9110 §8.3 |
//! | [`token`] | the characters of names | RFC 9110 §5.6.2 |
//! | [`frames`] | what HTTP/2 frames cost, and floods of them | RFC 9113 §4, §10.5 |
//! | [`wire`] | where each request begins and ends among the bytes of a connection | RFC 9112 |

pub mod address;
pub mod asgi;
pub mod authority;
pub mod connection;
pub mod forwarding;
pub mod frames;
pub mod head;
pub mod host;
pub mod media;
pub mod origin;
pub mod target;
pub mod token;
pub mod wire;
