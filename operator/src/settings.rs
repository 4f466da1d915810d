//! The operator's own settings: flags, or `ULTRA_OPERATOR_*` variables.

use crate::{image::ImageName, versions};
use clap::Args;
use std::net::SocketAddr;

/// The images that are deployed where a resource names none. An air-gapped cluster sets them once, here.
#[derive(Args, Clone, Debug)]
pub struct Images {
    /// Image of the service
    #[arg(long = "service-image", env = "ULTRA_OPERATOR_SERVICE_IMAGE", default_value_t = Images::default().service)]
    pub service: ImageName,

    /// Image of the built-in database
    #[arg(long = "postgres-image", env = "ULTRA_OPERATOR_POSTGRES_IMAGE", default_value_t = Images::default().postgres)]
    pub postgres: ImageName,

    /// Image of the built-in cache
    #[arg(long = "redis-image", env = "ULTRA_OPERATOR_REDIS_IMAGE", default_value_t = Images::default().redis)]
    pub redis: ImageName,
}

impl Default for Images {
    fn default() -> Self {
        Self {
            service: ImageName::new("ultra-service", versions::ULTRA),
            postgres: ImageName::new("postgres", &versions::postgres().default),
            redis: ImageName::new("redis", &versions::redis().default),
        }
    }
}

/// Everything that `ultra-operator run` can be told.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Address that serves /health/live and /health/ready
    #[arg(long, env = "ULTRA_OPERATOR_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,

    /// Reconcile this namespace only; all of them where it is not set
    #[arg(long, env = "ULTRA_OPERATOR_WATCH_NAMESPACE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub watch_namespace: Option<String>,

    /// Images of what is deployed
    #[command(flatten)]
    pub images: Images,
}
