//! What roll-ups say of the buckets of a thinned trend, summed up by SQLite: a few rows for each bucket, however many blocks.

use andon_plant::Sample;
use sqlx::SqliteConnection;

use crate::{
    blocks::{BlockKey, Rolled, Whole},
    error::StoreError,
    rollup::{Extremes, sample},
};

/// The lowest, highest and first gap of each bucket's whole blocks, in no order.
pub(super) async fn extremes(conn: &mut SqliteConnection, whole: Whole) -> Result<Vec<Sample>, StoreError> {
    let mut kept = lowest(&mut *conn, whole).await?;
    kept.extend(highest(&mut *conn, whole).await?);
    kept.extend(gaps(conn, whole).await?);
    Ok(kept)
}

// With one `min` or `max`, the other columns are of the row it was found in (<https://sqlite.org/lang_select.html#bareagg>).
async fn lowest(conn: &mut SqliteConnection, whole: Whole) -> Result<Vec<Sample>, StoreError> {
    let Whole { tag, span, buckets, tail } = whole;
    let rows = sqlx::query!(
        r#"select min(min) as "value: f64", min_us as "time_us: i64", min_status as "status: i64"
           from block
           where tag_id = ?1 and first_us >= ?2 and first_us < ?3 and last_us < ?3 and (last_us < ?6 or first_us > ?7)
               and (first_us - ?4) / ?5 = (last_us - ?4) / ?5 and min is not null
           group by (first_us - ?4) / ?5"#,
        tag,
        span.0,
        span.1,
        buckets.from_us,
        buckets.width_us,
        tail.0,
        tail.1
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().filter_map(|row| sample(row.time_us, row.status, row.value)).collect())
}

async fn highest(conn: &mut SqliteConnection, whole: Whole) -> Result<Vec<Sample>, StoreError> {
    let Whole { tag, span, buckets, tail } = whole;
    let rows = sqlx::query!(
        r#"select max(max) as "value: f64", max_us as "time_us: i64", max_status as "status: i64"
           from block
           where tag_id = ?1 and first_us >= ?2 and first_us < ?3 and last_us < ?3 and (last_us < ?6 or first_us > ?7)
               and (first_us - ?4) / ?5 = (last_us - ?4) / ?5 and max is not null
           group by (first_us - ?4) / ?5"#,
        tag,
        span.0,
        span.1,
        buckets.from_us,
        buckets.width_us,
        tail.0,
        tail.1
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().filter_map(|row| sample(row.time_us, row.status, row.value)).collect())
}

async fn gaps(conn: &mut SqliteConnection, whole: Whole) -> Result<Vec<Sample>, StoreError> {
    let Whole { tag, span, buckets, tail } = whole;
    let rows = sqlx::query!(
        r#"select min(gap_us) as "time_us: i64", gap_status as "status: i64"
           from block
           where tag_id = ?1 and first_us >= ?2 and first_us < ?3 and last_us < ?3 and (last_us < ?6 or first_us > ?7)
               and (first_us - ?4) / ?5 = (last_us - ?4) / ?5 and gap_us is not null
           group by (first_us - ?4) / ?5"#,
        tag,
        span.0,
        span.1,
        buckets.from_us,
        buckets.width_us,
        tail.0,
        tail.1
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().filter_map(|row| sample(row.time_us, row.status, None)).collect())
}

/// The other blocks that begin from `begin_us` on and before the end of the span.
pub(super) async fn others(
    conn: &mut SqliteConnection,
    whole: Whole,
    begin_us: i64,
) -> Result<Vec<Rolled>, StoreError> {
    let Whole { tag, span, buckets, tail } = whole;
    let rows = sqlx::query!(
        "select first_us, last_us, count, min_us, min_status, min, max_us, max_status, max, gap_us, gap_status
         from block
         where tag_id = ?1 and first_us >= ?8 and first_us < ?3
             and not (first_us >= ?2 and last_us < ?3 and (last_us < ?6 or first_us > ?7)
                 and (first_us - ?4) / ?5 = (last_us - ?4) / ?5)
         order by first_us",
        tag,
        span.0,
        span.1,
        buckets.from_us,
        buckets.width_us,
        tail.0,
        tail.1,
        begin_us
    )
    .map(|row| Rolled {
        block: BlockKey { first_us: row.first_us, last_us: row.last_us, count: row.count },
        extremes: Extremes {
            min: sample(row.min_us, row.min_status, row.min),
            max: sample(row.max_us, row.max_status, row.max),
            gap: sample(row.gap_us, row.gap_status, None),
        },
    })
    .fetch_all(conn)
    .await?;
    Ok(rows)
}
