//! The Ultra operator: an `UltraDeployment` becomes a running Ultra.
//!
//! One reconcile is five steps, one file each, and each is handed the last one's result:
//! [`observe`] → [`validate`] → [`mod@plan`] → [`apply`] → [`status`]. [`controller`] runs them.

pub mod apply;
pub mod backoff;
pub mod caches;
pub mod cli;
pub mod controller;
pub mod crd;
pub mod defaults;
pub mod drift;
pub mod error;
pub mod events;
pub mod fresh;
pub mod health;
pub mod image;
pub mod install;
pub mod names;
pub mod observe;
pub mod plan;
pub mod quantity;
pub mod rbac;
pub mod rollout;
pub mod settings;
pub mod status;
pub mod validate;
pub mod versions;
