//! Samples in blocks. The blocks of a tag never overlap in time, so that any span is one walk along the key, a sample is in
//! one block at most, and roll-ups add up.

use andon_plant::Sample;
use async_trait::async_trait;

use crate::{
    block::{self, BlockError},
    engine::SeriesRows,
    error::StoreError,
    names::{Label, numbered},
    rollup::{Extremes, RollUp},
    rows::Span,
    series::Buckets,
};

/// Where a block is, and what it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockKey {
    /// The time of its first sample, which names it among those of its tag.
    pub first_us: i64,
    /// The time of its last.
    pub last_us: i64,
    /// How many samples it has.
    pub count: i64,
}

/// A block and what it says of its extremes.
#[derive(Debug, Clone, Copy)]
pub struct Rolled {
    /// The block.
    pub block: BlockKey,
    /// Its lowest, highest and first gap.
    pub extremes: Extremes,
}

/// Which blocks can be summed up: those that lie in the span, in one bucket, and outside the times of the tail.
#[derive(Debug, Clone, Copy)]
pub struct Whole {
    /// Whose blocks.
    pub tag: i64,
    /// The span.
    pub span: Span,
    /// The buckets.
    pub buckets: Buckets,
    /// The first and last time of what is in the tail; the other way round where there is nothing.
    pub tail: (i64, i64),
}

/// Samples in blocks.
#[async_trait]
pub trait BlockRows: Send {
    /// Writes a block of a tag: what it says of its samples, and the samples.
    async fn put_block(&mut self, tag: i64, rolled: &RollUp, data: &[u8]) -> Result<(), StoreError>;

    /// Deletes the block that begins at a time.
    async fn delete_block(&mut self, tag: i64, first_us: i64) -> Result<(), StoreError>;

    /// The samples of a block; nothing where they are lost.
    async fn block_data(&mut self, tag: i64, first_us: i64) -> Result<Vec<u8>, StoreError>;

    /// The first blocks that begin in a span.
    async fn oldest_blocks(&mut self, tag: i64, span: Span, limit: i64) -> Result<Vec<BlockKey>, StoreError>;

    /// The last blocks that begin in a span, newest first.
    async fn newest_blocks(&mut self, tag: i64, span: Span, limit: i64) -> Result<Vec<BlockKey>, StoreError>;

    /// How many samples the blocks that begin in a span have.
    async fn count_in_blocks(&mut self, tag: i64, span: Span) -> Result<i64, StoreError>;

    /// The lowest, highest and first gap of each bucket's whole blocks, in no order.
    async fn block_extremes(&mut self, whole: Whole) -> Result<Vec<Sample>, StoreError>;

    /// The other blocks that begin from `begin_us` on and before the end of the span, oldest first.
    async fn other_blocks(&mut self, whole: Whole, begin_us: i64) -> Result<Vec<Rolled>, StoreError>;

    /// A tag whose oldest block is all before a time.
    async fn tag_with_block_before(&mut self, before_us: i64) -> Result<Option<i64>, StoreError>;

    /// Deletes blocks that are all before a time, many at once where they are kept so; how many samples they had.
    async fn drop_blocks(&mut self, _before_us: i64) -> Result<i64, StoreError> {
        Ok(0)
    }
}

/// Writes samples of a tag, in order of time, as one block.
pub(crate) async fn put(conn: &mut dyn SeriesRows, tag: i64, samples: &[Sample]) -> Result<(), StoreError> {
    let Some(rolled) = RollUp::of(samples) else { return Ok(()) };
    let data =
        block::encode(samples).map_err(|source| StoreError::broken_block(numbered(tag), rolled.first_us, source))?;
    conn.put_block(tag, &rolled, &data).await
}

/// The samples of a block, oldest first.
pub(crate) async fn open(
    conn: &mut dyn SeriesRows,
    (tag, name): (i64, Label<'_>),
    block: BlockKey,
) -> Result<Vec<Sample>, StoreError> {
    let data = conn.block_data(tag, block.first_us).await?;
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
    conn: &mut dyn SeriesRows,
    tag: i64,
    time_us: i64,
) -> Result<Option<BlockKey>, StoreError> {
    Ok(conn.newest_blocks(tag, (i64::MIN, time_us.saturating_add(1)), 1).await?.pop())
}

/// The oldest block that begins after a time.
pub(crate) async fn after(conn: &mut dyn SeriesRows, tag: i64, time_us: i64) -> Result<Option<BlockKey>, StoreError> {
    Ok(conn.oldest_blocks(tag, (time_us.saturating_add(1), i64::MAX), 1).await?.pop())
}

/// The span widened to the beginning of the block it begins in, so that a block is in it exactly if it begins in it.
pub(crate) async fn widened(conn: &mut dyn SeriesRows, tag: i64, (from, to): Span) -> Result<Span, StoreError> {
    let block = not_after(conn, tag, from).await?;
    Ok((block.filter(|b| b.last_us >= from).map_or(from, |b| b.first_us), to))
}
