//! Samples in blocks. A block's data is in a row of its own, apart from what it says of its samples.

use andon_plant::Sample;
use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::rolled;
use crate::{
    blocks::{BlockKey, BlockRows, Rolled, Whole},
    error::StoreError,
    rollup::{RollUp, columns},
    rows::Span,
};

#[async_trait]
impl BlockRows for SqliteConnection {
    async fn put_block(&mut self, tag: i64, rolled: &RollUp, data: &[u8]) -> Result<(), StoreError> {
        let data_id = sqlx::query!("insert into block_data (data) values (?)", data)
            .execute(&mut *self)
            .await?
            .last_insert_rowid();
        let (min_us, min_status, min) = columns(rolled.min);
        let (max_us, max_status, max) = columns(rolled.max);
        let (gap_us, gap_status, _) = columns(rolled.gap);
        sqlx::query!(
            "insert into block (tag_id, first_us, last_us, count, data_id, min_us, min_status, min, max_us, max_status, max,
                 gap_us, gap_status, first, last, sum, usable, good)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            tag,
            rolled.first_us,
            rolled.last_us,
            rolled.count,
            data_id,
            min_us,
            min_status,
            min,
            max_us,
            max_status,
            max,
            gap_us,
            gap_status,
            rolled.first,
            rolled.last,
            rolled.sum,
            rolled.usable,
            rolled.good
        )
        .execute(self)
        .await?;
        Ok(())
    }

    async fn delete_block(&mut self, tag: i64, first_us: i64) -> Result<(), StoreError> {
        sqlx::query!(
            "delete from block_data where id = (select data_id from block where tag_id = ? and first_us = ?)",
            tag,
            first_us
        )
        .execute(&mut *self)
        .await?;
        sqlx::query!("delete from block where tag_id = ? and first_us = ?", tag, first_us).execute(self).await?;
        Ok(())
    }

    async fn block_data(&mut self, tag: i64, first_us: i64) -> Result<Vec<u8>, StoreError> {
        let data = sqlx::query_scalar!(
            "select data from block_data where id = (select data_id from block where tag_id = ? and first_us = ?)",
            tag,
            first_us
        )
        .fetch_optional(self)
        .await?;
        Ok(data.unwrap_or_default())
    }

    async fn oldest_blocks(&mut self, tag: i64, (from, to): Span, limit: i64) -> Result<Vec<BlockKey>, StoreError> {
        let blocks = sqlx::query_as!(
            BlockKey,
            "select first_us, last_us, count from block where tag_id = ? and first_us >= ? and first_us < ?
             order by first_us limit ?",
            tag,
            from,
            to,
            limit
        )
        .fetch_all(self)
        .await?;
        Ok(blocks)
    }

    async fn newest_blocks(&mut self, tag: i64, (from, to): Span, limit: i64) -> Result<Vec<BlockKey>, StoreError> {
        let blocks = sqlx::query_as!(
            BlockKey,
            "select first_us, last_us, count from block where tag_id = ? and first_us >= ? and first_us < ?
             order by first_us desc limit ?",
            tag,
            from,
            to,
            limit
        )
        .fetch_all(self)
        .await?;
        Ok(blocks)
    }

    async fn count_in_blocks(&mut self, tag: i64, (from, to): Span) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar!(
            r#"select coalesce(sum(count), 0) as "count!: i64" from block where tag_id = ? and first_us >= ? and first_us < ?"#,
            tag,
            from,
            to
        )
        .fetch_one(self)
        .await?;
        Ok(count)
    }

    async fn block_extremes(&mut self, whole: Whole) -> Result<Vec<Sample>, StoreError> {
        rolled::extremes(self, whole).await
    }

    async fn other_blocks(&mut self, whole: Whole, begin_us: i64) -> Result<Vec<Rolled>, StoreError> {
        rolled::others(self, whole, begin_us).await
    }

    async fn tag_with_block_before(&mut self, before_us: i64) -> Result<Option<i64>, StoreError> {
        let tag = sqlx::query_scalar!(
            r#"select id as "id!" from tag
           where (select last_us from block where tag_id = tag.id order by first_us limit 1) < ? limit 1"#,
            before_us
        )
        .fetch_optional(self)
        .await?;
        Ok(tag)
    }
}
