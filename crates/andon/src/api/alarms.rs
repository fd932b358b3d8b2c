//! Alarms: the list, one with its journal, and acknowledge.

use andon_plant::{Alarm, AlarmId, AssetName, Condition, JournalEntry, TagName, alarm::Contribution};
use andon_store::{AlarmFilter, AlarmOrder, AlarmQuery};
use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{
    ANYONE, Api, alike,
    finding::finding,
    problem::{OptionalBody, Path, Problem, Query},
    span::instant,
};

/// Alarms on a page where nothing else is asked for, and at the most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1_000;
const STATES: [(&str, AlarmFilter); 4] = [
    ("active", AlarmFilter::Active),
    ("cleared", AlarmFilter::Cleared),
    ("open", AlarmFilter::Open),
    ("unacknowledged", AlarmFilter::Unacknowledged),
];
const ORDERS: [(&str, AlarmOrder); 2] = [("newest", AlarmOrder::NewestFirst), ("oldest", AlarmOrder::OldestFirst)];

/// An alarm as JSON.
pub(super) fn alarm(a: &Alarm) -> Value {
    let tag = match &a.condition {
        Condition::Tag(tag) => Some(tag),
        Condition::Score | Condition::Source | Condition::Model => None,
    };
    json!({
        "id": a.id, "asset": a.asset, "tag": tag, "condition": a.condition,
        "state": if a.state.active() { "active" } else { "cleared" },
        "acknowledged": a.state.acknowledged, "shelved": false, "severity": a.severity, "message": a.message,
        "raised_at": a.raised_at, "cleared_at": a.cleared_at, "acknowledged_at": a.acknowledged_at,
        "acknowledged_by": a.acknowledged_by, "assessment": a.assessment,
        "contributions": a.contributions.iter().map(contribution).collect::<Vec<_>>(),
    })
}

fn contribution(c: &Contribution) -> Value {
    json!({
        "tag": c.tag, "share": c.share, "value": c.value, "expected": c.expected, "unit": c.unit,
        "finding": c.finding.as_ref().map(finding),
    })
}

/// Which alarms are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    asset: Option<String>,
    tag: Option<String>,
    /// `active`, `cleared`, `unacknowledged` or `open` (active or not acknowledged).
    state: Option<String>,
    severity_min: Option<u16>,
    /// Raised at or after; RFC 3339 or epoch seconds.
    from: Option<String>,
    /// Raised before.
    to: Option<String>,
    /// `newest` (the default) or `oldest` first.
    order: Option<String>,
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// One of `allowed` by its word.
fn word<T: Copy>(name: &str, text: Option<&str>, allowed: &[(&str, T)]) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let found = allowed.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    let words = || allowed.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| Problem::bad_request(format!("{name} must be one of {}, not `{text}`", words())))
}

impl ListQuery {
    fn parse(self) -> Result<AlarmQuery, Problem> {
        let name = |e: andon_plant::NameError| Problem::bad_request(e.to_string());
        let cursor = |e: andon_store::CursorError| Problem::bad_request(format!("cursor: {e}"));
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=LARGEST_PAGE).contains(&limit) {
            return Err(Problem::bad_request(format!("limit ({limit}) must be from 1 to {LARGEST_PAGE}")));
        }
        Ok(AlarmQuery {
            asset: self.asset.as_deref().map(AssetName::new).transpose().map_err(name)?,
            tag: self.tag.as_deref().map(TagName::new).transpose().map_err(name)?,
            state: word("state", self.state.as_deref(), &STATES)?,
            severity_min: self.severity_min,
            from: instant("from", self.from.as_deref())?,
            to: instant("to", self.to.as_deref())?,
            order: word("order", self.order.as_deref(), &ORDERS)?.unwrap_or_default(),
            limit: Some(limit),
            cursor: self.cursor.map(|c| c.parse()).transpose().map_err(cursor)?,
        })
    }
}

/// Alarms, filtered, a page at a time.
#[utoipa::path(get, path = "/alarms", tag = "alarms", params(ListQuery),
    responses((status = 200, description = "`{items, next_cursor}`"), (status = 400, body = Problem)))]
pub(super) async fn list(State(api): State<Api>, Query(query): Query<ListQuery>) -> Result<Json<Value>, Problem> {
    let page = api.hub.store.alarms(&query.parse()?).await?;
    let items: Vec<Value> = page.items.iter().map(alarm).collect();
    Ok(Json(json!({ "items": items, "next_cursor": page.next_cursor.map(|c| c.to_string()) })))
}

/// One alarm with its journal and what looked like it before.
#[utoipa::path(get, path = "/alarms/{id}", tag = "alarms", params(("id" = i64, Path)),
    responses((status = 200, description = "The alarm, with `journal` and `alike: [{id, similarity, raised_at, message, assessment}]`"),
        (status = 404, body = Problem)))]
pub(super) async fn one(State(api): State<Api>, Path(id): Path<i64>) -> Result<Json<Value>, Problem> {
    let found = api.hub.store.alarm(AlarmId(id)).await?;
    let (found, journal) = found.ok_or_else(|| Problem::not_found(format!("there is no alarm {id}")))?;
    let line =
        |e: &JournalEntry| json!({ "time": e.time, "transition": e.transition, "by": e.by, "comment": e.comment });
    let mut body = alarm(&found);
    body["journal"] = journal.iter().map(line).collect();
    body["alike"] = alike::past(&api, &found).await?.into();
    Ok(Json(body))
}

/// What an operator says with an acknowledgement.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Acknowledge {
    /// Kept in the journal.
    #[serde(default)]
    comment: Option<String>,
}

/// Acknowledges an alarm. One that is acknowledged already stays as it is.
#[utoipa::path(post, path = "/alarms/{id}/acknowledge", tag = "alarms", params(("id" = i64, Path)),
    request_body = Acknowledge,
    responses((status = 200, description = "The alarm"), (status = 404, body = Problem),
        (status = 421, description = "Another process on the same store monitors its asset", body = Problem),
        (status = 422, description = "A key is not what it should be", body = Problem)))]
pub(super) async fn acknowledge(
    State(api): State<Api>,
    Path(id): Path<i64>,
    OptionalBody(body): OptionalBody<Acknowledge>,
) -> Result<Json<Value>, Problem> {
    let acknowledged = api.hub.acknowledge(AlarmId(id), ANYONE, body.comment).await?;
    Ok(Json(alarm(&acknowledged)))
}
