//! Tags: their samples and what was expected of them.

use std::time::Duration;

use andon_plant::{Sample, TagKey};
use andon_store::{ExpectedPoint, SeriesQuery};
use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    Api,
    assets::card,
    exchange,
    problem::{Path, Problem, Query},
    span::{SampleSpan, Span},
};

/// All tags of all assets.
#[utoipa::path(get, path = "/tags", tag = "tags", responses((status = 200, description = "`{items, next_cursor}`")))]
pub(super) async fn list(State(api): State<Api>) -> Json<Value> {
    let mut items = Vec::new();
    for asset in &api.hub.config.assets {
        for tag in &asset.tags {
            items.push(json!({
                "asset": asset.name, "name": tag.tag.name, "unit": tag.tag.unit, "range": tag.tag.range,
                "kind": tag.tag.kind, "source": tag.source, "node": tag.node.to_string(),
            }));
        }
    }
    Json(json!({ "items": items, "next_cursor": null }))
}

/// The samples of a tag over a span. As CSV (`timestamp,asset,tag,value,quality,status`) or Parquet where the request accepts one
/// of them: then each of them, however many, unless `max_points` is given.
#[utoipa::path(get, path = "/tags/{asset}/{tag}/samples", tag = "tags",
    params(("asset" = String, Path), ("tag" = String, Path), SampleSpan),
    responses((status = 200, description = "`{items: [{time, value, quality, status}]}`",
        content((Value = "application/json"), (String = "text/csv"), ("application/vnd.apache.parquet"))),
        (status = 404, body = Problem)))]
pub(super) async fn samples(
    State(api): State<Api>,
    Path((asset, tag)): Path<(String, String)>,
    Query(span): Query<SampleSpan>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = key(&api, &asset, &tag)?;
    let (span, aggregate) = span.parse()?;
    let (from, to, points) = span.parse(api.hub.present(&key.asset))?;
    let kind = exchange::named(&headers);
    if let (Some(kind), None, None) = (kind, span.max_points(), aggregate) {
        return exchange::one_tag(&api, &key, (from, to), kind).await;
    }
    let samples = match aggregate {
        Some(aggregate) => {
            // Rounded up, so that there are no more than asked for.
            let interval = to.since(from) / points as u32 + Duration::from_micros(1);
            api.hub.store.histories().aggregate(&key, (from, to), interval, aggregate).await?
        }
        None => api.hub.store.samples(&key, from, to, SeriesQuery::thinned(points)).await?,
    };
    if let Some(kind) = kind {
        return exchange::thinned(&api, &key, &samples, kind);
    }
    let items: Vec<Value> = samples.iter().map(sample).collect();
    Ok(Json(json!({ "items": items, "next_cursor": null })).into_response())
}

fn sample(s: &Sample) -> Value {
    json!({
        "time": s.time, "value": s.value.is_finite().then_some(s.value), "quality": s.quality().as_str(),
        "status": s.status.to_string(),
    })
}

/// What was expected of a tag over a span.
#[utoipa::path(get, path = "/tags/{asset}/{tag}/expected", tag = "tags",
    params(("asset" = String, Path), ("tag" = String, Path), Span),
    responses((status = 200, description = "`{items: [{time, expected, low, high, imputed}]}`"), (status = 404, body = Problem)))]
pub(super) async fn expected(
    State(api): State<Api>,
    Path((asset, tag)): Path<(String, String)>,
    Query(span): Query<Span>,
) -> Result<Json<Value>, Problem> {
    let key = key(&api, &asset, &tag)?;
    let (from, to, points) = span.parse(api.hub.present(&key.asset))?;
    let query = SeriesQuery::thinned(points);
    let point = |p: &ExpectedPoint| json!({ "time": p.time, "expected": p.expected, "low": p.expected_low, "high": p.expected_high, "imputed": p.imputed });
    let items: Vec<Value> = api.hub.store.expected(&key, from, to, query).await?.iter().map(point).collect();
    Ok(Json(json!({ "items": items, "next_cursor": null })))
}

fn key(api: &Api, asset: &str, tag: &str) -> Result<TagKey, Problem> {
    let config = card(api, asset)?.config;
    let found = config.tags.iter().find(|t| &*t.tag.name == tag);
    let found = found.ok_or_else(|| Problem::not_found(format!("asset `{asset}` has no tag `{tag}`")))?;
    Ok(TagKey { asset: config.name.clone(), tag: found.tag.name.clone() })
}
