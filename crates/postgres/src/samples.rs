//! Samples that are rows.

use andon_plant::AssetName;
use andon_store::{
    SeriesQuery,
    engine::{COUNTED, Numbered, Rows, SampleRow, SampleRows, Span},
};
use async_trait::async_trait;

use crate::{
    finite,
    session::{Session, Stored},
};

#[async_trait]
impl SampleRows for Session {
    async fn put_samples(&mut self, rows: &[Numbered]) -> Stored<()> {
        let mut rows = rows.to_vec();
        // One statement may write a row once: of two at one time the later one, which is the first from the end.
        rows.reverse();
        rows.sort_by_key(|row| (row.tag, row.sample.time));
        rows.dedup_by_key(|row| (row.tag, row.sample.time));
        let tags: Vec<_> = rows.iter().map(|row| row.tag).collect();
        let times: Vec<_> = rows.iter().map(|row| row.sample.time.as_micros()).collect();
        let values: Vec<_> = rows.iter().map(|row| finite(row.sample.value)).collect();
        let statuses: Vec<_> = rows.iter().map(|row| i64::from(row.sample.status.0)).collect();
        sqlx::query!(
            "insert into sample (tag_id, time_us, value, status)
             select * from unnest($1::bigint[], $2::bigint[], $3::double precision[], $4::bigint[])
             on conflict (tag_id, time_us) do update set value = excluded.value, status = excluded.status",
            &tags,
            &times,
            &values as _,
            &statuses
        )
        .execute(self.conn())
        .await?;
        Ok(())
    }

    async fn samples(&mut self, tag: i64, (from, to): Span, query: SeriesQuery) -> Stored<Vec<SampleRow>> {
        let limit = query.sql_limit();
        let rows = if query.newest_first {
            sqlx::query_as!(
                SampleRow,
                "select time_us, value, status from sample where tag_id = $1 and time_us >= $2 and time_us < $3
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
                SampleRow,
                "select time_us, value, status from sample where tag_id = $1 and time_us >= $2 and time_us < $3
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

    async fn delete_samples(&mut self, tag: i64, (from, to): Span) -> Stored<()> {
        sqlx::query!("delete from sample where tag_id = $1 and time_us >= $2 and time_us < $3", tag, from, to)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    async fn delete_oldest_samples(&mut self, tag: i64, before_us: i64, most: i64) -> Stored<i64> {
        let deleted = sqlx::query!(
            "delete from sample where tag_id = $1 and time_us < coalesce(
                 (select time_us from sample where tag_id = $1 and time_us < $2 order by time_us limit 1 offset $3), $2)",
            tag,
            before_us,
            most
        )
        .execute(self.conn())
        .await?;
        Ok(deleted.rows_affected() as i64)
    }

    async fn count_samples(&mut self, tag: i64) -> Stored<Rows> {
        let rows = sqlx::query_as!(
            Rows,
            r#"select (select count(*) from (select 1 from sample where tag_id = $1 limit $2) as counted) as "count!",
                   (select min(time_us) from sample where tag_id = $1) as first_us,
                   (select max(time_us) from sample where tag_id = $1) as last_us"#,
            tag,
            COUNTED
        )
        .fetch_one(self.conn())
        .await?;
        Ok(rows)
    }

    async fn tag_with_samples_before(&mut self, before_us: i64) -> Stored<Option<i64>> {
        let tag = sqlx::query_scalar!(
            "select id from tag where exists (select 1 from sample where tag_id = tag.id and time_us < $1) limit 1",
            before_us
        )
        .fetch_optional(self.conn())
        .await?;
        Ok(tag)
    }

    async fn stored_span(&mut self, asset: &AssetName) -> Stored<Option<(i64, i64)>> {
        let row = sqlx::query!(
            "select min(first_us) as first_us, max(last_us) as last_us from (
                 select
                     (select min(time_us) from sample where tag_id = tag.id) as first_us,
                     (select max(time_us) from sample where tag_id = tag.id) as last_us
                 from tag join asset on asset.id = tag.asset_id
                 where asset.name = $1
                 union all
                 select
                     (select first_us from block where tag_id = tag.id order by first_us limit 1) as first_us,
                     (select last_us from block where tag_id = tag.id order by first_us desc limit 1) as last_us
                 from tag join asset on asset.id = tag.asset_id
                 where asset.name = $1
             ) as ends",
            asset.as_str()
        )
        .fetch_one(self.conn())
        .await?;
        Ok(row.first_us.zip(row.last_us))
    }
}
