//! Verdicts: one row an asset and time, and one for each of its tags.

use andon_plant::{TagFinding, TagVerdict, Timestamp, Verdict};
use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::{
    error::StoreError,
    rows::Span,
    scores::{ScoreRow, ScoreRows},
    series::{Buckets, Extent, SeriesQuery},
};

#[async_trait]
impl ScoreRows for SqliteConnection {
    async fn put_verdict(&mut self, asset: i64, tags: &[i64], verdict: &Verdict) -> Result<(), StoreError> {
        put_score(&mut *self, asset, verdict).await?;
        for (position, (tag_id, tag)) in tags.iter().zip(&verdict.tags).enumerate() {
            let finding = verdict.findings.iter().find(|f| f.tag == tag.tag);
            put_tag(&mut *self, *tag_id, verdict.time, position as i64, (tag, finding)).await?;
        }
        Ok(())
    }

    async fn score_extent(&mut self, asset: i64, (from, to): Span) -> Result<Extent, StoreError> {
        let extent = sqlx::query_as!(
            Extent,
            r#"select count(*) as "count!: i64", min(time_us) as "first_us: i64", max(time_us) as "last_us: i64"
               from score where asset_id = ? and time_us >= ? and time_us < ?"#,
            asset,
            from,
            to
        )
        .fetch_one(self)
        .await?;
        Ok(extent)
    }

    async fn scores(&mut self, asset: i64, span: Span, query: SeriesQuery) -> Result<Vec<ScoreRow>, StoreError> {
        let ((from, to), limit) = (span, query.sql_limit());
        let rows = if query.newest_first {
            sqlx::query_as!(
                ScoreRow,
                r#"select time_us, score, threshold, probability, probability_low, probability_high, mode, imputed, status
                   from score where asset_id = ? and time_us >= ? and time_us < ?
                   order by time_us desc limit ?"#,
                asset,
                from,
                to,
                limit
            )
            .fetch_all(self)
            .await?
        } else {
            sqlx::query_as!(
                ScoreRow,
                r#"select time_us, score, threshold, probability, probability_low, probability_high, mode, imputed, status
                   from score where asset_id = ? and time_us >= ? and time_us < ?
                   order by time_us limit ?"#,
                asset,
                from,
                to,
                limit
            )
            .fetch_all(self)
            .await?
        };
        Ok(rows)
    }

    // `cross join` keeps SQLite from walking the whole history in search of the few times picked.
    async fn thinned_scores(&mut self, asset: i64, b: Buckets) -> Result<Vec<ScoreRow>, StoreError> {
        let rows = sqlx::query_as!(
            ScoreRow,
            r#"with recursive
               bucket (low) as (select ?2 union all select low + ?4 from bucket where low + ?4 < ?3),
               picked (time_us) as (
                   select (select time_us from score
                           where asset_id = ?1 and time_us >= low and time_us < min(low + ?4, ?3)
                           order by score, time_us limit 1) from bucket
                   union
                   select (select time_us from score
                           where asset_id = ?1 and time_us >= low and time_us < min(low + ?4, ?3)
                           order by score desc, time_us limit 1) from bucket
               )
               select s.time_us as "time_us!: i64", s.score as "score!: f64", s.threshold as "threshold: f64",
                   s.probability as "probability: f64", s.probability_low as "probability_low: f64",
                   s.probability_high as "probability_high: f64", s.mode as "mode!: String", s.imputed as "imputed: f64",
                   s.status as "status!: i64"
               from picked cross join score as s on s.asset_id = ?1 and s.time_us = picked.time_us
               order by s.time_us"#,
            asset,
            b.from_us,
            b.to_us,
            b.width_us
        )
        .fetch_all(self)
        .await?;
        Ok(rows)
    }

    async fn score_not_after(&mut self, asset: i64, time_us: i64) -> Result<Option<ScoreRow>, StoreError> {
        let row = sqlx::query_as!(
            ScoreRow,
            "select time_us, score, threshold, probability, probability_low, probability_high, mode, imputed, status
             from score where asset_id = ? and time_us <= ? order by time_us desc limit 1",
            asset,
            time_us
        )
        .fetch_optional(self)
        .await?;
        Ok(row)
    }

    async fn delete_oldest_scores(&mut self, before_us: i64, most: i64) -> Result<i64, StoreError> {
        let asset = sqlx::query_scalar!(
            r#"select id as "id!" from asset
               where exists (select 1 from score where asset_id = asset.id and time_us < ?) limit 1"#,
            before_us
        )
        .fetch_optional(&mut *self)
        .await?;
        let Some(asset) = asset else { return delete_expected(self, before_us, most).await };
        let deleted = sqlx::query!(
            "delete from score where asset_id = ?1 and time_us < coalesce(
                 (select time_us from score where asset_id = ?1 and time_us < ?2 order by time_us limit 1 offset ?3), ?2)",
            asset,
            before_us,
            most
        )
        .execute(self)
        .await?;
        Ok(deleted.rows_affected() as i64)
    }
}

async fn put_score(conn: &mut SqliteConnection, asset: i64, v: &Verdict) -> Result<(), StoreError> {
    let (time_us, mode, status) = (v.time.as_micros(), v.mode.as_str(), i64::from(v.status.0));
    let written = sqlx::query!(
        "insert into score (asset_id, time_us, score, threshold, probability, probability_low, probability_high, mode,
             imputed, status)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         on conflict (asset_id, time_us) do nothing",
        asset,
        time_us,
        v.score,
        v.threshold,
        v.probability,
        v.probability_low,
        v.probability_high,
        mode,
        v.imputed,
        status
    )
    .execute(&mut *conn)
    .await?;
    if written.rows_affected() > 0 {
        return Ok(());
    }
    // The row was judged before, perhaps by a model of other tags: nothing of that verdict stays.
    sqlx::query!(
        "delete from tag_score where time_us = ? and tag_id in (select id from tag where asset_id = ?)",
        time_us,
        asset
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update score set score = ?, threshold = ?, probability = ?, probability_low = ?, probability_high = ?, mode = ?,
             imputed = ?, status = ?
         where asset_id = ? and time_us = ?",
        v.score,
        v.threshold,
        v.probability,
        v.probability_low,
        v.probability_high,
        mode,
        v.imputed,
        status,
        asset,
        time_us
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn put_tag(
    conn: &mut SqliteConnection,
    tag_id: i64,
    time: Timestamp,
    position: i64,
    (tag, finding): (&TagVerdict, Option<&TagFinding>),
) -> Result<(), StoreError> {
    let time_us = time.as_micros();
    let (class, text) = (finding.map(|f| f.class.as_str()), finding.map(|f| f.text.as_str()));
    // SQLite writes a NaN as null, and -0.0 as 0.0.
    sqlx::query!(
        "insert or replace into tag_score (tag_id, time_us, position, value, expected, expected_low, expected_high, residual,
             contribution, imputed, class, finding)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        tag_id,
        time_us,
        position,
        tag.value,
        tag.expected,
        tag.expected_low,
        tag.expected_high,
        tag.residual,
        tag.contribution,
        tag.imputed,
        class,
        text
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn delete_expected(conn: &mut SqliteConnection, before_us: i64, most: i64) -> Result<i64, StoreError> {
    let tag = sqlx::query_scalar!(
        r#"select id as "id!" from tag
           where exists (select 1 from tag_score where tag_id = tag.id and time_us < ?) limit 1"#,
        before_us
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(tag) = tag else { return Ok(0) };
    let deleted = sqlx::query!(
        "delete from tag_score where tag_id = ?1 and time_us < coalesce(
             (select time_us from tag_score where tag_id = ?1 and time_us < ?2 order by time_us limit 1 offset ?3), ?2)",
        tag,
        before_us,
        most
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected() as i64)
}
