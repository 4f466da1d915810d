//! What runs on a real node.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "cluster/inventory.rs"]
mod inventory;
#[path = "cluster/kubectl.rs"]
mod kubectl;
#[path = "cluster/node.rs"]
mod node;
#[path = "cluster/operator.rs"]
mod operator;
#[path = "cluster/pod.rs"]
mod pod;
#[path = "cluster/profiles.rs"]
mod profiles;
