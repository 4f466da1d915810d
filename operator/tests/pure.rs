//! What needs nothing: plans as snapshots, the contract with the service, and generated files.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod pure {
    mod contract;
    mod fixtures;
    mod generated;
    mod keys;
    mod pod;
    mod rules;
    mod snapshots;
    mod volumes;
}
