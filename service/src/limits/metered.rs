use futures::StreamExt as _;

use super::Reservation;
use crate::{
    domain::{ModelId, Usage},
    llm::{Delta, Deltas, Message},
};

/// About how many tokens a text of so many bytes has, for what no provider will ever count.
pub fn estimated_tokens(bytes: usize) -> u64 {
    const BYTES_PER_TOKEN: usize = 4;
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}

/// What a call has read, as far as it can be told before a provider counts it.
pub fn estimated_input(messages: &[Message]) -> Usage {
    let bytes = messages.iter().map(|message| message.content.len()).sum();
    Usage {
        input_tokens: estimated_tokens(bytes),
        output_tokens: 0,
    }
}

/// The same answer; what it took is spent before its end is told, and an estimate of it where it is given up.
pub fn metered(mut deltas: Deltas, mut reservation: Reservation, model: ModelId, read: Usage) -> Deltas {
    if !reservation.is_limited() {
        return deltas;
    }
    reservation.so_far([(&model, read)]);
    async_stream::stream! {
        let mut written = 0;
        while let Some(delta) = deltas.next().await {
            match &delta {
                Ok(Delta::Text(text)) => {
                    written += text.len();
                    let output_tokens = estimated_tokens(written);
                    reservation.so_far([(&model, Usage { output_tokens, ..read })]);
                }
                Ok(Delta::End { usage, .. }) => {
                    reservation.settle([(&model, *usage)]).await;
                    yield delta;
                    return;
                }
                // Of a call that the provider broke off, nobody knows what it counts.
                Err(_) => {
                    reservation.so_far([]);
                    yield delta;
                    return;
                }
            }
            yield delta;
        }
    }
    .boxed()
}
