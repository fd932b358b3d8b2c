//! Alarms and their journal.

use andon_plant::{Alarm, Assessment, AssetName, Condition, JournalEntry};
use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::alarm_list;
use crate::{
    alarms::{
        AlarmOrder, AlarmQuery, AlarmRow, AlarmRows, ContributionRow, Filters, JournalLine, JournalRow, phase_columns,
    },
    error::StoreError,
    rows::Span,
};

#[async_trait]
impl AlarmRows for SqliteConnection {
    async fn insert_alarm(&mut self, alarm: &Alarm, entries: &[JournalEntry]) -> Result<i64, StoreError> {
        let (asset, condition) = (alarm.asset.as_str(), alarm.condition.to_string());
        let (phase, since_us) = phase_columns(alarm.state.phase);
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
        .execute(&mut *self)
        .await?
        .last_insert_rowid();
        insert_contributions(&mut *self, id, alarm).await?;
        insert_entries(self, id, entries).await?;
        Ok(id)
    }

    async fn update_alarm(&mut self, alarm: &Alarm, entries: &[JournalEntry]) -> Result<bool, StoreError> {
        let id = alarm.id.0;
        let (phase, since_us) = phase_columns(alarm.state.phase);
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
        .execute(&mut *self)
        .await?;
        if written.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query!("delete from alarm_contribution where alarm_id = ?", id).execute(&mut *self).await?;
        insert_contributions(&mut *self, id, alarm).await?;
        insert_entries(self, id, entries).await?;
        Ok(true)
    }

    async fn alarm(&mut self, id: i64) -> Result<Option<AlarmRow>, StoreError> {
        let row = sqlx::query_as!(
            AlarmRow,
            r#"select id, asset, condition, phase, phase_since_us, acknowledged as "acknowledged: bool", severity, message,
                   raised_at_us, cleared_at_us, acknowledged_at_us, acknowledged_by, assessment
               from alarm where id = ?"#,
            id
        )
        .fetch_optional(&mut *self)
        .await?;
        Ok(row)
    }

    async fn open_alarms(&mut self) -> Result<Vec<AlarmRow>, StoreError> {
        let rows = sqlx::query_as!(
            AlarmRow,
            r#"select id as "id!", asset, condition, phase, phase_since_us, acknowledged as "acknowledged: bool", severity,
                   message, raised_at_us, cleared_at_us, acknowledged_at_us, acknowledged_by, assessment
               from alarm where phase in ('active', 'falling') or acknowledged = 0
               order by raised_at_us, id"#
        )
        .fetch_all(&mut *self)
        .await?;
        Ok(rows)
    }

    async fn alarms(&mut self, query: &AlarmQuery, limit: i64) -> Result<Vec<AlarmRow>, StoreError> {
        let filters = Filters::of(query);
        match query.order {
            AlarmOrder::NewestFirst => alarm_list::newest_first(self, filters, limit).await,
            AlarmOrder::OldestFirst => alarm_list::oldest_first(self, filters, limit).await,
        }
    }

    async fn contributions(&mut self, alarm: i64) -> Result<Vec<ContributionRow>, StoreError> {
        let rows = sqlx::query_as!(
            ContributionRow,
            "select position, tag, share, value, expected, unit, class, finding from alarm_contribution where alarm_id = ?
             order by position",
            alarm
        )
        .fetch_all(self)
        .await?;
        Ok(rows)
    }

    async fn journal(&mut self, alarm: i64) -> Result<Vec<JournalRow>, StoreError> {
        let rows = sqlx::query_as!(
            JournalRow,
            r#"select id as "id!", time_us, transition, by, comment from journal where alarm_id = ? order by id"#,
            alarm
        )
        .fetch_all(self)
        .await?;
        Ok(rows)
    }

    async fn journal_lines(
        &mut self,
        asset: &AssetName,
        condition: &Condition,
        span: Span,
    ) -> Result<Vec<JournalLine>, StoreError> {
        let (asset, condition) = (asset.as_str(), condition.to_string());
        let (from_us, to_us) = span;
        let lines = sqlx::query_as!(
            JournalLine,
            r#"select alarm_id, time_us, transition, assessment from journal join alarm on alarm.id = alarm_id
               where asset = ? and condition = ? and raised_at_us < ? and (cleared_at_us is null or cleared_at_us >= ?)
               order by alarm_id, journal.id"#,
            asset,
            condition,
            to_us,
            from_us
        )
        .fetch_all(self)
        .await?;
        Ok(lines)
    }

    async fn delete_old_alarms(&mut self, before_us: i64, most: i64) -> Result<i64, StoreError> {
        // Contributions and journal go with the alarm they are of.
        let deleted = sqlx::query!(
            "delete from alarm where id in (
                 select id from alarm
                 where raised_at_us < ?1 and acknowledged = 1 and phase not in ('active', 'falling')
                   and coalesce(cleared_at_us, raised_at_us) < ?1 and coalesce(acknowledged_at_us, raised_at_us) < ?1
                 order by raised_at_us limit ?2)",
            before_us,
            most
        )
        .execute(self)
        .await?;
        Ok(deleted.rows_affected() as i64)
    }
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
