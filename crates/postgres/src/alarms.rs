//! Alarms and their journal.

use andon_plant::{Alarm, Assessment, AssetName, Condition, JournalEntry};
use andon_store::{
    AlarmOrder, AlarmQuery,
    engine::{AlarmRow, AlarmRows, ContributionRow, Filters, JournalLine, JournalRow, Span, phase_columns},
};
use async_trait::async_trait;

use crate::{
    finite,
    session::{Session, Stored},
};

#[async_trait]
impl AlarmRows for Session {
    async fn insert_alarm(&mut self, alarm: &Alarm, entries: &[JournalEntry]) -> Stored<i64> {
        let (phase, since_us) = phase_columns(alarm.state.phase);
        let id = sqlx::query_scalar!(
            "insert into alarm (asset, condition, phase, phase_since_us, acknowledged, severity, message, raised_at_us,
                 cleared_at_us, acknowledged_at_us, acknowledged_by, assessment)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) returning id",
            alarm.asset.as_str(),
            alarm.condition.to_string(),
            phase,
            since_us,
            alarm.state.acknowledged,
            i64::from(alarm.severity),
            alarm.message,
            alarm.raised_at.as_micros(),
            alarm.cleared_at.map(|t| t.as_micros()),
            alarm.acknowledged_at.map(|t| t.as_micros()),
            alarm.acknowledged_by,
            alarm.assessment.map(Assessment::as_str)
        )
        .fetch_one(self.conn())
        .await?;
        self.insert_contributions(id, alarm).await?;
        self.insert_entries(id, entries).await?;
        Ok(id)
    }

    async fn update_alarm(&mut self, alarm: &Alarm, entries: &[JournalEntry]) -> Stored<bool> {
        let id = alarm.id.0;
        let (phase, since_us) = phase_columns(alarm.state.phase);
        let written = sqlx::query!(
            "update alarm set phase = $1, phase_since_us = $2, acknowledged = $3, severity = $4, message = $5,
                 cleared_at_us = $6, acknowledged_at_us = $7, acknowledged_by = $8, assessment = $9
             where id = $10",
            phase,
            since_us,
            alarm.state.acknowledged,
            i64::from(alarm.severity),
            alarm.message,
            alarm.cleared_at.map(|t| t.as_micros()),
            alarm.acknowledged_at.map(|t| t.as_micros()),
            alarm.acknowledged_by,
            alarm.assessment.map(Assessment::as_str),
            id
        )
        .execute(self.conn())
        .await?;
        if written.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query!("delete from alarm_contribution where alarm_id = $1", id).execute(self.conn()).await?;
        self.insert_contributions(id, alarm).await?;
        self.insert_entries(id, entries).await?;
        Ok(true)
    }

    async fn alarm(&mut self, id: i64) -> Stored<Option<AlarmRow>> {
        let row = sqlx::query_as!(
            AlarmRow,
            "select id, asset, condition, phase, phase_since_us, acknowledged, severity, message, raised_at_us, cleared_at_us,
                 acknowledged_at_us, acknowledged_by, assessment
             from alarm where id = $1",
            id
        )
        .fetch_optional(self.conn())
        .await?;
        Ok(row)
    }

    async fn open_alarms(&mut self) -> Stored<Vec<AlarmRow>> {
        let rows = sqlx::query_as!(
            AlarmRow,
            "select id, asset, condition, phase, phase_since_us, acknowledged, severity, message, raised_at_us, cleared_at_us,
                 acknowledged_at_us, acknowledged_by, assessment
             from alarm where phase in ('active', 'falling') or not acknowledged
             order by raised_at_us, id"
        )
        .fetch_all(self.conn())
        .await?;
        Ok(rows)
    }

    async fn alarms(&mut self, query: &AlarmQuery, limit: i64) -> Stored<Vec<AlarmRow>> {
        let filters = Filters::of(query);
        match query.order {
            AlarmOrder::NewestFirst => self.newest_alarms(filters, limit).await,
            AlarmOrder::OldestFirst => self.oldest_alarms(filters, limit).await,
        }
    }

    async fn contributions(&mut self, alarm: i64) -> Stored<Vec<ContributionRow>> {
        let rows = sqlx::query_as!(
            ContributionRow,
            "select position, tag, share, value, expected, unit, class, finding from alarm_contribution
             where alarm_id = $1 order by position",
            alarm
        )
        .fetch_all(self.conn())
        .await?;
        Ok(rows)
    }

    async fn journal(&mut self, alarm: i64) -> Stored<Vec<JournalRow>> {
        let rows = sqlx::query_as!(
            JournalRow,
            "select id, time_us, transition, by, comment from journal where alarm_id = $1 order by id",
            alarm
        )
        .fetch_all(self.conn())
        .await?;
        Ok(rows)
    }

    async fn journal_lines(
        &mut self,
        asset: &AssetName,
        condition: &Condition,
        (from_us, to_us): Span,
    ) -> Stored<Vec<JournalLine>> {
        let lines = sqlx::query_as!(
            JournalLine,
            "select alarm_id, time_us, transition, assessment from journal join alarm on alarm.id = alarm_id
             where asset = $1 and condition = $2 and raised_at_us < $3 and (cleared_at_us is null or cleared_at_us >= $4)
             order by alarm_id, journal.id",
            asset.as_str(),
            condition.to_string(),
            to_us,
            from_us
        )
        .fetch_all(self.conn())
        .await?;
        Ok(lines)
    }

    async fn delete_old_alarms(&mut self, before_us: i64, most: i64) -> Stored<i64> {
        // Contributions and journal go with the alarm they are of.
        let deleted = sqlx::query!(
            "delete from alarm where id in (
                 select id from alarm
                 where raised_at_us < $1 and acknowledged and phase not in ('active', 'falling')
                   and coalesce(cleared_at_us, raised_at_us) < $1 and coalesce(acknowledged_at_us, raised_at_us) < $1
                 order by raised_at_us limit $2)",
            before_us,
            most
        )
        .execute(self.conn())
        .await?;
        Ok(deleted.rows_affected() as i64)
    }
}

impl Session {
    async fn insert_contributions(&mut self, id: i64, alarm: &Alarm) -> Stored<()> {
        for (position, c) in alarm.contributions.iter().enumerate() {
            sqlx::query!(
                "insert into alarm_contribution (alarm_id, position, tag, share, value, expected, unit, class, finding)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                id,
                position as i64,
                c.tag.as_str(),
                finite(c.share),
                finite(c.value),
                finite(c.expected),
                c.unit,
                c.finding.as_ref().map(|f| f.class.as_str()),
                c.finding.as_ref().map(|f| f.text.as_str())
            )
            .execute(self.conn())
            .await?;
        }
        Ok(())
    }

    async fn insert_entries(&mut self, id: i64, entries: &[JournalEntry]) -> Stored<()> {
        for entry in entries {
            sqlx::query!(
                "insert into journal (alarm_id, time_us, transition, by, comment) values ($1, $2, $3, $4, $5)",
                id,
                entry.time.as_micros(),
                entry.transition.as_str(),
                entry.by,
                entry.comment
            )
            .execute(self.conn())
            .await?;
        }
        Ok(())
    }

    async fn newest_alarms(&mut self, f: Filters<'_>, limit: i64) -> Stored<Vec<AlarmRow>> {
        let rows = sqlx::query_as!(
            AlarmRow,
            "select id, asset, condition, phase, phase_since_us, acknowledged, severity, message, raised_at_us, cleared_at_us,
                 acknowledged_at_us, acknowledged_by, assessment
             from alarm
             where (raised_at_us, id) < ($1, $2) and raised_at_us >= $3 and raised_at_us < $4
                 and ($5::text is null or asset = $5)
                 and ($6::text is null or condition = 'Tag:' || $6
                     or exists (select 1 from alarm_contribution where tag = $6 and alarm_id = alarm.id))
                 and ($7::text is null
                     or ($7 = 'active' and phase in ('active', 'falling'))
                     or ($7 = 'cleared' and phase not in ('active', 'falling'))
                     or ($7 = 'open' and (phase in ('active', 'falling') or not acknowledged))
                     or ($7 = 'unacknowledged' and not acknowledged))
                 and ($8::bigint is null or severity >= $8)
             order by raised_at_us desc, id desc limit $9",
            f.after.raised_at_us,
            f.after.id,
            f.from_us,
            f.to_us,
            f.asset,
            f.tag,
            f.state,
            f.severity_min.map(i64::from),
            limit
        )
        .fetch_all(self.conn())
        .await?;
        Ok(rows)
    }

    async fn oldest_alarms(&mut self, f: Filters<'_>, limit: i64) -> Stored<Vec<AlarmRow>> {
        let rows = sqlx::query_as!(
            AlarmRow,
            "select id, asset, condition, phase, phase_since_us, acknowledged, severity, message, raised_at_us, cleared_at_us,
                 acknowledged_at_us, acknowledged_by, assessment
             from alarm
             where (raised_at_us, id) > ($1, $2) and raised_at_us >= $3 and raised_at_us < $4
                 and ($5::text is null or asset = $5)
                 and ($6::text is null or condition = 'Tag:' || $6
                     or exists (select 1 from alarm_contribution where tag = $6 and alarm_id = alarm.id))
                 and ($7::text is null
                     or ($7 = 'active' and phase in ('active', 'falling'))
                     or ($7 = 'cleared' and phase not in ('active', 'falling'))
                     or ($7 = 'open' and (phase in ('active', 'falling') or not acknowledged))
                     or ($7 = 'unacknowledged' and not acknowledged))
                 and ($8::bigint is null or severity >= $8)
             order by raised_at_us, id limit $9",
            f.after.raised_at_us,
            f.after.id,
            f.from_us,
            f.to_us,
            f.asset,
            f.tag,
            f.state,
            f.severity_min.map(i64::from),
            limit
        )
        .fetch_all(self.conn())
        .await?;
        Ok(rows)
    }
}
