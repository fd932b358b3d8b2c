//! Health, readiness, metrics and version.

use std::sync::atomic::Ordering;

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};

use super::{Api, problem::Problem, store};

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "system", responses((status = 200, description = "`{status}`")))]
pub(super) async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Every source is connected and the store answers; `store` says whether its disk has room (see `/api/v1/store`).
#[utoipa::path(get, path = "/readyz", tag = "system",
    responses((status = 200, description = "`{status, store}`"), (status = 503, body = Problem)))]
pub(super) async fn readyz(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    api.hub.store.open_alarms().await?;
    let away: Vec<String> =
        api.hub.board.sources().iter().filter(|s| !s.connected).map(|s| s.config.name.to_string()).collect();
    if away.is_empty() {
        let room = api.hub.store.space_report().map(|space| space.state);
        return Ok(Json(json!({ "status": "ready", "store": room })));
    }
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Not ready", format!("no connection to {}", away.join(", "))))
}

/// Metrics in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "system",
    responses((status = 200, description = "Prometheus text format", content_type = "text/plain")))]
pub(super) async fn metrics(State(api): State<Api>) -> String {
    for card in api.hub.board.assets() {
        let asset = card.config.name.to_string();
        metrics::gauge!("andon_open_alarms", "asset" => asset.clone()).set(card.open_alarms as f64);
        let verdict = card.verdict.filter(|_| card.connected);
        let (score, threshold) = verdict.map_or((f64::NAN, f64::NAN), |v| (v.score, v.threshold));
        metrics::gauge!("andon_score", "asset" => asset.clone()).set(score);
        metrics::gauge!("andon_threshold", "asset" => asset).set(threshold);
    }
    for card in api.hub.board.sources() {
        let up = if card.connected { 1.0 } else { 0.0 };
        metrics::gauge!("andon_source_connected", "source" => card.config.name.to_string()).set(up);
    }
    store::measure(&api.hub.store);
    metrics::gauge!("andon_live_listeners").set(api.hub.live.listeners() as f64);
    metrics::counter!("andon_unjudged_batches_total").absolute(api.hub.unjudged.load(Ordering::Relaxed));
    api.metrics.render()
}

/// The release that runs, and whether it runs the demo.
#[utoipa::path(get, path = "/version", tag = "system",
    responses((status = 200, description = "`{version, demo}`")))]
pub(super) async fn version(State(api): State<Api>) -> Json<Value> {
    Json(json!({ "version": env!("CARGO_PKG_VERSION"), "demo": api.plant.is_some() }))
}
