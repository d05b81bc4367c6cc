//! Why Redis cannot be asked, in words that may be logged: never a password, nor a text that the server chose.

use std::io;

use redis::{ErrorKind, ServerErrorKind};

/// Why counts cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// No answer in time.
    #[error("no answer in time")]
    Slow,
    /// Nobody could be connected to, or the connection broke.
    #[error("no connection: {0}")]
    Unreachable(io::ErrorKind),
    /// The certificate, or what was agreed on.
    #[error("TLS: {0}")]
    Tls(String),
    /// The address's user and password.
    #[error("it does not take the user or the password")]
    Login,
    /// The user may not run the script, or not touch the keys.
    #[error("its user may not do what is needed (`~{{buckler:NAME}}:* +eval +evalsha +time +get +set +select`)")]
    Permission,
    /// `maxmemory`, and nothing that may be evicted.
    #[error("its memory is full")]
    Full,
    /// A replica.
    #[error("it is a replica and takes no writes")]
    ReadOnly,
    /// It reads its data, or looks for its primary.
    #[error("it is starting")]
    Starting,
    /// Another error, by its first word.
    #[error("it answers with the error `{0}`")]
    Answered(String),
    /// What came is no answer to what was asked.
    #[error("it answers what is no answer")]
    Garbage,
    /// The address's database.
    #[error("it has no database of that number, or its user may not `+select` it")]
    Database,
    /// None of the nodes of a cluster has the keys.
    #[error("no node of the cluster answers for the keys")]
    NoNode,
    /// More is asked at once than this process keeps waiting.
    #[error("too much is asked at once")]
    Crowded,
    /// The future is polled outside of a tokio runtime, or that has ended.
    #[error("no runtime drives the connection")]
    NoRuntime,
}

/// What is wrong with a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The settings are none. What is wrong, without what was written: it may hold a password.
    #[error("{0}")]
    Setting(&'static str),
    /// It cannot be asked.
    #[error("Redis at {server}: {reason}")]
    Down {
        /// Host and port, or the path of the socket.
        server: String,
        /// Why.
        reason: Reason,
    },
}

/// Letters of a word by which a server names an error: none of its own has as many.
const LONGEST_WORD: usize = 24;

/// The client library's own words for a `SELECT` that failed.
const NO_DATABASE: &str = "refused to switch database";

/// Whether asking again on a new connection may help at once.
pub(crate) fn is_broken(error: &redis::RedisError) -> bool {
    error.is_connection_dropped() || error.is_unrecoverable_error()
}

pub(crate) fn reason(error: &redis::RedisError) -> Reason {
    let code = error.code().unwrap_or_default();
    match (error.kind(), code) {
        (ErrorKind::AuthenticationFailed, _) | (_, "WRONGPASS" | "NOAUTH") => Reason::Login,
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => Reason::Permission,
        (ErrorKind::Server(ServerErrorKind::ResponseError), _) if error.to_string().contains(NO_DATABASE) => {
            Reason::Database
        }
        (_, "OOM") => Reason::Full,
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => Reason::ReadOnly,
        (ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown), _) => Reason::Starting,
        (ErrorKind::Server(ServerErrorKind::ClusterDown) | ErrorKind::ClusterConnectionNotFound, _) => Reason::NoNode,
        (ErrorKind::Io, _) if error.is_timeout() => Reason::Slow,
        (ErrorKind::Io, _) => Reason::Unreachable(io_kind(error)),
        (ErrorKind::Parse | ErrorKind::UnexpectedReturnType, _) | (_, "" | "WRONGTYPE") => Reason::Garbage,
        // A script's own failure names its cause behind the place in the script.
        (_, "ERR") if names(error, "OOM command not allowed") => Reason::Full,
        (_, "ERR") if names(error, "ACL failure") || names(error, "user executing the script") => Reason::Permission,
        (_, "ERR") if names(error, "WRONGTYPE") || names(error, "BUCKLER") => Reason::Garbage,
        (_, code) => Reason::Answered(word(code)),
    }
}

fn names(error: &redis::RedisError, what: &str) -> bool {
    error.detail().is_some_and(|detail| detail.contains(what))
}

/// A word as servers write them, and nothing else that somebody might have them say.
fn word(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_uppercase() || *c == '_').take(LONGEST_WORD).collect()
}

fn io_kind(error: &redis::RedisError) -> io::ErrorKind {
    use std::error::Error as _;
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.map_or(io::ErrorKind::ConnectionAborted, io::Error::kind)
}

pub(crate) fn of_io(error: &io::Error) -> Reason {
    // What rustls has to say is inside; it tells of certificates and never of what is sent.
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => Reason::Tls(tls.to_string()),
        None => Reason::Unreachable(error.kind()),
    }
}
