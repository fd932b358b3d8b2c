//! Sealing: the tail becomes blocks, a part or a tag at a time.
//!
//! Each step is one transaction that writes blocks and deletes what they were made of: a process killed between or within
//! steps leaves every sample in exactly one place. A step takes all that its tags have in `tail`, and the rows of the same
//! time, so that what stays in the tail is always later than what is in blocks.

use andon_plant::{Sample, Timestamp};
use sqlx::SqliteConnection;

use crate::{
    batch::{Numbered, TAGS_IN_PART},
    blocks::{self, BlockKey},
    error::StoreError,
    names::numbered,
    rows::{self, COUNTED, Rows},
    series::SeriesQuery,
    tail::{self, Part, Tails, Wanted},
};

/// Samples in a full block.
const BLOCK: usize = 4_096;
/// A block may have half as many again, so that none is cut into a large and a tiny one.
pub(crate) const BLOCK_MOST: usize = BLOCK + BLOCK / 2;
/// A block with fewer is joined with what comes next to it.
const SMALL: i64 = BLOCK as i64 / 2;
/// A part is sealed once its tags have a block each, on the average.
const PART_SAMPLES: i64 = TAGS_IN_PART * BLOCK as i64;
/// Or once reading it means opening this many batches.
const PART_BATCHES: i64 = 1_024;
/// Fewer samples of a tag go to rows instead: a block would be rewritten too often for them.
const WORTH_A_BLOCK: usize = 256;
/// Rows that are a block.
const FULL_ROWS: i64 = BLOCK as i64;
/// Rows of a slow tag are sealed once they span a day, if there are this many.
const SLOW_ROWS: i64 = 64;
const DAY_US: i64 = 86_400_000_000;

/// One step of sealing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chore {
    /// All that a part has in `tail`: in blocks the tags that have this many samples, the others in rows.
    Part { part: i64, in_blocks: usize },
    /// The rows of a tag.
    Rows(i64),
}

/// What the rows of a tag are after a step.
#[derive(Debug)]
pub(crate) struct Left {
    tag: i64,
    rows: Rows,
    /// Some of them fall in a broken block and stay rows.
    stuck: bool,
}

/// What is to be sealed next.
pub(crate) fn next(tails: &Tails) -> Option<Chore> {
    match tails.wanted {
        Wanted::Nothing => {
            let full = |p: &Part| p.samples >= PART_SAMPLES || p.batches >= PART_BATCHES;
            part(tails, full, WORTH_A_BLOCK).or_else(|| rows(tails, enough))
        }
        Wanted::Parts => part(tails, |_| true, WORTH_A_BLOCK),
        Wanted::All => part(tails, |_| true, 1).or_else(|| rows(tails, |rows| rows.count > 0)),
    }
}

/// Sets what is wanted; 0 when there is nothing more to do for it, or it can't be done.
pub(crate) async fn want(conn: &mut SqliteConnection, tails: &mut Tails, wanted: Wanted) -> Result<i64, StoreError> {
    tails.load(conn).await?;
    tails.wanted = wanted;
    let left = i64::from(next(tails).is_some());
    if left == 0 {
        tails.wanted = Wanted::Nothing;
    }
    Ok(left)
}

/// The largest part that is ready.
fn part(tails: &Tails, ready: impl Fn(&Part) -> bool, in_blocks: usize) -> Option<Chore> {
    let parts = tails.parts.iter().filter(|(part, p)| ready(p) && !tails.stuck_parts.contains(part));
    parts.max_by_key(|(_, p)| p.samples).map(|(part, _)| Chore::Part { part: *part, in_blocks })
}

fn rows(tails: &Tails, ready: impl Fn(&Rows) -> bool) -> Option<Chore> {
    let mut tags = tails.rows.iter().filter(|(tag, _)| !tails.stuck_tags.contains(tag));
    tags.find(|(_, rows)| ready(rows)).map(|(tag, _)| Chore::Rows(*tag))
}

fn enough(rows: &Rows) -> bool {
    let spans_us = rows.last_us.zip(rows.first_us).map_or(0, |(last, first)| last.saturating_sub(first));
    rows.count >= FULL_ROWS || rows.count >= SLOW_ROWS && spans_us >= DAY_US
}

/// Does a step, in the transaction it is given.
pub(crate) async fn perform(conn: &mut SqliteConnection, chore: Chore, tails: &Tails) -> Result<Vec<Left>, StoreError> {
    match chore {
        Chore::Part { part, in_blocks } => seal_part(conn, part, in_blocks, tails).await,
        Chore::Rows(tag) => seal_rows(conn, tag).await,
    }
}

/// What a committed step, or one that failed, means for the next.
pub(crate) fn note(tails: &mut Tails, chore: Chore, result: Result<Vec<Left>, StoreError>) {
    match (result, chore) {
        (Ok(left), chore) => {
            tails.stuck_tags.extend(left.iter().filter(|left| left.stuck).map(|left| left.tag));
            tails.rows.extend(left.iter().map(|left| (left.tag, left.rows)));
            if let Chore::Part { part, .. } = chore {
                tails.parts.remove(&part);
            }
        }
        (Err(error), Chore::Part { part, .. }) => {
            tracing::error!(part, %error, "Samples can't be sealed in blocks; they stay in the tail.");
            tails.stuck_parts.insert(part);
        }
        (Err(error), Chore::Rows(tag)) => {
            tracing::error!(tag, %error, "Samples can't be sealed in blocks; they stay rows.");
            tails.stuck_tags.insert(tag);
        }
    }
}

async fn seal_part(
    conn: &mut SqliteConnection,
    part: i64,
    in_blocks: usize,
    tails: &Tails,
) -> Result<Vec<Left>, StoreError> {
    let mut left = Vec::new();
    for (tag, samples) in tail::logged(&mut *conn, part).await? {
        let samples = tail::in_order(samples);
        let has = tails.rows.get(&tag).copied().unwrap_or_default();
        left.push(if samples.len() + (has.count as usize) < in_blocks {
            Left { stuck: false, ..leave(&mut *conn, tag, samples).await? }
        } else {
            let samples = with_rows(&mut *conn, tag, has, samples).await?;
            let broken = merge(&mut *conn, tag, &samples).await?;
            leave(&mut *conn, tag, broken).await?
        });
    }
    tail::forget(conn, part).await?;
    Ok(left)
}

/// The samples, and the tag's rows between them, which are rows no more. Rows at the same time as a sample are older.
async fn with_rows(
    conn: &mut SqliteConnection,
    tag: i64,
    has: Rows,
    samples: Vec<Sample>,
) -> Result<Vec<Sample>, StoreError> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Ok(samples) };
    if has.count == 0 {
        return Ok(samples);
    }
    if has.count >= COUNTED {
        // A history from before there were blocks: too long to be taken along.
        for sample in &samples {
            let time = sample.time.as_micros();
            rows::delete(&mut *conn, tag, (time, time.saturating_add(1))).await?;
        }
        return Ok(samples);
    }
    let span = (first.time.as_micros(), last.time.as_micros().saturating_add(1));
    let mut all = rows::read(&mut *conn, (tag, &numbered(tag)), span, SeriesQuery::default()).await?;
    if all.is_empty() {
        return Ok(samples);
    }
    rows::delete(&mut *conn, tag, span).await?;
    all.extend(samples);
    Ok(tail::in_order(all))
}

async fn seal_rows(conn: &mut SqliteConnection, tag: i64) -> Result<Vec<Left>, StoreError> {
    let ever = (i64::MIN, i64::MAX);
    let query = SeriesQuery { limit: Some(COUNTED as usize), ..SeriesQuery::default() };
    let samples = rows::read(&mut *conn, (tag, &numbered(tag)), ever, query).await?;
    // A row at the very end of time is in no half-open span: it stays a row.
    let Some(last) = samples.last() else { return Ok(vec![Left { tag, rows: Rows::default(), stuck: true }]) };
    rows::delete(&mut *conn, tag, (i64::MIN, last.time.as_micros().saturating_add(1))).await?;
    let broken = merge(&mut *conn, tag, &samples).await?;
    Ok(vec![leave(conn, tag, broken).await?])
}

/// Leaves samples in rows that a broken block refused.
async fn leave(conn: &mut SqliteConnection, tag: i64, samples: Vec<Sample>) -> Result<Left, StoreError> {
    let stuck = !samples.is_empty();
    for sample in samples {
        rows::put(&mut *conn, Numbered { tag, sample }).await?;
    }
    Ok(Left { tag, rows: rows::count(conn, tag).await?, stuck })
}

/// Puts samples, in order of time, among a tag's blocks: those that fall in a block are merged into it, those between two are
/// blocks of their own or join a small neighbour. What falls in a broken block is given back.
async fn merge(conn: &mut SqliteConnection, tag: i64, mut samples: &[Sample]) -> Result<Vec<Sample>, StoreError> {
    let mut refused = Vec::new();
    while let Some(first) = samples.first() {
        let first_us = first.time.as_micros();
        let before = blocks::not_after(&mut *conn, tag, first_us).await?;
        let within = before.filter(|block| block.last_us >= first_us);
        let next = blocks::after(&mut *conn, tag, first_us).await?;
        let until_us = within.map_or(next.map_or(i64::MAX, |next| next.first_us - 1), |block| block.last_us);
        let (here, rest) = samples.split_at(samples.partition_point(|s| s.time.as_micros() <= until_us));
        let small = [before, next].into_iter().flatten().find(|block| block.count < SMALL);
        match (join(&mut *conn, tag, within.or(small), here).await, within) {
            (Err(StoreError::BrokenBlock { .. }), None) => write(&mut *conn, tag, here).await?,
            (Err(error @ StoreError::BrokenBlock { .. }), Some(_)) => {
                tracing::error!(%error, samples = here.len(), "Samples can't be merged into a block; they stay rows.");
                refused.extend_from_slice(here);
            }
            (done, _) => done?,
        }
        samples = rest;
    }
    Ok(refused)
}

/// Writes samples as blocks, together with those of one block, which they replace where they are of the same time.
async fn join(
    conn: &mut SqliteConnection,
    tag: i64,
    with: Option<BlockKey>,
    samples: &[Sample],
) -> Result<(), StoreError> {
    let Some(block) = with else { return write(conn, tag, samples).await };
    let mut all = blocks::open(&mut *conn, &numbered(tag), block).await?;
    blocks::delete(&mut *conn, tag, block).await?;
    all.extend(samples);
    write(conn, tag, &tail::in_order(all)).await
}

async fn write(conn: &mut SqliteConnection, tag: i64, mut samples: &[Sample]) -> Result<(), StoreError> {
    while samples.len() > BLOCK_MOST {
        let (full, rest) = samples.split_at(BLOCK);
        blocks::put(&mut *conn, tag, full).await?;
        samples = rest;
    }
    blocks::put(conn, tag, samples).await
}

/// Cuts from the block that `before` falls in what is older; how many samples that were.
pub(crate) async fn cut(conn: &mut SqliteConnection, tag: i64, before: Timestamp) -> Result<i64, StoreError> {
    let Some(block) = blocks::not_after(&mut *conn, tag, before.as_micros().saturating_sub(1)).await? else {
        return Ok(0);
    };
    if block.last_us < before.as_micros() {
        return Ok(0);
    }
    let samples = blocks::open(&mut *conn, &numbered(tag), block).await?;
    let kept = &samples[samples.partition_point(|s| s.time < before)..];
    blocks::delete(&mut *conn, tag, block).await?;
    blocks::put(conn, tag, kept).await?;
    Ok((samples.len() - kept.len()) as i64)
}
