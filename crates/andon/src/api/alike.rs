//! Past alarms that looked like this one.

use andon_plant::{Alarm, AlarmId};
use andon_scoring::explain::{PastAlarm, SignedShare, alike};
use andon_store::{AlarmQuery, StoreError};
use serde_json::{Value, json};

use super::Api;

/// Alarms of the asset that are looked at, newest first.
const LOOKED_AT: usize = 500;
/// How many are shown, and how alike they must be.
const SHOWN: usize = 3;
const FLOOR: f64 = 0.7;

/// At most three alarms of the same asset that were raised before and looked alike, the most alike first.
pub(super) async fn past(api: &Api, alarm: &Alarm) -> Result<Vec<Value>, StoreError> {
    let (asset, to) = (Some(alarm.asset.clone()), Some(alarm.raised_at));
    let query = AlarmQuery { asset, to, limit: Some(LOOKED_AT), ..AlarmQuery::default() };
    let known = api.hub.store.alarms(&query).await?.items;
    let past: Vec<PastAlarm> = known.iter().map(|a| PastAlarm { id: a.id, shares: shares(a) }).collect();
    let found = alike(&shares(alarm), &past, SHOWN, FLOOR);
    Ok(found.iter().filter_map(|a| shown(&known, a.id, a.similarity)).collect())
}

fn shares(alarm: &Alarm) -> Vec<SignedShare> {
    alarm.contributions.iter().map(SignedShare::from).collect()
}

fn shown(known: &[Alarm], id: AlarmId, similarity: f64) -> Option<Value> {
    let a = known.iter().find(|a| a.id == id)?;
    Some(json!({
        "id": a.id, "similarity": similarity, "raised_at": a.raised_at, "message": a.message, "assessment": a.assessment,
    }))
}
