//! Maintenance: while someone works on an asset it is judged, but its score raises no alarm and nothing is learned of it.
//!
//! An operator orders it until a time, a tag of the asset says so (a service switch), or a schedule does. An order is kept in
//! the store, so that it survives a restart, and ends by itself.

use std::collections::BTreeMap;

use andon_plant::{AssetName, Timestamp};
use andon_store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use super::board::AssetCard;

/// Maintenances of an asset that are remembered.
const REMEMBERED: usize = 1_000;

/// Who says that an asset is under maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An operator.
    Operator,
    /// A tag of the asset.
    Tag,
    /// The schedule in the configuration.
    Schedule,
}

/// The maintenance an asset is under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Who says so.
    pub cause: Cause,
    /// When it ends; none where that is not known.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// Who ordered it, where an operator did.
    pub by: Option<String>,
}

impl Maintenance {
    /// What an operator orders.
    pub fn ordered(until: Timestamp, reason: String, by: &str) -> Self {
        Self { cause: Cause::Operator, until: Some(until), reason, by: Some(by.to_owned()) }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

fn key(asset: &AssetName) -> String {
    format!("maintenance/{asset}")
}

fn history_key(asset: &AssetName) -> String {
    format!("maintenance-history/{asset}")
}

/// From when to when an asset was under maintenance; no end while it is.
pub(super) type MaintenanceSpan = (Timestamp, Option<Timestamp>);

/// Whether `time` lies in a maintenance.
pub(super) fn holds((from, to): &MaintenanceSpan, time: Timestamp) -> bool {
    *from <= time && to.is_none_or(|to| time < to)
}

/// When an asset was under maintenance, oldest first.
pub(super) async fn history(store: &Store, asset: &AssetName) -> Result<Vec<MaintenanceSpan>, StoreError> {
    Ok(store.get_state(&history_key(asset)).await?.unwrap_or_default())
}

/// Writes down that an asset is under maintenance from `now` on, or no longer is. Changes nothing where that is written already.
pub(super) async fn mark(store: &Store, asset: &AssetName, now: Timestamp, held: bool) -> Result<(), StoreError> {
    let mut spans = history(store, asset).await?;
    match (held, spans.last_mut()) {
        (true, None | Some((_, Some(_)))) => spans.push((now, None)),
        (false, Some((_, end @ None))) => *end = Some(now),
        _ => return Ok(()),
    }
    spans.drain(..spans.len().saturating_sub(REMEMBERED));
    store.put_state(&history_key(asset), &spans).await
}

/// Every asset's orders and switches.
#[derive(Debug, Default)]
pub(super) struct Plan {
    orders: BTreeMap<AssetName, Maintenance>,
    /// What each service switch last said: a tag that can't be read says what it said before.
    switched: BTreeMap<AssetName, bool>,
}

impl Plan {
    /// The orders that were in force when the process last stopped.
    pub(super) async fn restored(store: &Store, assets: impl Iterator<Item = &AssetName>) -> Result<Self, StoreError> {
        let mut plan = Self::default();
        for asset in assets {
            if let Some(Some(order)) = store.get_state::<Option<Maintenance>>(&key(asset)).await? {
                plan.orders.insert(asset.clone(), order);
            }
        }
        Ok(plan)
    }

    /// When the order of an asset ends.
    pub(super) fn ends(&self, asset: &AssetName) -> Option<Timestamp> {
        self.orders.get(asset)?.until
    }

    /// Writes an order, or the end of one, and takes it up.
    pub(super) async fn order(
        &mut self,
        store: &Store,
        asset: &AssetName,
        order: Option<Maintenance>,
    ) -> Result<(), StoreError> {
        store.put_state(&key(asset), &order).await?;
        match order {
            Some(order) => self.orders.insert(asset.clone(), order),
            None => self.orders.remove(asset),
        };
        Ok(())
    }

    /// The maintenance an asset is under at `now`: an order comes before a switch, and a switch before the schedule.
    pub(super) fn due(&mut self, card: &AssetCard, now: Timestamp) -> Option<Maintenance> {
        let asset = &card.config.name;
        self.orders.retain(|_, order| !order.is_over(now));
        let order = self.orders.get(asset).cloned();
        order.or_else(|| self.switched(card)).or_else(|| scheduled(card, now))
    }

    fn switched(&mut self, card: &AssetCard) -> Option<Maintenance> {
        let tag = card.config.maintenance.tag.as_ref()?;
        let switch = self.switched.entry(card.config.name.clone()).or_default();
        if let Some(sample) = card.samples.get(tag).filter(|s| !s.status.is_bad() && s.value.is_finite()) {
            *switch = sample.value != 0.0;
        }
        switch.then(|| Maintenance { cause: Cause::Tag, until: None, reason: format!("{tag} is on"), by: None })
    }
}

fn scheduled(card: &AssetCard, now: Timestamp) -> Option<Maintenance> {
    let slots = card.config.maintenance.schedule.iter();
    let (until, slot) = slots.filter_map(|slot| Some((slot.until(now)?, slot))).max_by_key(|(until, _)| *until)?;
    Some(Maintenance { cause: Cause::Schedule, until: Some(until), reason: format!("scheduled: {slot}"), by: None })
}

#[cfg(test)]
mod tests {
    use andon_plant::{Sample, StatusCode, TagName};

    use super::*;
    use crate::pipeline::support::card;

    const CONFIG: &str = "maintenance = { tag = \"Service\", schedule = [\"daily 13:00-13:10\"] }\n\
        [[asset.tag]]\nname = \"Service\"\nkind = \"boolean\"\nsource = \"plc1\"\nnode = \"nsu=urn:test;s=S\"";

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_secs(60 * minutes)
    }

    fn due(plan: &mut Plan, card: &AssetCard, minutes: i64) -> Option<(Cause, Option<Timestamp>)> {
        plan.due(card, at(minutes)).map(|m| (m.cause, m.until))
    }

    #[test]
    fn an_order_ends_by_itself() {
        let (mut plan, card) = (Plan::default(), card(CONFIG));
        plan.orders.insert(card.config.name.clone(), Maintenance::ordered(at(5), "belt".into(), "ann"));
        assert_eq!(due(&mut plan, &card, 4), Some((Cause::Operator, Some(at(5)))));
        assert_eq!(due(&mut plan, &card, 5), None);
    }

    #[test]
    fn the_schedule_counts_in_utc() {
        let (mut plan, card) = (Plan::default(), card(CONFIG));
        let one = 13 * 60;
        assert_eq!(due(&mut plan, &card, one - 1), None);
        assert_eq!(due(&mut plan, &card, one), Some((Cause::Schedule, Some(at(one + 10)))));
        assert_eq!(due(&mut plan, &card, one + 10), None);
    }

    #[test]
    fn a_switch_that_can_not_be_read_says_what_it_said_before() {
        let (mut plan, mut card) = (Plan::default(), card(CONFIG));
        let name = TagName::new("Service").unwrap();
        let mut show = |sample: Sample| {
            card.samples.insert(name.clone(), sample);
            due(&mut plan, &card, 0)
        };
        assert_eq!(show(Sample::good(at(0), 1.0)), Some((Cause::Tag, None)));
        let lost = Sample::new(at(1), f64::NAN, StatusCode::BAD_NO_COMMUNICATION);
        assert_eq!(show(lost), Some((Cause::Tag, None)));
        assert_eq!(show(Sample::good(at(2), 0.0)), None);
    }
}
