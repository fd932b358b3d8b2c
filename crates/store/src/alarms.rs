//! Alarms and their journal: each change is one durable transaction.

mod page;
mod rows;
mod spans;

use andon_plant::{Alarm, AlarmId, Assessment, JournalEntry};
use sqlx::SqliteConnection;

pub use page::{AlarmFilter, AlarmOrder, AlarmQuery, Cursor, CursorError, Page};
pub use spans::AlarmSpan;

pub(crate) use rows::finding;

use crate::{error::StoreError, store::Store, tables::MainWrite};

impl Store {
    /// Writes a new alarm and its first journal lines, and returns it with the number it was given; the number that came
    /// with it, and the one in `entries`, is not looked at. When this returns, the alarm is on the disk.
    ///
    /// # Errors
    /// If the database fails (then nothing was written) or the store is closed.
    #[tracing::instrument(name = "store.alarm.insert", skip_all, fields(asset = %alarm.asset, condition = %alarm.condition))]
    pub async fn insert_alarm(&self, alarm: Alarm, entries: Vec<JournalEntry>) -> Result<Alarm, StoreError> {
        let written = alarm.clone();
        let id = self.main().commit(MainWrite::InsertAlarm { alarm: written, entries }).await?;
        Ok(Alarm { id: AlarmId(id), ..alarm })
    }

    /// Writes what has become of an alarm and the journal lines that say so (none where only the message or severity
    /// changed). `raised_at`, the asset and the condition stay as they were first written. When this returns, the
    /// change is on the disk.
    ///
    /// # Errors
    /// If there is no such alarm, the database fails (then nothing was written), or the store is closed.
    #[tracing::instrument(name = "store.alarm.update", skip_all, fields(alarm = alarm.id.0))]
    pub async fn update_alarm(&self, alarm: &Alarm, entries: Vec<JournalEntry>) -> Result<(), StoreError> {
        self.main().commit(MainWrite::UpdateAlarm { alarm: alarm.clone(), entries }).await.map(drop)
    }

    /// One alarm with its journal, oldest line first.
    ///
    /// # Errors
    /// If the database fails or a row is broken.
    pub async fn alarm(&self, id: AlarmId) -> Result<Option<(Alarm, Vec<JournalEntry>)>, StoreError> {
        // One transaction, so that the alarm and its journal are of one moment.
        whole(&mut *self.main_readers().begin().await?, id).await
    }

    /// Every alarm that is active or not acknowledged, oldest first: what a restart goes on with.
    ///
    /// # Errors
    /// If the database fails or a row is broken.
    pub async fn open_alarms(&self) -> Result<Vec<Alarm>, StoreError> {
        let mut conn = self.main_readers().begin().await?;
        rows::open(&mut conn).await
    }
}

/// An alarm with its journal.
pub(crate) async fn whole(
    conn: &mut SqliteConnection,
    id: AlarmId,
) -> Result<Option<(Alarm, Vec<JournalEntry>)>, StoreError> {
    let Some(alarm) = rows::find(&mut *conn, id).await? else { return Ok(None) };
    let journal = rows::journal(conn, id).await?;
    Ok(Some((alarm, journal)))
}

pub(crate) async fn insert(
    conn: &mut SqliteConnection,
    alarm: &Alarm,
    entries: &[JournalEntry],
) -> Result<i64, StoreError> {
    let (asset, condition) = (alarm.asset.as_str(), alarm.condition.to_string());
    let (phase, since_us) = rows::phase_columns(alarm.state.phase);
    let (raised_us, cleared_us) = (alarm.raised_at.as_micros(), alarm.cleared_at.map(|t| t.as_micros()));
    let acknowledged_us = alarm.acknowledged_at.map(|t| t.as_micros());
    let assessment = alarm.assessment.map(Assessment::as_str);
    let id = sqlx::query!(
        "insert into alarm (asset, condition, phase, phase_since_us, acknowledged, severity, message, raised_at_us,
             cleared_at_us, acknowledged_at_us, acknowledged_by, assessment)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        asset,
        condition,
        phase,
        since_us,
        alarm.state.acknowledged,
        alarm.severity,
        alarm.message,
        raised_us,
        cleared_us,
        acknowledged_us,
        alarm.acknowledged_by,
        assessment
    )
    .execute(&mut *conn)
    .await?
    .last_insert_rowid();
    insert_contributions(&mut *conn, id, alarm).await?;
    insert_entries(conn, id, entries).await?;
    Ok(id)
}

pub(crate) async fn update(
    conn: &mut SqliteConnection,
    alarm: &Alarm,
    entries: &[JournalEntry],
) -> Result<i64, StoreError> {
    let id = alarm.id.0;
    let (phase, since_us) = rows::phase_columns(alarm.state.phase);
    let cleared_us = alarm.cleared_at.map(|t| t.as_micros());
    let acknowledged_us = alarm.acknowledged_at.map(|t| t.as_micros());
    let assessment = alarm.assessment.map(Assessment::as_str);
    let written = sqlx::query!(
        "update alarm set phase = ?, phase_since_us = ?, acknowledged = ?, severity = ?, message = ?, cleared_at_us = ?,
             acknowledged_at_us = ?, acknowledged_by = ?, assessment = ?
         where id = ?",
        phase,
        since_us,
        alarm.state.acknowledged,
        alarm.severity,
        alarm.message,
        cleared_us,
        acknowledged_us,
        alarm.acknowledged_by,
        assessment,
        id
    )
    .execute(&mut *conn)
    .await?;
    if written.rows_affected() == 0 {
        return Err(StoreError::NoSuchAlarm(alarm.id));
    }
    sqlx::query!("delete from alarm_contribution where alarm_id = ?", id).execute(&mut *conn).await?;
    insert_contributions(&mut *conn, id, alarm).await?;
    insert_entries(conn, id, entries).await?;
    Ok(id)
}

async fn insert_contributions(conn: &mut SqliteConnection, id: i64, alarm: &Alarm) -> Result<(), StoreError> {
    for (position, c) in alarm.contributions.iter().enumerate() {
        let (position, tag) = (position as i64, c.tag.as_str());
        let class = c.finding.as_ref().map(|f| f.class.as_str());
        let finding = c.finding.as_ref().map(|f| f.text.as_str());
        sqlx::query!(
            "insert into alarm_contribution (alarm_id, position, tag, share, value, expected, unit, class, finding)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            id,
            position,
            tag,
            c.share,
            c.value,
            c.expected,
            c.unit,
            class,
            finding
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

async fn insert_entries(conn: &mut SqliteConnection, id: i64, entries: &[JournalEntry]) -> Result<(), StoreError> {
    for entry in entries {
        let (time_us, transition) = (entry.time.as_micros(), entry.transition.as_str());
        sqlx::query!(
            "insert into journal (alarm_id, time_us, transition, by, comment) values (?, ?, ?, ?, ?)",
            id,
            time_us,
            transition,
            entry.by,
            entry.comment
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}
