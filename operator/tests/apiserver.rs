//! Against a real API server.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod apiserver {
    mod deletion;
    mod drift;
    mod harness;
    mod refusals;
    mod status;
}
