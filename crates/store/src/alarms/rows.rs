//! Rows of alarms and of their journal, read and checked.

use andon_plant::{
    Alarm, AlarmId, AlarmState, AssetName, Condition, FaultClass, JournalEntry, TagFinding, TagName, Timestamp,
    alarm::{Contribution, Phase, Transition},
};
use async_trait::async_trait;
use serde::{Deserialize, de::IntoDeserializer};

use super::{page::AlarmQuery, spans::JournalLine};
use crate::{engine::MainRows, error::StoreError, rows::Span};

/// Rows of alarms, of the tags that carried them, and of their journal.
#[async_trait]
pub trait AlarmRows: Send {
    /// Writes an alarm with its contributions and first journal lines; the number it was given.
    async fn insert_alarm(&mut self, alarm: &Alarm, entries: &[JournalEntry]) -> Result<i64, StoreError>;

    /// Writes what has become of an alarm, and the journal lines that say so; false where there is no such alarm.
    async fn update_alarm(&mut self, alarm: &Alarm, entries: &[JournalEntry]) -> Result<bool, StoreError>;

    /// One alarm.
    async fn alarm(&mut self, id: i64) -> Result<Option<AlarmRow>, StoreError>;

    /// Every alarm that is active or not acknowledged, oldest first.
    async fn open_alarms(&mut self) -> Result<Vec<AlarmRow>, StoreError>;

    /// At most `limit` alarms that meet the query, from its cursor on.
    async fn alarms(&mut self, query: &AlarmQuery, limit: i64) -> Result<Vec<AlarmRow>, StoreError>;

    /// The tags that carried an alarm, largest share first.
    async fn contributions(&mut self, alarm: i64) -> Result<Vec<ContributionRow>, StoreError>;

    /// An alarm's journal, oldest line first.
    async fn journal(&mut self, alarm: i64) -> Result<Vec<JournalRow>, StoreError>;

    /// The journal of an asset's alarms of one condition that were raised before the end of a span and not over before its
    /// beginning, alarm by alarm.
    async fn journal_lines(
        &mut self,
        asset: &AssetName,
        condition: &Condition,
        span: Span,
    ) -> Result<Vec<JournalLine>, StoreError>;

    /// Deletes the oldest alarms that are over and acknowledged since before a time, with their journal, `most` at a time; how
    /// many.
    async fn delete_old_alarms(&mut self, before_us: i64, most: i64) -> Result<i64, StoreError>;
}

/// An alarm as it is stored, not checked yet.
#[derive(Debug)]
pub struct AlarmRow {
    /// Its number.
    pub id: i64,
    /// What it is about.
    pub asset: String,
    /// Which of the asset's conditions.
    pub condition: String,
    /// Its phase, as [`phase_columns`] says.
    pub phase: String,
    /// Since when, where the phase has a since.
    pub phase_since_us: Option<i64>,
    /// Whether somebody has seen it.
    pub acknowledged: bool,
    /// 1 to 1000.
    pub severity: i64,
    /// What it says.
    pub message: String,
    /// When it was raised; never changed.
    pub raised_at_us: i64,
    /// When it returned to normal.
    pub cleared_at_us: Option<i64>,
    /// When it was acknowledged.
    pub acknowledged_at_us: Option<i64>,
    /// By whom.
    pub acknowledged_by: Option<String>,
    /// `real` or `nuisance`, where somebody has said so.
    pub assessment: Option<String>,
}

/// A tag that carried an alarm, as it is stored. A number is null where it was not finite.
#[derive(Debug)]
pub struct ContributionRow {
    /// Its place.
    pub position: i64,
    /// Its name.
    pub tag: String,
    /// Its share.
    pub share: Option<f64>,
    /// The value it had.
    pub value: Option<f64>,
    /// The value the model expected.
    pub expected: Option<f64>,
    /// Its unit.
    pub unit: String,
    /// What its fault looks like, as a word.
    pub class: Option<String>,
    /// The same as a sentence.
    pub finding: Option<String>,
}

/// A line of the journal, as it is stored.
#[derive(Debug)]
pub struct JournalRow {
    /// Its number.
    pub id: i64,
    /// When.
    pub time_us: i64,
    /// What happened.
    pub transition: String,
    /// Who did it.
    pub by: Option<String>,
    /// What they said.
    pub comment: Option<String>,
}

impl AlarmRow {
    async fn alarm(self, conn: &mut dyn MainRows) -> Result<Alarm, StoreError> {
        let id = self.id;
        let broken = |reason: String| StoreError::broken("alarm", id, reason);
        let severity = u16::try_from(self.severity).ok().filter(|s| (1..=1000).contains(s));
        Ok(Alarm {
            id: AlarmId(id),
            asset: AssetName::new(&self.asset).map_err(|e| broken(e.to_string()))?,
            condition: self.condition.parse::<Condition>().map_err(|e| broken(e.to_string()))?,
            state: AlarmState {
                phase: phase(&self.phase, self.phase_since_us).map_err(broken)?,
                acknowledged: self.acknowledged,
            },
            severity: severity.ok_or_else(|| broken(format!("the severity {} is not 1 to 1000", self.severity)))?,
            message: self.message,
            raised_at: Timestamp::from_micros(self.raised_at_us),
            cleared_at: self.cleared_at_us.map(Timestamp::from_micros),
            acknowledged_at: self.acknowledged_at_us.map(Timestamp::from_micros),
            acknowledged_by: self.acknowledged_by,
            assessment: self.assessment.as_deref().map(word).transpose().map_err(|e| broken(e.to_string()))?,
            contributions: contributions(conn, id).await?,
        })
    }
}

/// A phase as it is stored: a word, and since when where it has a since.
pub fn phase_columns(phase: Phase) -> (&'static str, Option<i64>) {
    match phase {
        Phase::Normal => ("normal", None),
        Phase::Rising(since) => ("rising", Some(since.as_micros())),
        Phase::Active => ("active", None),
        Phase::Falling(since) => ("falling", Some(since.as_micros())),
    }
}

fn phase(word: &str, since_us: Option<i64>) -> Result<Phase, String> {
    match (word, since_us.map(Timestamp::from_micros)) {
        ("normal", None) => Ok(Phase::Normal),
        ("rising", Some(since)) => Ok(Phase::Rising(since)),
        ("active", None) => Ok(Phase::Active),
        ("falling", Some(since)) => Ok(Phase::Falling(since)),
        (_, since) => Err(format!("the phase `{word}` since {since:?} is not known")),
    }
}

/// Stored words are the ones of JSON, so that a new transition needs no second list here.
pub(crate) fn word<T: for<'de> Deserialize<'de>>(word: &str) -> Result<T, serde::de::value::Error> {
    T::deserialize(word.into_deserializer())
}

pub(super) async fn find(conn: &mut dyn MainRows, id: AlarmId) -> Result<Option<Alarm>, StoreError> {
    match conn.alarm(id.0).await? {
        Some(row) => row.alarm(conn).await.map(Some),
        None => Ok(None),
    }
}

pub(super) async fn open(conn: &mut dyn MainRows) -> Result<Vec<Alarm>, StoreError> {
    let rows = conn.open_alarms().await?;
    all(conn, rows).await
}

/// At most `limit` alarms that meet the query, from its cursor on.
pub(super) async fn list(conn: &mut dyn MainRows, query: &AlarmQuery, limit: i64) -> Result<Vec<Alarm>, StoreError> {
    let rows = conn.alarms(query, limit).await?;
    all(conn, rows).await
}

async fn all(conn: &mut dyn MainRows, rows: Vec<AlarmRow>) -> Result<Vec<Alarm>, StoreError> {
    let mut alarms = Vec::with_capacity(rows.len());
    for row in rows {
        alarms.push(row.alarm(&mut *conn).await?);
    }
    Ok(alarms)
}

async fn contributions(conn: &mut dyn MainRows, id: i64) -> Result<Vec<Contribution>, StoreError> {
    let rows = conn.contributions(id).await?;
    rows.into_iter()
        .map(|row| {
            let place = format!("{id}, {}", row.position);
            let tag = TagName::new(&row.tag).map_err(|e| StoreError::broken("alarm_contribution", &place, e))?;
            let finding = finding(&tag, row.class, row.finding)
                .map_err(|e| StoreError::broken("alarm_contribution", &place, e))?;
            let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
            let (share, value, expected) = (or_nan(row.share), or_nan(row.value), or_nan(row.expected));
            Ok(Contribution { tag, share, value, expected, unit: row.unit, finding })
        })
        .collect()
}

/// What was stored of a tag's fault; none where nothing was.
pub(crate) fn finding(
    tag: &TagName,
    class: Option<String>,
    text: Option<String>,
) -> Result<Option<TagFinding>, serde::de::value::Error> {
    let (Some(class), Some(text)) = (class, text) else { return Ok(None) };
    Ok(Some(TagFinding { tag: tag.clone(), class: word::<FaultClass>(&class)?, text }))
}

pub(super) async fn journal(conn: &mut dyn MainRows, alarm: AlarmId) -> Result<Vec<JournalEntry>, StoreError> {
    let rows = conn.journal(alarm.0).await?;
    rows.into_iter()
        .map(|row| {
            let transition =
                word::<Transition>(&row.transition).map_err(|e| StoreError::broken("journal", row.id, e))?;
            let time = Timestamp::from_micros(row.time_us);
            Ok(JournalEntry { alarm, time, transition, by: row.by, comment: row.comment })
        })
        .collect()
}
