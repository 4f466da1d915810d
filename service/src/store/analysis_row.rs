//! How an analysis lies in a table. Both databases share the statements: they take the same placeholders.

use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Error,
    counts::{to_i64, to_u64},
    error::unreadable,
};
use crate::{
    analyses::Analysis,
    cache::Tier,
    domain::{AnalysisId, ModelId, Money, Prompt, Turn, Usage},
    panel::{Chosen, Comparison, LeftOut, Member, Skipped, StageReport},
};

pub(super) const INSERT: &str = "insert into analyses (id, created_at, prompt, answer, models, synthesizer, degraded, \
     truncated, cached_by, input_tokens, output_tokens, duration_ms, left_out, stages, messages, members, chosen, \
     skipped, cost, verdict, user_id) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
     $17, $18, $19, $20, $21) on conflict (id) do nothing";

pub(super) const SELECT: &str = "select id, created_at, prompt, answer, models, synthesizer, degraded, truncated, cached_by, \
     input_tokens, output_tokens, duration_ms, left_out, stages, messages, members, chosen, skipped, cost, \
     verdict from analyses where id = $1 and user_id is not distinct from $2";

/// The statement of a page of a user's analyses; `$none` is an empty list of stages, as the database writes one.
macro_rules! select_page {
    ($none:literal) => {
        concat!(
            "select id, created_at, prompt, answer, models, synthesizer, degraded, truncated, cached_by, input_tokens, \
             output_tokens, duration_ms, left_out, messages, members, chosen, skipped, cost, \
             verdict, ",
            $none,
            " as stages from analyses where user_id = $1 and id < $2 order by id desc limit $3"
        )
    };
}
pub(super) use select_page;

pub(super) const DELETE: &str = "delete from analyses where id = $1 and user_id is not distinct from $2";

pub(super) const APPLIED: &str = "select version from _sqlx_migrations where success";

#[derive(sqlx::FromRow)]
pub(super) struct AnalysisRow {
    pub(super) id: Uuid,
    pub(super) created_at: OffsetDateTime,
    pub(super) prompt: String,
    pub(super) answer: String,
    pub(super) models: Json<Vec<ModelId>>,
    pub(super) synthesizer: Option<String>,
    pub(super) degraded: bool,
    pub(super) truncated: bool,
    pub(super) cached_by: Option<String>,
    pub(super) input_tokens: i64,
    pub(super) output_tokens: i64,
    pub(super) duration_ms: i64,
    pub(super) left_out: Json<Vec<LeftOut>>,
    pub(super) stages: Json<Vec<StageReport>>,
    pub(super) messages: Json<Vec<Turn>>,
    pub(super) members: Json<Vec<Member>>,
    pub(super) chosen: Option<Json<Chosen>>,
    pub(super) skipped: Json<Vec<Skipped>>,
    pub(super) cost: i64,
    pub(super) verdict: Option<Json<Comparison>>,
}

impl From<&Analysis> for AnalysisRow {
    fn from(analysis: &Analysis) -> Self {
        Self {
            id: analysis.id.as_uuid(),
            created_at: analysis.created_at,
            prompt: analysis.prompt.as_str().to_owned(),
            answer: analysis.answer.clone(),
            models: Json(analysis.models.clone()),
            synthesizer: analysis.synthesizer.clone().map(String::from),
            degraded: analysis.degraded,
            truncated: analysis.truncated,
            cached_by: analysis.cache.map(|tier| tier.as_str().to_owned()),
            input_tokens: to_i64(analysis.usage.input_tokens),
            output_tokens: to_i64(analysis.usage.output_tokens),
            duration_ms: to_i64(analysis.duration_ms),
            left_out: Json(analysis.left_out.clone()),
            stages: Json(analysis.stages.clone()),
            messages: Json(analysis.messages.clone()),
            members: Json(analysis.members.clone()),
            chosen: analysis.chosen.clone().map(Json),
            skipped: Json(analysis.skipped.clone()),
            cost: to_i64(analysis.cost.millionths()),
            verdict: analysis.verdict.clone().map(Json),
        }
    }
}

impl TryFrom<AnalysisRow> for Analysis {
    type Error = Error;

    fn try_from(row: AnalysisRow) -> Result<Self, Error> {
        let cache = row
            .cached_by
            .as_deref()
            .map(str::parse::<Tier>)
            .transpose()
            .map_err(unreadable)?;
        Ok(Self {
            id: AnalysisId::from(row.id),
            created_at: row.created_at,
            prompt: Prompt::parse(&row.prompt).map_err(unreadable)?,
            answer: row.answer,
            models: row.models.0,
            synthesizer: row
                .synthesizer
                .map(|name| name.parse())
                .transpose()
                .map_err(unreadable)?,
            degraded: row.degraded,
            truncated: row.truncated,
            cached: cache.is_some(),
            cache,
            stored: true,
            usage: Usage {
                input_tokens: to_u64(row.input_tokens),
                output_tokens: to_u64(row.output_tokens),
            },
            duration_ms: to_u64(row.duration_ms),
            left_out: row.left_out.0,
            stages: row.stages.0,
            messages: row.messages.0,
            members: row.members.0,
            chosen: row.chosen.map(|chosen| chosen.0),
            skipped: row.skipped.0,
            cost: Money::from_millionths(to_u64(row.cost)),
            verdict: row.verdict.map(|verdict| verdict.0),
        })
    }
}

/// Binds a row to [`INSERT`]. A macro, because the two databases' queries have no type in common.
macro_rules! bind_row {
    ($row:expr, $owner:expr) => {{
        let row = $row;
        sqlx::query($crate::store::analysis_row::INSERT)
            .bind(row.id)
            .bind(row.created_at)
            .bind(row.prompt)
            .bind(row.answer)
            .bind(row.models)
            .bind(row.synthesizer)
            .bind(row.degraded)
            .bind(row.truncated)
            .bind(row.cached_by)
            .bind(row.input_tokens)
            .bind(row.output_tokens)
            .bind(row.duration_ms)
            .bind(row.left_out)
            .bind(row.stages)
            .bind(row.messages)
            .bind(row.members)
            .bind(row.chosen)
            .bind(row.skipped)
            .bind(row.cost)
            .bind(row.verdict)
            .bind($owner)
    }};
}
pub(super) use bind_row;
