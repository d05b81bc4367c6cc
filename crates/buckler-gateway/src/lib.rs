//! The engine as a reverse proxy: listeners, TLS, upstreams, workers.
