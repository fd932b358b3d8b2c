//! Assets: what each is doing, its scores, contributions and models.

use andon_plant::{AssetName, Quality, StatusCode, TagName, Timestamp};
use andon_scoring::DriftState;
use andon_store::{ModelInfo, ScorePoint, SeriesQuery};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::{
    Api, finding,
    problem::{Path, Problem, Query},
    span::{Span, instant},
    threshold::Standing,
};
use crate::pipeline::{
    board::{AssetCard, ModelCard, TrainingCard},
    maintenance::Maintenance,
};

/// One asset as lists and the live feed show it.
#[derive(Debug, Serialize)]
pub(super) struct AssetItem {
    name: AssetName,
    area: String,
    state: &'static str,
    mode: Option<String>,
    score: Option<f64>,
    threshold: Option<f64>,
    probability: Option<f64>,
    probability_low: Option<f64>,
    probability_high: Option<f64>,
    return_period_s: Option<f64>,
    imputed: Option<f64>,
    status: String,
    anomalous: bool,
    last_sample: Option<Timestamp>,
    last_verdict: Option<Timestamp>,
    grid_s: f64,
    window_rows: usize,
    /// Rows of the grid between two that are judged.
    window_stride: usize,
    tags: Vec<TagName>,
    model: Option<ModelCard>,
    model_trouble: Option<String>,
    silence: Option<String>,
    training: Option<TrainingCard>,
    open_alarms: usize,
    /// What is wrong with the tags that carry the score; empty unless it has reached the threshold.
    findings: Vec<Value>,
    maintenance: Option<Maintenance>,
    #[serde(flatten)]
    threshold_standing: Standing,
    /// Whether the model still fits; null before its first verdict.
    drift: Option<DriftState>,
}

impl AssetItem {
    pub(super) fn of(card: AssetCard) -> Self {
        let (state, standing, config) = (card.state(), Standing::of(&card), card.config);
        // A verdict from before the source was lost is not what is true now.
        let verdict = card.verdict.filter(|_| card.connected);
        let v = verdict.as_deref();
        let waiting =
            if card.connected { StatusCode::BAD_WAITING_FOR_INITIAL_DATA } else { StatusCode::BAD_NO_COMMUNICATION };
        Self {
            area: config.area.join("/"),
            state: state.as_str(),
            mode: v.map(|v| v.mode.as_str().to_owned()),
            score: v.map(|v| v.score),
            threshold: v.map(|v| v.threshold),
            probability: v.map(|v| v.probability),
            probability_low: v.map(|v| v.probability_low),
            probability_high: v.map(|v| v.probability_high),
            return_period_s: v.map(|v| v.return_period_s(config.step())),
            imputed: v.map(|v| v.imputed),
            status: v.map_or(waiting, |v| v.status).to_string(),
            anomalous: v.is_some_and(|v| v.anomalous()),
            last_sample: card.last_sample,
            last_verdict: v.map(|v| v.time),
            grid_s: config.grid.as_secs_f64(),
            window_rows: config.window.rows,
            window_stride: config.window.stride,
            tags: config.tags.iter().map(|t| t.tag.name.clone()).collect(),
            name: config.name.clone(),
            model: card.model,
            model_trouble: card.model_trouble,
            silence: card.silence,
            training: card.training,
            open_alarms: card.open_alarms,
            findings: v.map(finding::all).unwrap_or_default(),
            maintenance: card.maintenance,
            threshold_standing: standing,
            drift: card.drift,
        }
    }
}

pub(super) fn card(api: &Api, asset: &str) -> Result<AssetCard, Problem> {
    let elsewhere = || AssetName::new(asset).ok().and_then(|name| api.hub.owner_elsewhere(&name));
    api.hub.board.asset(asset).ok_or_else(|| match elsewhere() {
        Some(owner) => Problem::misdirected(format!("{asset} is monitored by {owner}: ask there")),
        None => Problem::not_found(format!("there is no asset `{asset}`")),
    })
}

/// All assets.
#[utoipa::path(get, path = "/assets", tag = "assets", responses((status = 200, description = "`{items, next_cursor}`")))]
pub(super) async fn list(State(api): State<Api>) -> Json<Value> {
    let items: Vec<AssetItem> = api.hub.board.assets().into_iter().map(AssetItem::of).collect();
    Json(json!({ "items": items, "next_cursor": null }))
}

/// One asset with the newest sample of each of its tags (`value` at `time`), what was said of the newest row that was judged
/// (`judged_value - expected = residual`, at `judged_at`), and how much the model looked at each row of the window.
#[utoipa::path(get, path = "/assets/{asset}", tag = "assets", params(("asset" = String, Path)),
    responses((status = 200, description = "The asset, with `tag_values` and `attention`"), (status = 404, body = Problem)))]
pub(super) async fn one(State(api): State<Api>, Path(asset): Path<String>) -> Result<Json<Value>, Problem> {
    let card = card(&api, &asset)?;
    let tag_values: Vec<Value> = card.config.tags.iter().map(|t| tag_value(&card, &t.tag)).collect();
    let attention = card.verdict.as_deref().filter(|_| card.connected).map(|v| v.attention.clone());
    let mut body = serde_json::to_value(AssetItem::of(card)).map_err(|e| Problem::unavailable(e.to_string()))?;
    body["tag_values"] = tag_values.into();
    body["attention"] = attention.unwrap_or_default().into();
    Ok(Json(body))
}

fn tag_value(card: &AssetCard, tag: &andon_plant::Tag) -> Value {
    let sample = card.samples.get(&tag.name);
    let judged = card.verdict.as_deref().filter(|_| card.connected);
    let judged_at = judged.map(|v| v.time);
    let judged = judged.and_then(|v| v.tags.iter().find(|t| t.tag == tag.name));
    json!({
        "name": tag.name, "unit": tag.unit, "range": tag.range, "kind": tag.kind,
        "value": sample.map(|s| s.value).filter(|v| v.is_finite()),
        "quality": sample.map_or(Quality::Bad, |s| s.quality()).as_str(),
        "status": sample.map_or(StatusCode::BAD_WAITING_FOR_INITIAL_DATA, |s| s.status).to_string(),
        "time": sample.map(|s| s.time),
        "judged_at": judged_at, "judged_value": judged.map(|t| t.value),
        "expected": judged.map(|t| t.expected), "expected_low": judged.map(|t| t.expected_low),
        "expected_high": judged.map(|t| t.expected_high), "residual": judged.map(|t| t.residual),
        "contribution": judged.map(|t| t.contribution),
    })
}

/// The scores of an asset over a span.
#[utoipa::path(get, path = "/assets/{asset}/scores", tag = "assets", params(("asset" = String, Path), Span),
    responses((status = 200, description = "`{items: [{time, score, threshold, probability, mode, imputed}]}`"),
              (status = 404, body = Problem)))]
pub(super) async fn scores(
    State(api): State<Api>,
    Path(asset): Path<String>,
    Query(span): Query<Span>,
) -> Result<Json<Value>, Problem> {
    let card = card(&api, &asset)?;
    let (from, to, points) = span.parse(api.hub.present(&card.config.name))?;
    let query = SeriesQuery::thinned(points);
    let items: Vec<Value> = api.hub.store.scores(&card.config.name, from, to, query).await?.iter().map(score).collect();
    Ok(Json(json!({ "items": items, "next_cursor": null })))
}

fn score(p: &ScorePoint) -> Value {
    json!({
        "time": p.time, "score": p.score, "threshold": p.threshold, "probability": p.probability,
        "probability_low": p.probability_low, "probability_high": p.probability_high,
        "mode": p.mode, "imputed": p.imputed, "status": p.status.to_string(),
    })
}

/// The instant contributions are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct At {
    /// RFC 3339 or epoch seconds; the newest row where it is absent.
    at: Option<String>,
}

/// Which tags carried the score at an instant.
#[utoipa::path(get, path = "/assets/{asset}/contributions", tag = "assets", params(("asset" = String, Path), At),
    responses((status = 200, description = "`{time, score, threshold, mode, items: [{tag, contribution, value, expected, residual, unit, finding}]}`"),
              (status = 404, body = Problem)))]
pub(super) async fn contributions(
    State(api): State<Api>,
    Path(asset): Path<String>,
    Query(query): Query<At>,
) -> Result<Json<Value>, Problem> {
    let card = card(&api, &asset)?;
    let at = instant("at", query.at.as_deref())?;
    // The clock of a plant may be ahead of this one.
    let newest = Timestamp::from_micros(i64::MAX);
    let Some(verdict) = api.hub.store.verdict_at(&card.config.name, at.unwrap_or(newest)).await? else {
        let when = at.map(|at| format!(" at or before {at}")).unwrap_or_default();
        return Err(Problem::not_found(format!("asset `{asset}` has no score{when}")));
    };
    let unit = |name: &TagName| card.config.tags.iter().find(|t| t.tag.name == *name).map(|t| t.tag.unit.clone());
    let items: Vec<Value> = verdict
        .top(usize::MAX)
        .into_iter()
        .map(|t| {
            json!({
                "tag": t.tag, "contribution": t.contribution, "value": t.value, "expected": t.expected,
                "expected_low": t.expected_low, "expected_high": t.expected_high, "residual": t.residual,
                "imputed": t.imputed, "unit": unit(&t.tag), "finding": finding::of_tag(&verdict, &t.tag),
            })
        })
        .collect();
    Ok(Json(json!({
        "time": verdict.time, "score": verdict.score, "threshold": verdict.threshold, "mode": verdict.mode,
        "items": items,
    })))
}

/// The model in force.
#[utoipa::path(get, path = "/assets/{asset}/model", tag = "assets", params(("asset" = String, Path)),
    responses((status = 200, description = "The model card"), (status = 404, body = Problem)))]
pub(super) async fn model(State(api): State<Api>, Path(asset): Path<String>) -> Result<Json<ModelCard>, Problem> {
    let card = card(&api, &asset)?;
    let why = card.model_trouble.clone().unwrap_or_else(|| "it is still learning".to_owned());
    card.model.map(Json).ok_or_else(|| Problem::not_found(format!("asset `{asset}` has no model: {why}")))
}

/// All models an asset ever had, newest first.
#[utoipa::path(get, path = "/assets/{asset}/models", tag = "assets", params(("asset" = String, Path)),
    responses((status = 200, description = "`{items: [{version, created_at, active}]}`"), (status = 404, body = Problem)))]
pub(super) async fn models(State(api): State<Api>, Path(asset): Path<String>) -> Result<Json<Value>, Problem> {
    let card = card(&api, &asset)?;
    let models = api.hub.store.models(&card.config.name).await?;
    let item = |m: &ModelInfo| json!({ "version": m.version, "created_at": m.created_at, "active": m.active });
    let items: Vec<Value> = models.iter().map(item).collect();
    Ok(Json(json!({ "items": items, "next_cursor": null })))
}
