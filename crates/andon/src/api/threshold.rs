//! Thresholds: where an asset's stands, what became of it, and back to as it was fitted.

use andon_scoring::thresholds::{Base, Entry};
use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    ANYONE, Api,
    assets::card,
    problem::{Path, Problem},
};
use crate::pipeline::board::AssetCard;

/// Where a threshold stands in steady normal operation, and whether anything teaches it at present.
#[derive(Debug, Serialize)]
pub(super) struct Standing {
    base: Option<Base>,
    pub(super) frozen: bool,
}

impl Standing {
    pub(super) fn of(card: &AssetCard) -> Self {
        let threshold = card.learned.as_ref().map(|learned| &learned.threshold);
        Self { base: threshold.map(|t| t.base()), frozen: threshold.is_some_and(|t| t.is_frozen()) }
    }
}

/// Where an asset's threshold wants to stand (`wanted`) and may (`score`), and its last notable changes, oldest first.
#[utoipa::path(get, path = "/assets/{asset}/threshold", tag = "assets", params(("asset" = String, Path)),
    responses((status = 200, description = "`{base: {wanted, score}, frozen, items: [{time, place, from, to, why}]}`"),
        (status = 404, body = Problem)))]
pub(super) async fn one(State(api): State<Api>, Path(asset): Path<String>) -> Result<Json<Value>, Problem> {
    shown(&api, &asset)
}

/// Takes a threshold, and the drift that was followed, back to as they were fitted; the threshold's journal says so.
#[utoipa::path(post, path = "/assets/{asset}/threshold/revert", tag = "assets", params(("asset" = String, Path)),
    responses((status = 200, description = "The threshold, as `GET` shows it"), (status = 404, body = Problem)))]
pub(super) async fn revert(State(api): State<Api>, Path(asset): Path<String>) -> Result<Json<Value>, Problem> {
    let name = card(&api, &asset)?.config.name.clone();
    api.hub.revert_threshold(name, ANYONE).await?;
    shown(&api, &asset)
}

fn shown(api: &Api, asset: &str) -> Result<Json<Value>, Problem> {
    let card = card(api, asset)?;
    let Some(learned) = card.learned.as_deref() else {
        return Err(Problem::not_found(format!("asset `{asset}` has no threshold: it has not been judged yet")));
    };
    let items: Vec<&Entry> = learned.threshold.journal().collect();
    let Standing { base, frozen } = Standing::of(&card);
    Ok(Json(json!({ "base": base, "frozen": frozen, "items": items, "next_cursor": null })))
}
