//! What was expected of each tag.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::{
    error::StoreError,
    expected::{ExpectedRow, ExpectedRows, TagVerdictRow},
    rows::Span,
    series::{Buckets, Extent, SeriesQuery},
};

#[async_trait]
impl ExpectedRows for SqliteConnection {
    async fn expected_extent(&mut self, tag: i64, (from, to): Span) -> Result<Extent, StoreError> {
        let extent = sqlx::query_as!(
            Extent,
            r#"select count(*) as "count!: i64", min(time_us) as "first_us: i64", max(time_us) as "last_us: i64"
               from tag_score where tag_id = ? and time_us >= ? and time_us < ?"#,
            tag,
            from,
            to
        )
        .fetch_one(self)
        .await?;
        Ok(extent)
    }

    async fn expected(&mut self, tag: i64, span: Span, query: SeriesQuery) -> Result<Vec<ExpectedRow>, StoreError> {
        let ((from, to), limit) = (span, query.sql_limit());
        let rows = if query.newest_first {
            sqlx::query_as!(
                ExpectedRow,
                r#"select time_us, value, expected, expected_low, expected_high, residual, contribution, imputed as "imputed: bool"
                   from tag_score where tag_id = ? and time_us >= ? and time_us < ?
                   order by time_us desc limit ?"#,
                tag,
                from,
                to,
                limit
            )
            .fetch_all(self)
            .await?
        } else {
            sqlx::query_as!(
                ExpectedRow,
                r#"select time_us, value, expected, expected_low, expected_high, residual, contribution, imputed as "imputed: bool"
                   from tag_score where tag_id = ? and time_us >= ? and time_us < ?
                   order by time_us limit ?"#,
                tag,
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
    async fn thinned_expected(&mut self, tag: i64, b: Buckets) -> Result<Vec<ExpectedRow>, StoreError> {
        let rows = sqlx::query_as!(
            ExpectedRow,
            r#"with recursive
               bucket (low) as (select ?2 union all select low + ?4 from bucket where low + ?4 < ?3),
               picked (time_us) as (
                   select (select time_us from tag_score
                           where tag_id = ?1 and time_us >= low and time_us < min(low + ?4, ?3) and residual is not null
                           order by residual, time_us limit 1) from bucket
                   union
                   select (select time_us from tag_score
                           where tag_id = ?1 and time_us >= low and time_us < min(low + ?4, ?3) and residual is not null
                           order by residual desc, time_us limit 1) from bucket
                   union
                   select (select time_us from tag_score
                           where tag_id = ?1 and time_us >= low and time_us < min(low + ?4, ?3) and residual is null
                           order by time_us limit 1) from bucket
               )
               select s.time_us as "time_us!: i64", s.value as "value: f64", s.expected as "expected: f64",
                   s.expected_low as "expected_low: f64", s.expected_high as "expected_high: f64",
                   s.residual as "residual: f64", s.contribution as "contribution: f64", s.imputed as "imputed!: bool"
               from picked cross join tag_score as s on s.tag_id = ?1 and s.time_us = picked.time_us
               order by s.time_us"#,
            tag,
            b.from_us,
            b.to_us,
            b.width_us
        )
        .fetch_all(self)
        .await?;
        Ok(rows)
    }

    async fn tag_verdicts(&mut self, asset: i64, time_us: i64) -> Result<Vec<TagVerdictRow>, StoreError> {
        let rows = sqlx::query_as!(
            TagVerdictRow,
            r#"select tag.id as "id!", tag.name as tag, s.value, s.expected, s.expected_low, s.expected_high, s.residual,
                   s.contribution, s.imputed as "imputed: bool", s.class, s.finding
               from tag join tag_score as s on s.tag_id = tag.id
               where tag.asset_id = ? and s.time_us = ?
               order by s.position"#,
            asset,
            time_us
        )
        .fetch_all(self)
        .await?;
        Ok(rows)
    }
}
