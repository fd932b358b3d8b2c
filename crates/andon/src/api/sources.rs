//! Sources: the OPC UA servers that tags are read from.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::Api;
use crate::pipeline::board::SourceCard;

pub(super) fn source(card: &SourceCard) -> Value {
    json!({
        "name": card.config.name, "endpoint": card.config.endpoint, "connected": card.connected, "since": card.since,
        "reason": card.reason, "last_sample": card.last_sample, "monitored_items": card.monitored_items,
        "monitored_item_limit": card.monitored_item_limit, "samples_per_second": card.samples_per_second,
        "samples": card.samples, "faults": card.faults,
    })
}

/// All sources.
#[utoipa::path(get, path = "/sources", tag = "sources", responses((status = 200, description = "`{items, next_cursor}`")))]
pub(super) async fn list(State(api): State<Api>) -> Json<Value> {
    let items: Vec<Value> = api.hub.board.sources().iter().map(source).collect();
    Json(json!({ "items": items, "next_cursor": null }))
}
