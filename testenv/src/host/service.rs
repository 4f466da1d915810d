//! The service in a container, in front of a stack's Postgres and Redis.

use super::{
    Context,
    container::{Container, Recipe},
    probe,
};
use crate::{
    Error,
    provision::Image,
    stack::{Fault, Profile},
};

const PORT: u16 = 8080;

/// How the service is set up.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) profile: Profile,
    pub(super) database_url: Option<String>,
    pub(super) redis_url: Option<String>,
}

/// A running service.
#[derive(Debug)]
pub(super) struct ServiceServer {
    container: Container,
}

impl ServiceServer {
    /// Starts the service, and returns when it is ready.
    pub(super) async fn start(context: &Context, name: String, setup: Setup) -> Result<Self, Error> {
        let image = context.image(Image::Service).await?;
        let mut environment = vec![
            ("ULTRA_PROFILE", setup.profile.to_string()),
            ("ULTRA_MODE", "mock".into()),
            ("ULTRA_LISTEN", format!("0.0.0.0:{PORT}")),
        ];
        environment.extend(setup.database_url.map(|url| ("DATABASE_URL", url)));
        environment.extend(setup.redis_url.map(|url| ("REDIS_URL", url)));
        let container = Container::start(
            context,
            Recipe {
                name,
                image,
                port: PORT,
                arguments: Vec::new(),
                environment,
                memory: vec![("/data", "rw,uid=65532,gid=65532,mode=0700")],
            },
        )
        .await?;
        let service = Self { container };
        service.until_ready().await?;
        Ok(service)
    }

    async fn until_ready(&self) -> Result<(), Error> {
        self.container
            .until_ready(|| probe::get(self.container.port(), "/health/ready"))
            .await
    }

    pub(super) fn container(&self) -> &Container {
        &self.container
    }

    pub(super) async fn disturb(&self, fault: Fault) -> Result<(), Error> {
        self.container.disturb(fault).await?;
        if fault.starts() {
            self.until_ready().await
        } else {
            Ok(())
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.container.port())
    }
}
