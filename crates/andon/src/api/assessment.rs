//! Assessments: an operator says what an alarm was.

use andon_plant::{AlarmId, Assessment};
use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    ANYONE, Api,
    alarms::alarm,
    problem::{Body, Path, Problem},
};
use crate::pipeline::alarms::Said;

/// What an operator says of an alarm.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Assess {
    /// `real`: something was wrong. `nuisance`: what it was raised for is normal.
    assessment: String,
    /// Kept in the journal.
    #[serde(default)]
    comment: Option<String>,
}

fn assessment(word: &str) -> Result<Assessment, Problem> {
    let known = [Assessment::Real, Assessment::Nuisance].into_iter().find(|a| a.as_str() == word);
    known.ok_or_else(|| Problem::bad_request(format!("assessment must be one of real, nuisance, not `{word}`")))
}

/// Says what an alarm was, open or long closed; what was said last counts. That an active alarm of the score or of the model
/// is a nuisance also tells the detector that what goes on is normal: it learns from it. That the newest alarm of the score was real
/// after all takes back what was learned of it.
#[utoipa::path(post, path = "/alarms/{id}/assessment", tag = "alarms", params(("id" = i64, Path)), request_body = Assess,
    responses((status = 200, description = "The alarm"), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 421, description = "Another process on the same store monitors its asset", body = Problem),
        (status = 422, description = "A key is not what it should be", body = Problem)))]
pub(super) async fn assess(
    State(api): State<Api>,
    Path(id): Path<i64>,
    Body(body): Body<Assess>,
) -> Result<Json<Value>, Problem> {
    let assessment = assessment(&body.assessment)?;
    let said = Said { assessment, by: ANYONE.to_owned(), comment: body.comment };
    Ok(Json(alarm(&api.hub.assess(AlarmId(id), said).await?)))
}
