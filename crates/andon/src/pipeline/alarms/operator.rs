//! What people do with an alarm: they acknowledge it, say what it was, and note what they do at its asset.

use std::{sync::Arc, time::Duration};

use andon_plant::{
    Alarm, AlarmId, AssetName, Condition, JournalEntry,
    alarm::{AlarmSettings, Input, Transition, step},
};

use super::{Alarms, Assessed, Said};
use crate::pipeline::{hub::AlarmError, live::LiveEvent};

impl Alarms {
    pub(super) async fn acknowledge(
        &mut self,
        id: AlarmId,
        by: String,
        comment: Option<String>,
    ) -> Result<Alarm, AlarmError> {
        let Some((key, alarm)) = self.open(id) else { return self.stored(id).await };
        let (state, transition) = step(&self.settings(&key.0), alarm.state, Input::Acknowledge);
        let Some(transition) = transition else { return Ok(alarm) };
        let now = self.hub.clock.now();
        let alarm = Alarm { state, acknowledged_at: Some(now), acknowledged_by: Some(by.clone()), ..alarm };
        let line = JournalEntry { alarm: id, time: now, transition, by: Some(by), comment };
        self.record(key, alarm, line).await
    }

    /// Notes what an operator says an alarm was, open or long closed; what was said last counts.
    pub(super) async fn assess(&mut self, id: AlarmId, said: Said) -> Result<Assessed, AlarmError> {
        let (time, transition) = (self.hub.clock.now(), Transition::from(said.assessment));
        let line = JournalEntry { alarm: id, time, transition, by: Some(said.by), comment: said.comment };
        let newest = self.points.values().any(|point| point.is_newest(id));
        if let Some((key, alarm)) = self.open(id) {
            let alarm = self.record(key, Alarm { assessment: Some(said.assessment), ..alarm }, line).await?;
            return Ok(Assessed { alarm, newest });
        }
        let alarm = Alarm { assessment: Some(said.assessment), ..self.stored(id).await? };
        self.hub.store.update_alarm(&alarm, vec![line]).await?;
        self.hub.live.send(LiveEvent::Alarm(Arc::new(alarm.clone())));
        Ok(Assessed { alarm, newest })
    }

    /// Writes `comment` into the journal of every open alarm of an asset.
    pub(super) async fn note(&mut self, asset: &AssetName, by: Option<String>, comment: &str) {
        let of_asset = self.points.iter().filter(|((a, _), _)| a == asset);
        let open: Vec<_> = of_asset.flat_map(|(key, point)| point.open().map(|alarm| (key.clone(), alarm))).collect();
        for (key, alarm) in open {
            let (time, transition, comment) = (self.hub.clock.now(), Transition::Commented, Some(comment.to_owned()));
            let (id, by) = (alarm.id, by.clone());
            let line = JournalEntry { alarm: id, time, transition, by, comment };
            if let Err(e) = self.record(key, alarm, line).await {
                tracing::error!(alarm = id.0, "a note could not be written into the journal: {e}");
            }
        }
    }

    /// An open alarm as it stands, and whose it is.
    fn open(&self, id: AlarmId) -> Option<((AssetName, Condition), Alarm)> {
        self.points.iter().find_map(|(key, point)| {
            let alarm = point.open().find(|alarm| alarm.id == id)?;
            Some((key.clone(), alarm))
        })
    }

    /// An alarm that is over. One of an asset that another process monitors may be open there, which must not be written over.
    async fn stored(&self, id: AlarmId) -> Result<Alarm, AlarmError> {
        let found = self.hub.store.alarm(id).await?;
        let alarm = found.map(|(alarm, _)| alarm).ok_or(AlarmError::NotFound(id))?;
        match self.hub.owner_elsewhere(&alarm.asset) {
            Some(owner) => Err(AlarmError::Elsewhere { asset: alarm.asset, owner }),
            None => Ok(alarm),
        }
    }

    fn settings(&self, asset: &AssetName) -> AlarmSettings {
        let found = self.hub.config.assets.iter().find(|a| a.name == *asset);
        found
            .map_or(AlarmSettings { on_delay: Duration::ZERO, off_delay: Duration::ZERO, hysteresis: 0.0 }, |a| a.alarm)
    }
}
