//! What was expected of each tag.

use andon_store::{
    SeriesQuery,
    engine::{Buckets, ExpectedRow, ExpectedRows, Extent, Span, TagVerdictRow},
};
use async_trait::async_trait;

use crate::session::{Session, Stored};

#[async_trait]
impl ExpectedRows for Session {
    async fn expected_extent(&mut self, tag: i64, (from, to): Span) -> Stored<Extent> {
        let extent = sqlx::query_as!(
            Extent,
            r#"select count(*) as "count!", min(time_us) as first_us, max(time_us) as last_us
               from tag_score where tag_id = $1 and time_us >= $2 and time_us < $3"#,
            tag,
            from,
            to
        )
        .fetch_one(self.conn())
        .await?;
        Ok(extent)
    }

    async fn expected(&mut self, tag: i64, (from, to): Span, query: SeriesQuery) -> Stored<Vec<ExpectedRow>> {
        let limit = query.sql_limit();
        let rows = if query.newest_first {
            sqlx::query_as!(
                ExpectedRow,
                "select time_us, value, expected, expected_low, expected_high, residual, contribution, imputed
                 from tag_score where tag_id = $1 and time_us >= $2 and time_us < $3
                 order by time_us desc limit $4",
                tag,
                from,
                to,
                limit
            )
            .fetch_all(self.conn())
            .await?
        } else {
            sqlx::query_as!(
                ExpectedRow,
                "select time_us, value, expected, expected_low, expected_high, residual, contribution, imputed
                 from tag_score where tag_id = $1 and time_us >= $2 and time_us < $3
                 order by time_us limit $4",
                tag,
                from,
                to,
                limit
            )
            .fetch_all(self.conn())
            .await?
        };
        Ok(rows)
    }

    async fn thinned_expected(&mut self, tag: i64, b: Buckets) -> Stored<Vec<ExpectedRow>> {
        // Rows without a residual rank after all others, and among themselves by time.
        let rows = sqlx::query_as!(
            ExpectedRow,
            r#"select time_us as "time_us!", value, expected, expected_low, expected_high, residual, contribution,
                   imputed as "imputed!"
               from (select *,
                         row_number() over (partition by (time_us - $2) / $4 order by residual nulls last, time_us) as low,
                         row_number() over (partition by (time_us - $2) / $4 order by residual desc nulls last, time_us) as high,
                         row_number() over (partition by (time_us - $2) / $4, residual is null order by time_us) as first
                     from tag_score where tag_id = $1 and time_us >= $2 and time_us < $3) as ranked
               where residual is not null and (low = 1 or high = 1) or residual is null and first = 1
               order by time_us"#,
            tag,
            b.from_us,
            b.to_us,
            b.width_us
        )
        .fetch_all(self.conn())
        .await?;
        Ok(rows)
    }

    async fn tag_verdicts(&mut self, asset: i64, time_us: i64) -> Stored<Vec<TagVerdictRow>> {
        let rows = sqlx::query_as!(
            TagVerdictRow,
            "select tag.id, tag.name as tag, s.value, s.expected, s.expected_low, s.expected_high, s.residual, s.contribution,
                 s.imputed, s.class, s.finding
             from tag join tag_score as s on s.tag_id = tag.id
             where tag.asset_id = $1 and s.time_us = $2
             order by s.position",
            asset,
            time_us
        )
        .fetch_all(self.conn())
        .await?;
        Ok(rows)
    }
}
