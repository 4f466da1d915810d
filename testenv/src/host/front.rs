//! What stands before a server: nothing for one that is shared, a way that faults can happen on for one that is not.

use super::{
    Context,
    container::Container,
    proxy::{Proxy, Traffic},
};
use crate::{Error, stack::Fault};

/// Where a server is reached.
#[derive(Debug)]
pub(super) struct Front {
    proxy: Option<Proxy>,
    /// The port of the container on loopback, and inside.
    ports: (u16, u16),
    name: String,
}

impl Front {
    pub(super) async fn start(
        context: &Context,
        container: &Container,
        port: u16,
        disturbable: bool,
    ) -> Result<Self, Error> {
        let proxy = match disturbable {
            true => Some(Proxy::start(container.port(), context.gateway().await?).await?),
            false => None,
        };
        Ok(Self {
            proxy,
            ports: (container.port(), port),
            name: container.name().to_owned(),
        })
    }

    /// Host and port for processes of this machine.
    pub(super) fn outside(&self) -> String {
        let port = self.proxy.as_ref().map_or(self.ports.0, Proxy::port);
        format!("127.0.0.1:{port}")
    }

    /// Host and port for containers of the run. Where the engine's network is on another machine there is no way
    /// round it that faults could happen on.
    pub(super) fn inside(&self) -> String {
        let address = self.proxy.as_ref().and_then(Proxy::inside);
        address.map_or_else(
            || format!("{}:{}", self.name, self.ports.1),
            |address| address.to_string(),
        )
    }

    /// Lets a fault happen on the way. False: it is none that does.
    pub(super) async fn disturb(&self, fault: Fault) -> Result<bool, Error> {
        let Some(proxy) = &self.proxy else {
            return Ok(false);
        };
        let traffic = match fault {
            Fault::Partition => Traffic::Stands,
            Fault::Refuse => Traffic::Refused,
            Fault::Latency(delay) => Traffic::Lags(delay),
            Fault::Reset => return proxy.reset().await.map(|()| true),
            _ => return Ok(false),
        };
        proxy.set(traffic).await.map(|()| true)
    }

    /// Does something while nobody is connected, nor can be.
    pub(super) async fn closed(&self, work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        let Some(proxy) = &self.proxy else {
            return work.await;
        };
        let before = proxy.traffic();
        proxy.set(Traffic::Refused).await?;
        let done = work.await;
        proxy.set(before).await?;
        done
    }

    /// Follows what happens to the container: nobody listens for one that does not run.
    pub(super) async fn follow(&self, fault: Fault) -> Result<(), Error> {
        let Some(proxy) = &self.proxy else {
            return Ok(());
        };
        match fault {
            Fault::Stop | Fault::Kill => proxy.set(Traffic::Refused).await,
            Fault::Start | Fault::Restart => proxy.set(Traffic::Flows).await,
            _ => Ok(()),
        }
    }

    /// Ends what happens on the way.
    pub(super) async fn heal(&self) -> Result<(), Error> {
        match &self.proxy {
            Some(proxy) => proxy.set(Traffic::Flows).await,
            None => Ok(()),
        }
    }
}
