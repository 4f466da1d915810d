//! How a pod of the service ends.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// How long requests that are running may go on.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shutdown {
    /// Seconds that running requests get to finish. Default: 5, in production 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 1 && self <= 3600").message("shutdown.drainSeconds: write a number from 1 to 3600"))]
    pub drain_seconds: Option<i32>,
}
