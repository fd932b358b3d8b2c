//! Verdicts: one row an asset and time, and one for each of its tags.

use andon_plant::Verdict;
use andon_store::{
    SeriesQuery,
    engine::{Buckets, Extent, ScoreRow, ScoreRows, Span},
};
use async_trait::async_trait;

use crate::{
    finite,
    partitions::Table,
    session::{Session, Stored},
};

#[async_trait]
impl ScoreRows for Session {
    async fn put_verdict(&mut self, asset: i64, tags: &[i64], v: &Verdict) -> Stored<()> {
        self.make_partition(Table::Score, v.time.as_micros()).await?;
        self.make_partition(Table::TagScore, v.time.as_micros()).await?;
        self.put_score(asset, v).await?;
        self.put_tags(tags, v).await
    }

    async fn score_extent(&mut self, asset: i64, (from, to): Span) -> Stored<Extent> {
        let extent = sqlx::query_as!(
            Extent,
            r#"select count(*) as "count!", min(time_us) as first_us, max(time_us) as last_us
               from score where asset_id = $1 and time_us >= $2 and time_us < $3"#,
            asset,
            from,
            to
        )
        .fetch_one(self.conn())
        .await?;
        Ok(extent)
    }

    async fn scores(&mut self, asset: i64, (from, to): Span, query: SeriesQuery) -> Stored<Vec<ScoreRow>> {
        let limit = query.sql_limit();
        let rows = if query.newest_first {
            sqlx::query_as!(
                ScoreRow,
                "select time_us, score, threshold, probability, probability_low, probability_high, mode, imputed, status
                 from score where asset_id = $1 and time_us >= $2 and time_us < $3
                 order by time_us desc limit $4",
                asset,
                from,
                to,
                limit
            )
            .fetch_all(self.conn())
            .await?
        } else {
            sqlx::query_as!(
                ScoreRow,
                "select time_us, score, threshold, probability, probability_low, probability_high, mode, imputed, status
                 from score where asset_id = $1 and time_us >= $2 and time_us < $3
                 order by time_us limit $4",
                asset,
                from,
                to,
                limit
            )
            .fetch_all(self.conn())
            .await?
        };
        Ok(rows)
    }

    async fn thinned_scores(&mut self, asset: i64, b: Buckets) -> Stored<Vec<ScoreRow>> {
        let rows = sqlx::query_as!(
            ScoreRow,
            r#"select time_us as "time_us!", score as "score!", threshold, probability, probability_low, probability_high,
                   mode as "mode!", imputed, status as "status!"
               from (select *,
                         row_number() over (partition by (time_us - $2) / $4 order by score, time_us) as low,
                         row_number() over (partition by (time_us - $2) / $4 order by score desc, time_us) as high
                     from score where asset_id = $1 and time_us >= $2 and time_us < $3) as ranked
               where low = 1 or high = 1
               order by time_us"#,
            asset,
            b.from_us,
            b.to_us,
            b.width_us
        )
        .fetch_all(self.conn())
        .await?;
        Ok(rows)
    }

    async fn score_not_after(&mut self, asset: i64, time_us: i64) -> Stored<Option<ScoreRow>> {
        let row = sqlx::query_as!(
            ScoreRow,
            "select time_us, score, threshold, probability, probability_low, probability_high, mode, imputed, status
             from score where asset_id = $1 and time_us <= $2 order by time_us desc limit 1",
            asset,
            time_us
        )
        .fetch_optional(self.conn())
        .await?;
        Ok(row)
    }

    async fn delete_oldest_scores(&mut self, before_us: i64, most: i64) -> Stored<i64> {
        for table in [Table::Score, Table::TagScore] {
            let Some(oldest) = self.partitions_before(table, before_us).await?.first().copied() else { continue };
            let rows = self.about_rows(oldest).await?;
            return Ok(if self.drop_partition(oldest).await? { rows } else { 0 });
        }
        match self.delete_scores(before_us, most).await? {
            0 => self.delete_expected(before_us, most).await,
            deleted => Ok(deleted),
        }
    }
}

impl Session {
    async fn put_score(&mut self, asset: i64, v: &Verdict) -> Stored<()> {
        let written = sqlx::query!(
            "insert into score (asset_id, time_us, score, threshold, probability, probability_low, probability_high, mode,
                 imputed, status)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             on conflict (asset_id, time_us) do nothing",
            asset,
            v.time.as_micros(),
            v.score,
            finite(v.threshold),
            finite(v.probability),
            finite(v.probability_low),
            finite(v.probability_high),
            v.mode.as_str(),
            finite(v.imputed),
            i64::from(v.status.0)
        )
        .execute(self.conn())
        .await?;
        if written.rows_affected() > 0 {
            return Ok(());
        }
        // The row was judged before, perhaps by a model of other tags: nothing of that verdict stays.
        sqlx::query!(
            "delete from tag_score where time_us = $1 and tag_id in (select id from tag where asset_id = $2)",
            v.time.as_micros(),
            asset
        )
        .execute(self.conn())
        .await?;
        sqlx::query!(
            "update score set score = $3, threshold = $4, probability = $5, probability_low = $6, probability_high = $7,
                 mode = $8, imputed = $9, status = $10
             where asset_id = $1 and time_us = $2",
            asset,
            v.time.as_micros(),
            v.score,
            finite(v.threshold),
            finite(v.probability),
            finite(v.probability_low),
            finite(v.probability_high),
            v.mode.as_str(),
            finite(v.imputed),
            i64::from(v.status.0)
        )
        .execute(self.conn())
        .await?;
        Ok(())
    }

    async fn put_tags(&mut self, tags: &[i64], v: &Verdict) -> Stored<()> {
        let positions: Vec<_> = (0..tags.len() as i64).collect();
        let column = |of: fn(&andon_plant::TagVerdict) -> f64| v.tags.iter().map(|t| finite(of(t))).collect::<Vec<_>>();
        let (value, expected, residual) = (column(|t| t.value), column(|t| t.expected), column(|t| t.residual));
        let (low, high) = (column(|t| t.expected_low), column(|t| t.expected_high));
        let share = column(|t| t.contribution);
        let imputed: Vec<_> = v.tags.iter().map(|t| t.imputed).collect();
        let findings: Vec<_> = v.tags.iter().map(|t| v.findings.iter().find(|f| f.tag == t.tag)).collect();
        let class: Vec<_> = findings.iter().map(|f| f.map(|f| f.class.as_str())).collect();
        let finding: Vec<_> = findings.iter().map(|f| f.map(|f| f.text.as_str())).collect();
        sqlx::query!(
            "insert into tag_score (tag_id, time_us, position, value, expected, expected_low, expected_high, residual,
                 contribution, imputed, class, finding)
             select tag_id, $2, position, value, expected, expected_low, expected_high, residual, contribution, imputed, class,
                 finding
             from unnest($1::bigint[], $3::bigint[], $4::double precision[], $5::double precision[],
                 $6::double precision[], $7::double precision[], $8::double precision[], $9::double precision[],
                 $10::boolean[], $11::text[], $12::text[])
                 as t (tag_id, position, value, expected, expected_low, expected_high, residual, contribution, imputed, class,
                     finding)
             on conflict (tag_id, time_us) do update set position = excluded.position, value = excluded.value,
                 expected = excluded.expected, expected_low = excluded.expected_low,
                 expected_high = excluded.expected_high, residual = excluded.residual,
                 contribution = excluded.contribution, imputed = excluded.imputed, class = excluded.class,
                 finding = excluded.finding",
            tags,
            v.time.as_micros(),
            &positions,
            &value as _,
            &expected as _,
            &low as _,
            &high as _,
            &residual as _,
            &share as _,
            &imputed,
            &class as _,
            &finding as _
        )
        .execute(self.conn())
        .await?;
        Ok(())
    }

    async fn delete_scores(&mut self, before_us: i64, most: i64) -> Stored<i64> {
        let asset = sqlx::query_scalar!(
            "select id from asset where exists (select 1 from score where asset_id = asset.id and time_us < $1) limit 1",
            before_us
        )
        .fetch_optional(self.conn())
        .await?;
        let deleted = sqlx::query!(
            "delete from score where asset_id = $1 and time_us < coalesce(
                 (select time_us from score where asset_id = $1 and time_us < $2 order by time_us limit 1 offset $3), $2)",
            asset,
            before_us,
            most
        )
        .execute(self.conn())
        .await?;
        Ok(deleted.rows_affected() as i64)
    }

    async fn delete_expected(&mut self, before_us: i64, most: i64) -> Stored<i64> {
        let tag = sqlx::query_scalar!(
            "select id from tag where exists (select 1 from tag_score where tag_id = tag.id and time_us < $1) limit 1",
            before_us
        )
        .fetch_optional(self.conn())
        .await?;
        let deleted = sqlx::query!(
            "delete from tag_score where tag_id = $1 and time_us < coalesce(
                 (select time_us from tag_score where tag_id = $1 and time_us < $2 order by time_us limit 1 offset $3), $2)",
            tag,
            before_us,
            most
        )
        .execute(self.conn())
        .await?;
        Ok(deleted.rows_affected() as i64)
    }
}
