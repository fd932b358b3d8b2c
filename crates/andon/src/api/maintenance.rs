//! Maintenance: while someone works on an asset its score raises no alarm and nothing is learned of it.

use std::time::Duration;

use andon_plant::Timestamp;
use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    ANYONE, Api,
    assets::{AssetItem, card},
    problem::{Body, Path, Problem},
    span::instant,
};
use crate::pipeline::maintenance::{Cause, Maintenance};

/// The longest maintenance: a year mistyped would keep an asset's alarms quiet for good.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);
/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// What is done, and until when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Maintain {
    /// When it ends, by itself: RFC 3339 or epoch seconds, ahead, at most 31 days.
    #[serde(default)]
    #[schema(required = true, nullable = false)]
    until: Option<String>,
    /// Why, kept in the journal of the asset's open alarms.
    #[serde(default)]
    #[schema(required = true, nullable = false)]
    reason: Option<String>,
}

impl Maintain {
    fn order(self, now: Timestamp) -> Result<Maintenance, Problem> {
        let Some(until) = instant("until", self.until.as_deref())? else {
            let text =
                format!("until is missing: write when it ends, such as \"{}\"", now.after(Duration::from_secs(3600)));
            return Err(Problem::bad_request(text));
        };
        if until <= now {
            let text = format!(
                "until ({until}) has passed, it is {now}: write a time ahead; DELETE ends a maintenance before its time"
            );
            return Err(Problem::unprocessable(text));
        }
        if until > now.after(LONGEST) {
            let text =
                format!("until ({until}) is more than 31 days ahead; write a time before {}", now.after(LONGEST));
            return Err(Problem::bad_request(text));
        }
        let reason = self.reason.unwrap_or_default().trim().to_owned();
        match reason.chars().count() {
            0 => Err(Problem::bad_request("reason is missing: say what is done, such as \"belt is changed\"")),
            n if n > LONGEST_REASON => {
                Err(Problem::bad_request(format!("reason has {n} characters; at most {LONGEST_REASON} are kept")))
            }
            _ => Ok(Maintenance::ordered(until, reason, ANYONE)),
        }
    }
}

/// Puts an asset under maintenance until a time, at which it ends by itself; what was ordered before is replaced.
#[utoipa::path(post, path = "/assets/{asset}/maintenance", tag = "assets", params(("asset" = String, Path)),
    request_body = Maintain,
    responses((status = 200, description = "The asset"), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 422, description = "A key is not what it should be, or `until` has passed", body = Problem)))]
pub(super) async fn begin(
    State(api): State<Api>,
    Path(asset): Path<String>,
    Body(body): Body<Maintain>,
) -> Result<Json<AssetItem>, Problem> {
    let order = body.order(api.hub.clock.now())?;
    maintain(&api, &asset, Some(order)).await
}

/// Ends the maintenance that was ordered; an asset that is under none stays as it is.
#[utoipa::path(delete, path = "/assets/{asset}/maintenance", tag = "assets", params(("asset" = String, Path)),
    responses((status = 200, description = "The asset"), (status = 404, body = Problem),
        (status = 409, description = "A tag or the schedule says so", body = Problem)))]
pub(super) async fn end(State(api): State<Api>, Path(asset): Path<String>) -> Result<Json<AssetItem>, Problem> {
    maintain(&api, &asset, None).await
}

async fn maintain(api: &Api, asset: &str, order: Option<Maintenance>) -> Result<Json<AssetItem>, Problem> {
    let before = card(api, asset)?;
    if let (None, Some(current)) = (&order, &before.maintenance) {
        by_order(asset, current)?;
    }
    if order.is_some() || before.maintenance.is_some() {
        api.hub.maintain(before.config.name.clone(), order, ANYONE).await?;
    }
    Ok(Json(AssetItem::of(card(api, asset)?)))
}

/// Only what was ordered can be ended.
fn by_order(asset: &str, current: &Maintenance) -> Result<(), Problem> {
    let mend = match current.cause {
        Cause::Operator => return Ok(()),
        Cause::Tag => "turn the switch off at the machine, or take `maintenance.tag` out of the configuration",
        Cause::Schedule => "it ends by itself; the times are in `maintenance.schedule` of the configuration",
    };
    let text = format!("asset `{asset}` is under maintenance without an order ({}): {mend}", current.reason);
    Err(Problem::new(StatusCode::CONFLICT, "Conflict", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(until: &str, reason: &str) -> Result<Maintenance, String> {
        let until = Some(until.to_owned()).filter(|text| !text.is_empty());
        let request = Maintain { until, reason: Some(reason.to_owned()) };
        request.order(Timestamp::from_secs(1_000_000)).map_err(|problem| problem.detail)
    }

    #[test]
    fn a_maintenance_has_an_end_ahead_and_a_reason() {
        let until = Some(Timestamp::from_secs(1_003_600));
        assert_eq!(order("1003600", " belt ").map(|m| (m.until, m.reason)), Ok((until, "belt".to_owned())));
    }

    #[test]
    fn a_refusal_names_the_field_and_the_mend() {
        insta::assert_snapshot!(order("9000000", "belt").unwrap_err(), @r##"
        until (1970-04-15T04:00:00Z) is more than 31 days ahead; write a time before 1970-02-12T13:46:40Z
        "##);
        insta::assert_snapshot!(order("999999", "belt").unwrap_err(), @r##"
        until (1970-01-12T13:46:39Z) has passed, it is 1970-01-12T13:46:40Z: write a time ahead; DELETE ends a maintenance before its time
        "##);
        insta::assert_snapshot!(order("1003600", "  ").unwrap_err(), @r##"
        reason is missing: say what is done, such as "belt is changed"
        "##);
        insta::assert_snapshot!(order("", "belt").unwrap_err(), @r##"
        until is missing: write when it ends, such as "1970-01-12T14:46:40Z"
        "##);
        insta::assert_snapshot!(order("tomorrow", "belt").unwrap_err(), @r##"
        until: `tomorrow` is not a time: write RFC 3339 (2026-11-23T20:39:00Z) or seconds since the epoch (1795466340.25)
        "##);
    }
}
