//! What the tests share: literate cases, a recording backend, a raw HTTP client.
