//! Who answers a request with an `Idempotency-Key`, and what was answered.

use async_trait::async_trait;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Database, call,
    connection::{execute, fetch_optional},
    timestamp::Timestamp,
    transaction,
};
use crate::store::{Digest, Error, IdempotencyStore, KeptAnswer, Once, OnceClaim, records::owner};

#[derive(sqlx::FromRow)]
struct Row {
    fingerprint: Vec<u8>,
    holder: Uuid,
    held_until: Timestamp,
    status: Option<i32>,
    headers: Option<Json<Vec<(String, String)>>>,
    body: Option<Vec<u8>>,
}

#[async_trait]
impl<D: Database> IdempotencyStore for D {
    async fn claim_once(&self, claim: &OnceClaim) -> Result<Once, Error> {
        self::claim(self, claim).await
    }

    async fn prolong_once(
        &self,
        name: &Digest,
        holder: Uuid,
        held_until: OffsetDateTime,
    ) -> Result<bool, Error> {
        call(self, async {
            let mut lease = self.lease().await?;
            let prolonged = execute!(
                lease,
                "update idempotency set held_until = $3 where name = $1 and holder = $2 and status is null",
                name.as_bytes(),
                holder,
                Timestamp(held_until),
            )?;
            Ok(prolonged == 1)
        })
        .await
    }

    async fn answer_once(&self, name: &Digest, holder: Uuid, answer: &KeptAnswer) -> Result<bool, Error> {
        call(self, async {
            let mut lease = self.lease().await?;
            let kept = execute!(
                lease,
                "update idempotency set status = $3, headers = $4, body = $5 \
                 where name = $1 and holder = $2 and status is null",
                name.as_bytes(),
                holder,
                i32::from(answer.status),
                Json(&answer.headers),
                answer.body.as_slice(),
            )?;
            Ok(kept == 1)
        })
        .await
    }

    async fn give_up_once(&self, name: &Digest, holder: Uuid) -> Result<(), Error> {
        call(self, async {
            let mut lease = self.lease().await?;
            execute!(
                lease,
                "delete from idempotency where name = $1 and holder = $2 and status is null",
                name.as_bytes(),
                holder,
            )?;
            Ok(())
        })
        .await
    }
}

/// One statement decides, however many come at once: it takes what is new, what is over, and what its holder was not
/// heard of again that asked for the same.
async fn claim(database: &impl Database, claim: &OnceClaim) -> Result<Once, Error> {
    transaction(database, || async move {
        let mut transaction = database.begin().await?;
        let claimed = execute!(
            transaction,
            "insert into idempotency (name, user_id, fingerprint, holder, held_until, expires_at) \
             values ($1, $2, $3, $4, $5, $6) on conflict (name) do update set user_id = excluded.user_id, \
             fingerprint = excluded.fingerprint, holder = excluded.holder, held_until = excluded.held_until, \
             expires_at = excluded.expires_at, status = null, headers = null, body = null \
             where idempotency.expires_at <= $7 or (idempotency.status is null and idempotency.held_until <= $7 \
             and idempotency.fingerprint = excluded.fingerprint)",
            claim.name.as_bytes(),
            owner(claim.account),
            claim.fingerprint.as_bytes(),
            claim.holder,
            Timestamp(claim.held_until),
            Timestamp(claim.expires_at),
            Timestamp(claim.now),
        )?;
        if claimed == 1 {
            transaction.commit().await?;
            return Ok(Once::Claimed);
        }
        let row = fetch_optional!(
            transaction,
            Row,
            "select fingerprint, holder, held_until, status, headers, body from idempotency where name = $1",
            claim.name.as_bytes(),
        )?;
        // What is gone by now was given up a moment ago; the next try gets it.
        Ok(row.map_or(Once::UnderWay { until: claim.now }, |row| row.seen_by(claim)))
    })
    .await
}

impl Row {
    fn seen_by(self, claim: &OnceClaim) -> Once {
        if self.fingerprint != claim.fingerprint.as_bytes() {
            return Once::Another;
        }
        match (self.status, self.headers, self.body) {
            // A statement that was sent again because its answer was lost finds what it did itself.
            (None, ..) if self.holder == claim.holder => Once::Claimed,
            (Some(status), Some(headers), Some(body)) => Once::Answered(KeptAnswer {
                status: u16::try_from(status).unwrap_or_default(),
                headers: headers.0,
                body,
            }),
            _ => Once::UnderWay {
                until: self.held_until.0,
            },
        }
    }
}
