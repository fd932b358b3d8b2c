//! The alarm task: the one owner of every alarm's state.
//!
//! It steps [`andon_plant::alarm`] with verdicts, source losses and acknowledgements. A transition is written to the
//! store before anybody is told of it. It waits for the main database only, never for a model or a busy historian.
//!
//! * Here: the task. `point`: one condition and its occurrences. `occurrence`: what an alarm says. `late`: rows that came
//!   after their time.
//! * `trouble`: sources that are away, and models that do not judge or no longer fit.
//! * `operator`: what people do with an alarm.

mod late;
mod occurrence;
mod operator;
mod point;
#[cfg(test)]
pub(super) mod tests;
mod trouble;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use andon_plant::{
    Alarm, AlarmId, AlarmState, Assessment, AssetName, Condition, JournalEntry, SourceName, TagKey, Timestamp, Verdict,
    alarm::{AlarmSettings, Input, Transition, step},
};
use andon_scoring::DriftState;
use andon_store::StoreError;
use andon_ua_server::UaServer;
use tokio::sync::{mpsc, oneshot};

use super::{
    board::AssetCard,
    hub::{AlarmError, Hub},
    live::LiveEvent,
    publish,
};
use crate::config::AssetConfig;
use late::Late;
use occurrence::{NEW, Occurrence};
use point::Point;

/// What the alarm task is told.
pub(super) enum Message {
    /// A row was judged, and whether the model still fits.
    Verdict { verdict: Arc<Verdict>, drift: Option<DriftState> },
    /// A source was lost (and why), or is back.
    Source { asset: AssetName, source: SourceName, lost: Option<String> },
    /// An operator has seen an alarm.
    Acknowledge { id: AlarmId, by: String, comment: Option<String>, reply: oneshot::Sender<Result<Alarm, AlarmError>> },
    /// An operator says what an alarm was.
    Assess { id: AlarmId, said: Said, reply: oneshot::Sender<Result<Assessed, AlarmError>> },
    /// Something is to be noted in the journal of an asset's open alarms.
    Note { asset: AssetName, by: Option<String>, comment: String },
    /// There is no more to come.
    Stop,
}

/// An alarm that an operator has assessed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assessed {
    pub(super) alarm: Alarm,
    /// No other has been raised of its condition since.
    pub(super) newest: bool,
}

/// What an operator says of an alarm.
#[derive(Debug, Clone)]
pub struct Said {
    /// Whether it was real.
    pub assessment: Assessment,
    /// Who says so.
    pub by: String,
    /// Kept in the journal.
    pub comment: Option<String>,
}

/// The alarm task.
pub(super) struct Alarms {
    hub: Hub,
    ua: UaServer,
    points: HashMap<(AssetName, Condition), Point>,
    /// Sources that are away, and why; a source that has not been heard of since the start is in neither.
    lost: BTreeMap<(AssetName, SourceName), String>,
    heard: HashSet<AssetName>,
    /// Assets with a model and data that have not been judged since the start, and since when they could be.
    unjudged: HashMap<AssetName, Timestamp>,
    /// Tags whose conditions show an incident.
    grouped: HashSet<TagKey>,
    /// The newest row of each asset that was under maintenance, until its window has left that behind.
    maintained: HashMap<AssetName, Timestamp>,
    /// Late rows of assets that have had no row in its time since.
    late: HashMap<AssetName, Late>,
}

impl Alarms {
    /// Takes up the alarms that were open when the process last stopped.
    pub(super) fn restored(hub: Hub, ua: UaServer, open: Vec<Alarm>) -> Self {
        let mut points: HashMap<_, Point> = HashMap::new();
        for alarm in open {
            points.entry((alarm.asset.clone(), alarm.condition.clone())).or_default().restore(alarm);
        }
        let (lost, heard, unjudged, grouped, maintained, late) = Default::default();
        let mut alarms = Self { hub, ua, points, lost, heard, unjudged, grouped, maintained, late };
        let assets: Vec<AssetName> = alarms.hub.config.assets.iter().map(|a| a.name.clone()).collect();
        for asset in assets {
            alarms.count(&asset);
        }
        let open: Vec<Alarm> = alarms.points.values().filter_map(Point::shown).collect();
        open.iter().for_each(|alarm| alarms.mirror(alarm));
        alarms
    }

    /// Runs until it is told to stop.
    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Some(Message::Stop) | None => break,
                    Some(message) => self.take(message).await,
                },
                _ = tick.tick() => self.watch().await,
            }
        }
        for (asset, late) in std::mem::take(&mut self.late) {
            self.end_late(&asset, late).await;
        }
    }

    async fn take(&mut self, message: Message) {
        match message {
            Message::Verdict { verdict, drift } => self.judge(&verdict, drift).await,
            Message::Source { asset, lost, source } => {
                self.heard.insert(asset.clone());
                match lost {
                    Some(reason) => self.lost.insert((asset, source), reason),
                    None => self.lost.remove(&(asset, source)),
                };
                self.watch().await;
            }
            Message::Acknowledge { id, by, comment, reply } => {
                // Whoever asked may have gone; the alarm is acknowledged all the same.
                drop(reply.send(self.acknowledge(id, by, comment).await));
            }
            Message::Assess { id, said, reply } => drop(reply.send(self.assess(id, said).await)),
            Message::Note { asset, by, comment } => self.note(&asset, by, &comment).await,
            Message::Stop => {}
        }
    }

    /// A late row changes no alarm; one under maintenance raises none.
    async fn judge(&mut self, verdict: &Verdict, drift: Option<DriftState>) {
        let Some(card) = self.hub.board.asset(&verdict.asset) else { return };
        if verdict.late {
            return self.judge_late(verdict).await;
        }
        if let Some(late) = self.late.remove(&verdict.asset) {
            self.end_late(&verdict.asset, late).await;
        }
        let quiet = self.is_quiet(&card, verdict.time);
        let raises = !quiet || self.is_active(&verdict.asset, &Condition::Score);
        let level = if raises { verdict.score } else { f64::NEG_INFINITY };
        let input = Input::Level { time: verdict.time, level, threshold: verdict.threshold };
        let config = card.config;
        let describe = |config: &AssetConfig| Occurrence::of_verdict(config, verdict, drift);
        self.advance(&config, Condition::Score, &config.alarm, input, verdict.time, describe).await;
        if !quiet && verdict.anomalous() {
            self.worsen(Occurrence::of_verdict(&config, verdict, drift), verdict).await;
        }
    }

    /// Whether an asset is under maintenance, or was while its window still holds rows of it.
    fn is_quiet(&mut self, card: &AssetCard, time: Timestamp) -> bool {
        let asset = &card.config.name;
        if card.maintenance.is_some() {
            self.maintained.insert(asset.clone(), time);
            return true;
        }
        let settling = self.maintained.get(asset).is_some_and(|until| time < until.after(card.config.window_span()));
        if !settling {
            self.maintained.remove(asset);
        }
        settling
    }

    /// The alarm of a score that is active says what is worst of it.
    async fn worsen(&mut self, occurrence: Occurrence, verdict: &Verdict) {
        let key = (verdict.asset.clone(), Condition::Score);
        let Some(point) = self.points.get(&key).filter(|point| point.state.active()) else { return };
        let Some(before) = point.current() else { return };
        let normal = before.assessment == Some(Assessment::Nuisance);
        let Some(alarm) = occurrence.worsen(before, &point.led) else { return };
        let no_longer_normal = normal && alarm.assessment.is_none();
        let line = JournalEntry {
            alarm: alarm.id,
            time: verdict.time,
            transition: Transition::Worsened,
            by: None,
            comment: Some(alarm.message.clone()),
        };
        if let Err(e) = self.record(key, alarm, line).await {
            tracing::error!(asset = %verdict.asset, "that an alarm has worsened could not be written, it is tried again with the next row: {e}");
            return;
        }
        if no_longer_normal {
            self.hub.no_longer_normal(&verdict.asset);
        }
    }

    fn is_active(&self, asset: &AssetName, condition: &Condition) -> bool {
        self.points.get(&(asset.clone(), condition.clone())).is_some_and(|point| point.state.active())
    }

    /// Steps one condition, and writes and tells what came of it.
    async fn advance(
        &mut self,
        asset: &AssetConfig,
        condition: Condition,
        settings: &AlarmSettings,
        input: Input,
        time: Timestamp,
        describe: impl FnOnce(&AssetConfig) -> Occurrence,
    ) {
        let key = (asset.name.clone(), condition.clone());
        let point = self.points.entry(key.clone()).or_default();
        let (state, transition) = step(settings, point.state, input);
        let Some(transition) = transition else { return point.state = state };
        let before = point.clone();
        let alarm = match transition {
            Transition::Raised => {
                let said = describe(asset);
                let open = point.goes_on(said.leader());
                Some(said.raise(asset, condition, state, open, time))
            }
            _ => point.alarm.take().map(|open| Alarm { state, cleared_at: Some(time), ..open }),
        };
        point.state = state;
        let Some(alarm) = alarm else { return };
        let comment = (transition == Transition::Raised).then(|| alarm.message.clone());
        let line = JournalEntry { alarm: alarm.id, time, transition, by: None, comment };
        if let Err(e) = self.record(key.clone(), alarm, line).await {
            tracing::error!(asset = %asset.name, "an alarm could not be written, it is tried again with the next row: {e}");
            self.points.insert(key, before);
        }
    }

    /// Writes the alarm and a journal line in one transaction, and then tells everybody.
    async fn record(
        &mut self,
        key: (AssetName, Condition),
        alarm: Alarm,
        line: JournalEntry,
    ) -> Result<Alarm, AlarmError> {
        let transition = line.transition;
        let alarm = self.write(&alarm, line).await?;
        tracing::info!(alarm = alarm.id.0, asset = %alarm.asset, severity = alarm.severity, "{} {}: {}",
            alarm.condition, transition.as_str(), alarm.message);
        metrics::counter!("andon_alarm_transitions_total", "transition" => transition.as_str()).increment(1);
        let point = self.points.entry(key).or_default();
        point.take(&alarm, transition);
        let shown = point.shown();
        self.mirror(shown.as_ref().unwrap_or(&alarm));
        self.count(&alarm.asset);
        self.hub.live.send(LiveEvent::Alarm(Arc::new(alarm.clone())));
        publish::state(&self.hub, &self.ua, &alarm.asset);
        Ok(alarm)
    }

    async fn write(&self, alarm: &Alarm, entry: JournalEntry) -> Result<Alarm, StoreError> {
        if alarm.id == NEW {
            return self.hub.store.insert_alarm(alarm.clone(), vec![entry]).await;
        }
        self.hub.store.update_alarm(alarm, vec![entry]).await?;
        Ok(alarm.clone())
    }

    /// Shows an alarm as OPC UA variables. The tags an incident names are grouped under it: their conditions follow it.
    fn mirror(&mut self, alarm: &Alarm) {
        self.ua.publish_alarm(alarm);
        if alarm.condition != Condition::Score {
            return;
        }
        let Some(config) = self.hub.config.assets.iter().find(|a| a.name == alarm.asset) else { return };
        for tag in &config.tags {
            let condition = Condition::Tag(tag.tag.name.clone());
            let key = TagKey { asset: alarm.asset.clone(), tag: tag.tag.name.clone() };
            if alarm.contributions.iter().any(|c| c.tag == tag.tag.name) {
                self.grouped.insert(key);
                self.ua.publish_alarm(&Alarm { condition, ..alarm.clone() });
            } else if self.grouped.remove(&key) {
                let (state, message) = (AlarmState::default(), String::new());
                self.ua.publish_alarm(&Alarm { condition, state, message, severity: 1, ..alarm.clone() });
            }
        }
    }

    fn count(&self, asset: &AssetName) {
        let open = self.points.iter().filter(|((a, _), _)| a == asset).map(|(_, point)| point.open().count()).sum();
        self.hub.board.update(asset, |card| card.open_alarms = open);
    }
}
