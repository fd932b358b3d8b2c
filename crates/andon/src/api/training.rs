//! Trainings: start one, see how far it has come, and cancel it.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Api,
    assets::card,
    problem::{OptionalBody, Path, Problem},
    span::instant,
};
use crate::pipeline::{
    live::LiveEvent,
    training::{CancelError, Job},
};

/// The span to train on; all history where it is absent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// RFC 3339 or epoch seconds.
    #[serde(default)]
    from: Option<String>,
    /// RFC 3339 or epoch seconds.
    #[serde(default)]
    to: Option<String>,
}

/// Trains a new model on stored history; it judges as soon as it is done.
#[utoipa::path(post, path = "/assets/{asset}/training", tag = "training", params(("asset" = String, Path)),
    request_body = Request,
    responses((status = 202, description = "The training"), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn start(
    State(api): State<Api>,
    Path(asset): Path<String>,
    OptionalBody(body): OptionalBody<Request>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    let config = card(&api, &asset)?.config;
    let (from, to) = (instant("from", body.from.as_deref())?, instant("to", body.to.as_deref())?);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(Problem::bad_request(format!("from ({from}) is not before to ({to})")));
    }
    let job = api.hub.training.request(config.name.clone(), from, to);
    let job = job.map_err(|busy| Problem::unavailable(busy.to_string()))?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// One training.
#[utoipa::path(get, path = "/training/{id}", tag = "training", params(("id" = u64, Path)),
    responses((status = 200, description = "The training"), (status = 404, body = Problem)))]
pub(super) async fn one(State(api): State<Api>, Path(id): Path<u64>) -> Result<Json<Job>, Problem> {
    api.hub.training.job(id).map(Json).ok_or_else(|| Problem::not_found(format!("there is no training {id}")))
}

/// Cancels a training. One that waits is cancelled at once, one that runs when its epoch is done; the model in force stays.
#[utoipa::path(delete, path = "/training/{id}", tag = "training", params(("id" = u64, Path)),
    responses((status = 200, description = "The training: cancelled, or running its last epoch"),
        (status = 404, body = Problem), (status = 409, description = "It has ended", body = Problem)))]
pub(super) async fn cancel(State(api): State<Api>, Path(id): Path<u64>) -> Result<Json<Job>, Problem> {
    let job = api.hub.training.cancel(id).map_err(|e| match e {
        CancelError::NotFound(_) => Problem::not_found(e.to_string()),
        CancelError::Ended(_) => Problem::new(StatusCode::CONFLICT, "Conflict", e.to_string()),
    })?;
    api.hub.live.send(LiveEvent::Asset(job.asset.clone()));
    Ok(Json(job))
}
