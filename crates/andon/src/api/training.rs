//! Trainings: start one, see how far it has come, and cancel it.

use andon_detect::fit::least_rows;
use andon_plant::{AssetName, Timestamp};
use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Api,
    assets::card,
    problem::{OptionalBody, Path, Problem},
    span::ends,
};
use crate::{
    config::AssetConfig,
    pipeline::{
        live::LiveEvent,
        training::{CancelError, Job, Order},
    },
};

/// The span to train on, the last seven days of history (or ten windows, where those are longer) where it is absent; and what to begin with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Train {
    /// RFC 3339 or epoch seconds.
    #[serde(default)]
    from: Option<String>,
    /// RFC 3339 or epoch seconds.
    #[serde(default)]
    to: Option<String>,
    /// The asset whose model training begins with; it may have other tags. From scratch where it is absent.
    #[serde(default)]
    begin_with: Option<String>,
    /// Trains on the times in alarm and under maintenance too. Those are left out where it is absent, unless an operator has
    /// assessed the alarm as a nuisance.
    #[serde(default)]
    everything: bool,
}

/// Trains a new model on stored history; it judges as soon as it is done.
#[utoipa::path(post, path = "/assets/{asset}/training", tag = "training", params(("asset" = String, Path)),
    request_body = Train,
    responses((status = 202, description = "The training"), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 422, description = "A key is not what it should be, or there is too little history", body = Problem),
        (status = 503, body = Problem)))]
pub(super) async fn start(
    State(api): State<Api>,
    Path(asset): Path<String>,
    OptionalBody(body): OptionalBody<Train>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    let config = card(&api, &asset)?.config;
    let (from, to) = ends(body.from.as_deref(), body.to.as_deref())?;
    check_history(&api, &config, from, to).await?;
    let begin_with = body.begin_with.map(|name| source(&api, &name)).transpose()?;
    let job = api.hub.training.request(Order {
        from,
        to,
        begin_with,
        everything: body.everything,
        ..Order::whole(config.name.clone())
    });
    let job = job.map_err(|busy| Problem::unavailable(busy.to_string()))?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// Refuses a span that holds too little history, before it waits for its turn.
async fn check_history(
    api: &Api,
    asset: &AssetConfig,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<(), Problem> {
    let Some((first, last)) = api.hub.store.span(&asset.name).await? else {
        return Err(Problem::unprocessable(format!("asset {} has no history yet to train on", asset.name)));
    };
    let (from, to) = (from.map_or(first, |from| from.max(first)), to.map_or(last, |to| to.min(last)));
    let (have, need) = (to.since(from), asset.grid * least_rows(asset.window.rows) as u32);
    if have >= need {
        return Ok(());
    }
    let (rows, grid_s, have_s, need_s) =
        (asset.window.rows, asset.grid.as_secs_f64(), have.as_secs_f64(), need.as_secs_f64());
    Err(Problem::unprocessable(format!(
        "there are {have_s:.0} s of history in that span (all there is reaches from {first} to {last}); windows of {rows} rows, \
         {grid_s} s apart, need at least {need_s:.0} s: train on more, or wait"
    )))
}

/// An asset that has a model to begin with.
fn source(api: &Api, name: &str) -> Result<AssetName, Problem> {
    let card = card(api, name).map_err(|_| Problem::bad_request(format!("begin_with: there is no asset {name}")))?;
    if card.model.is_none() {
        return Err(Problem::bad_request(format!("begin_with: asset {name} has no model yet; train it first")));
    }
    Ok(card.config.name.clone())
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
    api.hub.live.send(LiveEvent::Asset(job.order.asset.clone()));
    Ok(Json(job))
}
