//! Samples in blocks. The blocks of a tag never overlap in time, so that any span is one walk along the key, a sample is in
//! one block at most, and roll-ups add up.

use andon_plant::Sample;
use sqlx::SqliteConnection;

use crate::{
    block::{self, BlockError},
    error::StoreError,
    names::{Label, numbered},
    rollup::{Extremes, RollUp, columns},
    rows::Span,
};

/// Where a block is, and what it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockKey {
    pub(crate) first_us: i64,
    pub(crate) last_us: i64,
    pub(crate) count: i64,
    pub(crate) data_id: i64,
}

/// A block and what it says of its extremes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rolled {
    pub(crate) block: BlockKey,
    pub(crate) extremes: Extremes,
}

/// Writes samples of a tag, in order of time, as one block.
pub(crate) async fn put(conn: &mut SqliteConnection, tag: i64, samples: &[Sample]) -> Result<(), StoreError> {
    let Some(rolled) = RollUp::of(samples) else { return Ok(()) };
    let data =
        block::encode(samples).map_err(|source| StoreError::broken_block(numbered(tag), rolled.first_us, source))?;
    let data_id =
        sqlx::query!("insert into block_data (data) values (?)", data).execute(&mut *conn).await?.last_insert_rowid();
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
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes a block.
pub(crate) async fn delete(conn: &mut SqliteConnection, tag: i64, block: BlockKey) -> Result<(), StoreError> {
    sqlx::query!("delete from block where tag_id = ? and first_us = ?", tag, block.first_us)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("delete from block_data where id = ?", block.data_id).execute(conn).await?;
    Ok(())
}

/// The samples of a block, oldest first.
pub(crate) async fn open(
    conn: &mut SqliteConnection,
    name: Label<'_>,
    block: BlockKey,
) -> Result<Vec<Sample>, StoreError> {
    let data = sqlx::query_scalar!("select data from block_data where id = ?", block.data_id)
        .fetch_optional(conn)
        .await?
        .unwrap_or_default();
    let samples = block::decode(&data).and_then(|samples| is_of(block, samples));
    samples.map_err(|source| StoreError::broken_block(name, block.first_us, source))
}

/// The samples, if they are those that the key speaks of.
fn is_of(block: BlockKey, samples: Vec<Sample>) -> Result<Vec<Sample>, BlockError> {
    let ends = (samples.first(), samples.last());
    let ends = (ends.0.map(|s| s.time.as_micros()), ends.1.map(|s| s.time.as_micros()));
    let sorted = samples.is_sorted_by(|a, b| a.time < b.time);
    let same = ends == (Some(block.first_us), Some(block.last_us)) && samples.len() as i64 == block.count;
    if sorted && same { Ok(samples) } else { Err(BlockError::Column("times")) }
}

/// The newest block that begins at or before a time.
pub(crate) async fn not_after(
    conn: &mut SqliteConnection,
    tag: i64,
    time_us: i64,
) -> Result<Option<BlockKey>, StoreError> {
    Ok(newest(conn, tag, (i64::MIN, time_us.saturating_add(1)), 1).await?.pop())
}

/// The oldest block that begins after a time.
pub(crate) async fn after(conn: &mut SqliteConnection, tag: i64, time_us: i64) -> Result<Option<BlockKey>, StoreError> {
    Ok(oldest(conn, tag, (time_us.saturating_add(1), i64::MAX), 1).await?.pop())
}

/// The span widened to the beginning of the block it begins in, so that a block is in it exactly if it begins in it.
pub(crate) async fn widened(conn: &mut SqliteConnection, tag: i64, (from, to): Span) -> Result<Span, StoreError> {
    let block = not_after(conn, tag, from).await?;
    Ok((block.filter(|b| b.last_us >= from).map_or(from, |b| b.first_us), to))
}

/// The first blocks that begin in a span.
pub(crate) async fn oldest(
    conn: &mut SqliteConnection,
    tag: i64,
    (from, to): Span,
    limit: i64,
) -> Result<Vec<BlockKey>, StoreError> {
    let blocks = sqlx::query_as!(
        BlockKey,
        "select first_us, last_us, count, data_id from block where tag_id = ? and first_us >= ? and first_us < ?
         order by first_us limit ?",
        tag,
        from,
        to,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(blocks)
}

/// The last blocks that begin in a span, newest first.
pub(crate) async fn newest(
    conn: &mut SqliteConnection,
    tag: i64,
    (from, to): Span,
    limit: i64,
) -> Result<Vec<BlockKey>, StoreError> {
    let blocks = sqlx::query_as!(
        BlockKey,
        "select first_us, last_us, count, data_id from block where tag_id = ? and first_us >= ? and first_us < ?
         order by first_us desc limit ?",
        tag,
        from,
        to,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(blocks)
}

/// How many samples the blocks that begin in a span have.
pub(crate) async fn count(conn: &mut SqliteConnection, tag: i64, (from, to): Span) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"select coalesce(sum(count), 0) as "count!: i64" from block where tag_id = ? and first_us >= ? and first_us < ?"#,
        tag,
        from,
        to
    )
    .fetch_one(conn)
    .await?;
    Ok(count)
}
