use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;

use super::Meter;
use crate::llm::{Delta, Deltas, Error, ModelInfo, Provider, Request};

/// Models whose calls count for a request.
pub(super) struct Metered {
    provider: Arc<dyn Provider>,
    meter: Meter,
}

impl Metered {
    pub(super) fn new(provider: Arc<dyn Provider>, meter: Meter) -> Self {
        Self { provider, meter }
    }
}

#[async_trait]
impl Provider for Metered {
    fn models(&self) -> Vec<ModelInfo> {
        self.provider.models()
    }

    async fn stream(&self, request: Request) -> Result<Deltas, Error> {
        let model = request.model.clone();
        let read = request.bytes();
        let mut deltas = self.provider.stream(request).await?;
        let mut call = self.meter.call(model, read);
        let metered = async_stream::stream! {
            while let Some(delta) = deltas.next().await {
                match &delta {
                    Ok(Delta::End { usage, .. }) => call.took(*usage),
                    Ok(delta) => call.wrote(delta.bytes()),
                    Err(_) => {}
                }
                yield delta;
            }
        };
        Ok(metered.boxed())
    }
}
