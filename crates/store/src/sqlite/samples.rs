//! Samples that are rows.

use andon_plant::{AssetName, Sample};
use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::{
    batch::Numbered,
    error::StoreError,
    rows::{COUNTED, Rows, SampleRow, SampleRows, Span},
    series::SeriesQuery,
};

#[async_trait]
impl SampleRows for SqliteConnection {
    async fn put_samples(&mut self, rows: &[Numbered]) -> Result<(), StoreError> {
        for Numbered { tag, sample: Sample { time, value, status } } in rows {
            let (time_us, value, status) =
                (time.as_micros(), Some(*value).filter(|v| v.is_finite()), i64::from(status.0));
            sqlx::query!(
                "insert into sample (tag_id, time_us, value, status) values (?, ?, ?, ?)
         on conflict (tag_id, time_us) do update set value = excluded.value, status = excluded.status",
                tag,
                time_us,
                value,
                status
            )
            .execute(&mut *self)
            .await?;
        }
        Ok(())
    }

    async fn samples(&mut self, tag: i64, span: Span, query: SeriesQuery) -> Result<Vec<SampleRow>, StoreError> {
        let ((from, to), limit) = (span, query.sql_limit());
        let rows = if query.newest_first {
            sqlx::query_as!(
                SampleRow,
                "select time_us, value, status from sample where tag_id = ? and time_us >= ? and time_us < ?
         order by time_us desc limit ?",
                tag,
                from,
                to,
                limit
            )
            .fetch_all(self)
            .await?
        } else {
            sqlx::query_as!(
                SampleRow,
                "select time_us, value, status from sample where tag_id = ? and time_us >= ? and time_us < ?
         order by time_us limit ?",
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

    async fn delete_samples(&mut self, tag: i64, (from, to): Span) -> Result<(), StoreError> {
        sqlx::query!("delete from sample where tag_id = ? and time_us >= ? and time_us < ?", tag, from, to)
            .execute(self)
            .await?;
        Ok(())
    }

    async fn delete_oldest_samples(&mut self, tag: i64, before_us: i64, most: i64) -> Result<i64, StoreError> {
        let deleted = sqlx::query!(
            "delete from sample where tag_id = ?1 and time_us < coalesce(
             (select time_us from sample where tag_id = ?1 and time_us < ?2 order by time_us limit 1 offset ?3), ?2)",
            tag,
            before_us,
            most
        )
        .execute(self)
        .await?;
        Ok(deleted.rows_affected() as i64)
    }

    async fn count_samples(&mut self, tag: i64) -> Result<Rows, StoreError> {
        let rows = sqlx::query_as!(
            Rows,
            r#"select (select count(*) from (select 1 from sample where tag_id = ?1 limit ?2)) as "count!: i64",
               (select min(time_us) from sample where tag_id = ?1) as "first_us: i64",
               (select max(time_us) from sample where tag_id = ?1) as "last_us: i64""#,
            tag,
            COUNTED
        )
        .fetch_one(self)
        .await?;
        Ok(rows)
    }

    async fn tag_with_samples_before(&mut self, before_us: i64) -> Result<Option<i64>, StoreError> {
        let tag = sqlx::query_scalar!(
            r#"select id as "id!" from tag
           where exists (select 1 from sample where tag_id = tag.id and time_us < ?) limit 1"#,
            before_us
        )
        .fetch_optional(self)
        .await?;
        Ok(tag)
    }

    async fn stored_span(&mut self, asset: &AssetName) -> Result<Option<(i64, i64)>, StoreError> {
        let name = asset.as_str();
        let row = sqlx::query!(
            r#"select min(first_us) as "first_us: i64", max(last_us) as "last_us: i64" from (
               select
                   (select min(time_us) from sample where tag_id = tag.id) as first_us,
                   (select max(time_us) from sample where tag_id = tag.id) as last_us
               from tag join asset on asset.id = tag.asset_id
               where asset.name = ?1
               union all
               select
                   (select first_us from block where tag_id = tag.id order by first_us limit 1) as first_us,
                   (select last_us from block where tag_id = tag.id order by first_us desc limit 1) as last_us
               from tag join asset on asset.id = tag.asset_id
               where asset.name = ?1
           )"#,
            name
        )
        .fetch_one(self)
        .await?;
        Ok(row.first_us.zip(row.last_us))
    }
}
