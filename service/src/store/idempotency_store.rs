use async_trait::async_trait;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Error,
    records::{Digest, KeptAnswer, Once, OnceClaim},
};

/// Requests that are to be answered once, by all replicas together.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Claims a request for its holder, where nobody has answered it or is about to.
    async fn claim_once(&self, claim: &OnceClaim) -> Result<Once, Error>;

    /// Says that the holder goes on. False: it has been taken over, or is gone.
    async fn prolong_once(
        &self,
        name: &Digest,
        holder: Uuid,
        held_until: OffsetDateTime,
    ) -> Result<bool, Error>;

    /// Keeps the holder's answer. False: it has been taken over, or is gone.
    async fn answer_once(&self, name: &Digest, holder: Uuid, answer: &KeptAnswer) -> Result<bool, Error>;

    /// Gives up without an answer, so that the next one may try.
    async fn give_up_once(&self, name: &Digest, holder: Uuid) -> Result<(), Error>;
}
