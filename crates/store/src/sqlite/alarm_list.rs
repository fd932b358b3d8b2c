//! Lists of alarms.

use sqlx::SqliteConnection;

use crate::{
    alarms::{AlarmRow, Filters},
    error::StoreError,
};

pub(super) async fn newest_first(
    conn: &mut SqliteConnection,
    f: Filters<'_>,
    limit: i64,
) -> Result<Vec<AlarmRow>, StoreError> {
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
        f.after.raised_at_us,
        f.after.id,
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

pub(super) async fn oldest_first(
    conn: &mut SqliteConnection,
    f: Filters<'_>,
    limit: i64,
) -> Result<Vec<AlarmRow>, StoreError> {
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
        f.after.raised_at_us,
        f.after.id,
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
