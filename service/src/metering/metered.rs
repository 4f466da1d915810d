use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;

use super::Meter;
use crate::{
    domain::Usage,
    llm::{Delta, Deltas, Error, Message, ModelInfo, Provider, Request},
};

/// About as many bytes make a token.
const BYTES_PER_TOKEN: usize = 4;

/// Models whose calls count for a request. What a call took is known when it ends; until then, and for good where it
/// is broken off, it is guessed from the text: whoever goes away before the end has been answered all the same.
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
        let read = request.messages.iter().map(Message::bytes).sum();
        let mut deltas = self.provider.stream(request).await?;
        let meter = self.meter.clone();
        let call = meter.asked(model, guess(read, 0));
        let mut written = 0;
        let metered = async_stream::stream! {
            while let Some(delta) = deltas.next().await {
                match &delta {
                    Ok(Delta::Text(text)) => {
                        written += text.len();
                        meter.took(call, guess(read, written));
                    }
                    Ok(Delta::ToolCall(part)) => {
                        written += part.arguments.len();
                        meter.took(call, guess(read, written));
                    }
                    Ok(Delta::End { usage, .. }) => meter.took(call, *usage),
                    Ok(Delta::Logprobs(_)) | Err(_) => {}
                }
                yield delta;
            }
        };
        Ok(metered.boxed())
    }
}

fn guess(read: usize, written: usize) -> Usage {
    let tokens = |bytes: usize| bytes.div_ceil(BYTES_PER_TOKEN) as u64;
    Usage {
        input_tokens: tokens(read),
        output_tokens: tokens(written),
    }
}
