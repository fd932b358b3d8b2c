//! Faults of the demo's simulated plant.

use andon_simulator::{ActiveFault, FaultRequest, PlantHandle};
use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};

use super::{
    Api,
    problem::{Body, Path, Problem},
};

fn plant(api: &Api) -> Result<&PlantHandle, Problem> {
    let missing =
        || Problem::not_found("there is no simulated plant here: faults can only be injected in `andon demo`");
    api.plant.as_deref().ok_or_else(missing)
}

fn fault(f: &ActiveFault) -> Value {
    json!({
        "id": f.id, "asset": f.asset, "kind": f.kind, "tag": f.tag, "partner": f.partner, "magnitude": f.magnitude,
        "duration_s": f.duration_s, "started_at": f.start, "ends_at": f.end,
    })
}

/// Faults that act on the plant now.
#[utoipa::path(get, path = "/demo/faults", tag = "demo",
    responses((status = 200, description = "`{items, next_cursor}`"), (status = 404, body = Problem)))]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let faults: Vec<Value> = plant(&api)?.faults().iter().map(fault).collect();
    Ok(Json(json!({ "items": faults, "next_cursor": null })))
}

/// Injects a fault: `{"asset", "kind", "tag"?, "magnitude"?, "duration_s"?}`.
#[utoipa::path(post, path = "/demo/faults", tag = "demo", request_body(content_type = "application/json"),
    responses((status = 201, description = "The fault"), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 422, description = "A key is not what it should be", body = Problem)))]
pub(super) async fn inject(
    State(api): State<Api>,
    Body(request): Body<FaultRequest>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let injected = plant(&api)?.inject(&request).map_err(|e| Problem::bad_request(e.to_string()))?;
    Ok((StatusCode::CREATED, Json(fault(&injected))))
}

/// Ends all faults.
#[utoipa::path(delete, path = "/demo/faults", tag = "demo", responses((status = 204), (status = 404, body = Problem)))]
pub(super) async fn clear(State(api): State<Api>) -> Result<StatusCode, Problem> {
    plant(&api)?.clear(None);
    Ok(StatusCode::NO_CONTENT)
}

/// Ends one fault.
#[utoipa::path(delete, path = "/demo/faults/{id}", tag = "demo", params(("id" = u64, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub(super) async fn clear_one(State(api): State<Api>, Path(id): Path<u64>) -> Result<StatusCode, Problem> {
    let cleared = plant(&api)?.clear_one(id);
    cleared.then_some(StatusCode::NO_CONTENT).ok_or_else(|| Problem::not_found(format!("there is no fault {id}")))
}
