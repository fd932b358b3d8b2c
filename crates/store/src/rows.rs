//! Samples that are still rows: those of slow tags and small batches, until there are enough for a block.

use andon_plant::{Sample, StatusCode, Timestamp};
use sqlx::SqliteConnection;

use crate::{batch::Numbered, error::StoreError, names::Label, series::SeriesQuery};

/// Half-open: from the first up to the second, in microseconds.
pub(crate) type Span = (i64, i64);

/// How many rows a tag has, up to a limit, and between which times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rows {
    pub(crate) count: i64,
    pub(crate) first_us: Option<i64>,
    pub(crate) last_us: Option<i64>,
}

/// Rows are counted up to here: a database from before blocks may have any number.
pub(crate) const COUNTED: i64 = 16_384;

impl Rows {
    /// Counts a row that may have replaced another.
    pub(crate) fn add(&mut self, time: Timestamp) {
        let time = time.as_micros();
        self.count += 1;
        self.first_us = Some(self.first_us.map_or(time, |first| first.min(time)));
        self.last_us = Some(self.last_us.map_or(time, |last| last.max(time)));
    }
}

pub(crate) struct SampleRow {
    time_us: i64,
    value: Option<f64>,
    status: i64,
}

impl SampleRow {
    fn sample(self, tag: Label<'_>) -> Result<Sample, StoreError> {
        let time = Timestamp::from_micros(self.time_us);
        let broken = |reason: String| StoreError::broken("sample", format!("{tag} at {time}"), reason);
        let status = u32::try_from(self.status)
            .map(StatusCode)
            .map_err(|_| broken(format!("the status {} is not a StatusCode", self.status)))?;
        match (self.value, status.is_bad()) {
            (Some(value), false) if value.is_finite() => Ok(Sample { time, value, status }),
            (None, true) => Ok(Sample::bad(time, status)),
            (value, _) => Err(broken(format!("the value {value:?} does not go with the status {status}"))),
        }
    }
}

/// Writes a row; one of that time is replaced.
pub(crate) async fn put(conn: &mut SqliteConnection, row: Numbered) -> Result<(), StoreError> {
    let Numbered { tag, sample: Sample { time, value, status } } = row;
    let (time_us, value, status) = (time.as_micros(), Some(value).filter(|v| v.is_finite()), i64::from(status.0));
    sqlx::query!(
        "insert into sample (tag_id, time_us, value, status) values (?, ?, ?, ?)
         on conflict (tag_id, time_us) do update set value = excluded.value, status = excluded.status",
        tag,
        time_us,
        value,
        status
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The rows of a tag (its number, and what an error calls it) in a span, from the end and up to the limit that `query` says.
pub(crate) async fn read(
    conn: &mut SqliteConnection,
    (tag, name): (i64, Label<'_>),
    span: Span,
    query: SeriesQuery,
) -> Result<Vec<Sample>, StoreError> {
    let rows = if query.newest_first {
        newest_first(conn, tag, span, query.sql_limit()).await?
    } else {
        oldest_first(conn, tag, span, query.sql_limit()).await?
    };
    rows.into_iter().map(|row| row.sample(name)).collect()
}

async fn oldest_first(
    conn: &mut SqliteConnection,
    tag: i64,
    (from, to): Span,
    limit: i64,
) -> Result<Vec<SampleRow>, StoreError> {
    let rows = sqlx::query_as!(
        SampleRow,
        "select time_us, value, status from sample where tag_id = ? and time_us >= ? and time_us < ?
         order by time_us limit ?",
        tag,
        from,
        to,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

async fn newest_first(
    conn: &mut SqliteConnection,
    tag: i64,
    (from, to): Span,
    limit: i64,
) -> Result<Vec<SampleRow>, StoreError> {
    let rows = sqlx::query_as!(
        SampleRow,
        "select time_us, value, status from sample where tag_id = ? and time_us >= ? and time_us < ?
         order by time_us desc limit ?",
        tag,
        from,
        to,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// Deletes the rows of a tag in a span.
pub(crate) async fn delete(conn: &mut SqliteConnection, tag: i64, (from, to): Span) -> Result<(), StoreError> {
    sqlx::query!("delete from sample where tag_id = ? and time_us >= ? and time_us < ?", tag, from, to)
        .execute(conn)
        .await?;
    Ok(())
}

/// Deletes the oldest rows of a tag that are older than `before_us`, about `most` at a time; how many.
pub(crate) async fn delete_oldest(
    conn: &mut SqliteConnection,
    tag: i64,
    before_us: i64,
    most: i64,
) -> Result<i64, StoreError> {
    let deleted = sqlx::query!(
        "delete from sample where tag_id = ?1 and time_us < coalesce(
             (select time_us from sample where tag_id = ?1 and time_us < ?2 order by time_us limit 1 offset ?3), ?2)",
        tag,
        before_us,
        most
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected() as i64)
}

/// How many rows a tag has now.
pub(crate) async fn count(conn: &mut SqliteConnection, tag: i64) -> Result<Rows, StoreError> {
    let rows = sqlx::query_as!(
        Rows,
        r#"select (select count(*) from (select 1 from sample where tag_id = ?1 limit ?2)) as "count!: i64",
               (select min(time_us) from sample where tag_id = ?1) as "first_us: i64",
               (select max(time_us) from sample where tag_id = ?1) as "last_us: i64""#,
        tag,
        COUNTED
    )
    .fetch_one(conn)
    .await?;
    Ok(rows)
}

/// Every tag there is.
pub(crate) async fn tags(conn: &mut SqliteConnection) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar!(r#"select id as "id!" from tag order by id"#).fetch_all(conn).await?)
}
