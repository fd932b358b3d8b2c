//! Rows of alarms and of their journal, read and checked.

use andon_plant::{
    Alarm, AlarmId, AlarmState, AssetName, Condition, FaultClass, JournalEntry, TagFinding, TagName, Timestamp,
    alarm::{Contribution, Phase, Transition},
};
use serde::{Deserialize, de::IntoDeserializer};
use sqlx::SqliteConnection;

use super::page::{AlarmFilter, AlarmOrder, AlarmQuery, Cursor};
use crate::error::StoreError;

struct AlarmRow {
    id: i64,
    asset: String,
    condition: String,
    phase: String,
    phase_since_us: Option<i64>,
    acknowledged: bool,
    severity: i64,
    message: String,
    raised_at_us: i64,
    cleared_at_us: Option<i64>,
    acknowledged_at_us: Option<i64>,
    acknowledged_by: Option<String>,
    assessment: Option<String>,
}

impl AlarmRow {
    async fn alarm(self, conn: &mut SqliteConnection) -> Result<Alarm, StoreError> {
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
pub(super) fn phase_columns(phase: Phase) -> (&'static str, Option<i64>) {
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

pub(super) async fn find(conn: &mut SqliteConnection, id: AlarmId) -> Result<Option<Alarm>, StoreError> {
    let row = sqlx::query_as!(
        AlarmRow,
        r#"select id, asset, condition, phase, phase_since_us, acknowledged as "acknowledged: bool", severity, message,
               raised_at_us, cleared_at_us, acknowledged_at_us, acknowledged_by, assessment
           from alarm where id = ?"#,
        id.0
    )
    .fetch_optional(&mut *conn)
    .await?;
    match row {
        Some(row) => row.alarm(conn).await.map(Some),
        None => Ok(None),
    }
}

pub(super) async fn open(conn: &mut SqliteConnection) -> Result<Vec<Alarm>, StoreError> {
    let rows = sqlx::query_as!(
        AlarmRow,
        r#"select id as "id!", asset, condition, phase, phase_since_us, acknowledged as "acknowledged: bool", severity,
               message, raised_at_us, cleared_at_us, acknowledged_at_us, acknowledged_by, assessment
           from alarm where phase in ('active', 'falling') or acknowledged = 0
           order by raised_at_us, id"#
    )
    .fetch_all(&mut *conn)
    .await?;
    all(conn, rows).await
}

/// At most `limit` alarms that meet the query, from its cursor on.
pub(super) async fn list(
    conn: &mut SqliteConnection,
    query: &AlarmQuery,
    limit: i64,
) -> Result<Vec<Alarm>, StoreError> {
    let rows = match query.order {
        AlarmOrder::NewestFirst => newest_first(&mut *conn, query, limit).await?,
        AlarmOrder::OldestFirst => oldest_first(&mut *conn, query, limit).await?,
    };
    all(conn, rows).await
}

async fn all(conn: &mut SqliteConnection, rows: Vec<AlarmRow>) -> Result<Vec<Alarm>, StoreError> {
    let mut alarms = Vec::with_capacity(rows.len());
    for row in rows {
        alarms.push(row.alarm(&mut *conn).await?);
    }
    Ok(alarms)
}

/// The filters of a query as its statement takes them; null is no filter.
struct Filters<'q> {
    asset: Option<&'q str>,
    tag: Option<&'q str>,
    state: Option<&'static str>,
    severity_min: Option<u16>,
    from_us: i64,
    to_us: i64,
}

impl<'q> Filters<'q> {
    fn of(query: &'q AlarmQuery) -> Self {
        Self {
            asset: query.asset.as_deref(),
            tag: query.tag.as_deref(),
            state: query.state.map(AlarmFilter::as_str),
            severity_min: query.severity_min,
            from_us: query.from.map_or(i64::MIN, Timestamp::as_micros),
            to_us: query.to.map_or(i64::MAX, Timestamp::as_micros),
        }
    }
}

async fn newest_first(
    conn: &mut SqliteConnection,
    query: &AlarmQuery,
    limit: i64,
) -> Result<Vec<AlarmRow>, StoreError> {
    let f = Filters::of(query);
    let after = query.cursor.unwrap_or(Cursor { raised_at_us: i64::MAX, id: i64::MAX });
    let rows = sqlx::query_as!(
        AlarmRow,
        r#"select id as "id!", asset, condition, phase, phase_since_us, acknowledged as "acknowledged: bool", severity,
               message, raised_at_us, cleared_at_us, acknowledged_at_us, acknowledged_by, assessment
           from alarm
           where (raised_at_us, id) < (?1, ?2) and raised_at_us >= ?3 and raised_at_us < ?4
               and (?5 is null or asset = ?5)
               and (?6 is null or condition = 'Tag:' || ?6
                   or exists (select 1 from alarm_contribution where tag = ?6 and alarm_id = alarm.id))
               and (?7 is null
                   or (?7 = 'active' and phase in ('active', 'falling'))
                   or (?7 = 'cleared' and phase not in ('active', 'falling'))
                   or (?7 = 'open' and (phase in ('active', 'falling') or not acknowledged))
                   or (?7 = 'unacknowledged' and not acknowledged))
               and (?8 is null or severity >= ?8)
           order by raised_at_us desc, id desc limit ?9"#,
        after.raised_at_us,
        after.id,
        f.from_us,
        f.to_us,
        f.asset,
        f.tag,
        f.state,
        f.severity_min,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

async fn oldest_first(
    conn: &mut SqliteConnection,
    query: &AlarmQuery,
    limit: i64,
) -> Result<Vec<AlarmRow>, StoreError> {
    let f = Filters::of(query);
    let after = query.cursor.unwrap_or(Cursor { raised_at_us: i64::MIN, id: i64::MIN });
    let rows = sqlx::query_as!(
        AlarmRow,
        r#"select id as "id!", asset, condition, phase, phase_since_us, acknowledged as "acknowledged: bool", severity,
               message, raised_at_us, cleared_at_us, acknowledged_at_us, acknowledged_by, assessment
           from alarm
           where (raised_at_us, id) > (?1, ?2) and raised_at_us >= ?3 and raised_at_us < ?4
               and (?5 is null or asset = ?5)
               and (?6 is null or condition = 'Tag:' || ?6
                   or exists (select 1 from alarm_contribution where tag = ?6 and alarm_id = alarm.id))
               and (?7 is null
                   or (?7 = 'active' and phase in ('active', 'falling'))
                   or (?7 = 'cleared' and phase not in ('active', 'falling'))
                   or (?7 = 'open' and (phase in ('active', 'falling') or not acknowledged))
                   or (?7 = 'unacknowledged' and not acknowledged))
               and (?8 is null or severity >= ?8)
           order by raised_at_us, id limit ?9"#,
        after.raised_at_us,
        after.id,
        f.from_us,
        f.to_us,
        f.asset,
        f.tag,
        f.state,
        f.severity_min,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

async fn contributions(conn: &mut SqliteConnection, id: i64) -> Result<Vec<Contribution>, StoreError> {
    let rows = sqlx::query!(
        "select position, tag, share, value, expected, unit, class, finding from alarm_contribution where alarm_id = ?
         order by position",
        id
    )
    .fetch_all(conn)
    .await?;
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

pub(super) async fn journal(conn: &mut SqliteConnection, alarm: AlarmId) -> Result<Vec<JournalEntry>, StoreError> {
    let rows = sqlx::query!(
        r#"select id as "id!", time_us, transition, by, comment from journal where alarm_id = ? order by id"#,
        alarm.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let transition =
                word::<Transition>(&row.transition).map_err(|e| StoreError::broken("journal", row.id, e))?;
            let time = Timestamp::from_micros(row.time_us);
            Ok(JournalEntry { alarm, time, transition, by: row.by, comment: row.comment })
        })
        .collect()
}
