//! Alarms and their journal: each change is one durable transaction.

mod page;
mod rows;
mod spans;

use andon_plant::{Alarm, AlarmId, JournalEntry};

pub use page::{AlarmFilter, AlarmOrder, AlarmQuery, Cursor, CursorError, Filters, Page};
pub use spans::AlarmSpan;

pub use rows::{AlarmRow, AlarmRows, ContributionRow, JournalRow, phase_columns};
pub use spans::JournalLine;

pub(crate) use rows::finding;

use crate::{engine::MainRows, error::StoreError, store::Store, tables::MainWrite};

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
        whole(self.main_tables().snapshot().await?.rows(), id).await
    }

    /// Every alarm that is active or not acknowledged, oldest first: what a restart goes on with.
    ///
    /// # Errors
    /// If the database fails or a row is broken.
    pub async fn open_alarms(&self) -> Result<Vec<Alarm>, StoreError> {
        rows::open(self.main_tables().snapshot().await?.rows()).await
    }
}

/// An alarm with its journal.
pub(crate) async fn whole(
    conn: &mut dyn MainRows,
    id: AlarmId,
) -> Result<Option<(Alarm, Vec<JournalEntry>)>, StoreError> {
    let Some(alarm) = rows::find(&mut *conn, id).await? else { return Ok(None) };
    let journal = rows::journal(conn, id).await?;
    Ok(Some((alarm, journal)))
}

/// Writes what has become of an alarm; its number.
pub(crate) async fn update(
    conn: &mut dyn MainRows,
    alarm: &Alarm,
    entries: &[JournalEntry],
) -> Result<i64, StoreError> {
    match conn.update_alarm(alarm, entries).await? {
        true => Ok(alarm.id.0),
        false => Err(StoreError::NoSuchAlarm(alarm.id)),
    }
}
