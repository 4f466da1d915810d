//! Against a real API server.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod apiserver {
    mod deletion;
    mod drift;
    mod harness;
    mod keys;
    mod profiles;
    mod refusals;
    mod status;
}
