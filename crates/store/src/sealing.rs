//! Sealing: the tail becomes blocks, a part or a tag at a time.
//!
//! Each step is one transaction that writes blocks and deletes what they were made of: a process killed between or within
//! steps leaves every sample in exactly one place. A step takes all that its tags have in `tail`, and the rows of the same
//! time, so that what stays in the tail is always later than what is in blocks.

use andon_plant::{Sample, Timestamp};

use crate::{
    batch::{Numbered, TAGS_IN_PART},
    blocks::{self, BlockKey},
    engine::SeriesRows,
    error::StoreError,
    names::numbered,
    rows::{self, COUNTED, Rows},
    series::SeriesQuery,
    tail::{self, Asked, Logged, Part, Tails, Wanted},
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
    let asked = &tails.asked;
    let part =
        asked.parts.first_key_value().map(|(part, in_blocks)| Chore::Part { part: *part, in_blocks: *in_blocks });
    part.or_else(|| asked.tags.first().map(|tag| Chore::Rows(*tag)))
        .or_else(|| full_part(tails))
        .or_else(|| rows(tails))
}

/// Notes that what is there now is to be sealed; how much that is.
pub(crate) async fn ask(conn: &mut dyn SeriesRows, tails: &mut Tails, wanted: Wanted) -> Result<i64, StoreError> {
    tails.load(conn).await?;
    let in_blocks = match wanted {
        Wanted::Parts => WORTH_A_BLOCK,
        Wanted::All => 1,
    };
    tails.asked.parts.extend(tails.parts.keys().map(|part| (*part, in_blocks)));
    if wanted == Wanted::All {
        tails.asked.tags.extend(tails.rows.iter().filter(|(_, rows)| rows.count > 0).map(|(tag, _)| *tag));
    }
    Ok(left(tails))
}

/// How much is left to do of what was asked for.
pub(crate) fn left(tails: &Tails) -> i64 {
    (tails.asked.parts.len() + tails.asked.tags.len()) as i64
}

/// Forgets what was asked for, because the database is held up: whoever waits for it may be the one who makes room.
pub(crate) fn postpone(tails: &mut Tails) {
    if left(tails) > 0 {
        tracing::warn!("The database is held up; samples stay in the tail until later.");
        tails.asked = Asked::default();
    }
}

/// The largest part that is full.
fn full_part(tails: &Tails) -> Option<Chore> {
    let full = |p: &Part| p.samples >= PART_SAMPLES || p.batches >= PART_BATCHES;
    let again = |part, p: &Part| tails.stuck_parts.get(part).is_none_or(|at| p.samples >= *at);
    let parts = tails.parts.iter().filter(|(part, p)| full(p) && again(*part, p));
    parts.max_by_key(|(_, p)| p.samples).map(|(part, _)| Chore::Part { part: *part, in_blocks: WORTH_A_BLOCK })
}

/// A tag that has enough rows.
fn rows(tails: &Tails) -> Option<Chore> {
    let again = |tag, rows: &Rows| tails.stuck_tags.get(tag).is_none_or(|at| rows.count >= *at);
    tails.rows.iter().find(|(tag, rows)| enough(rows) && again(*tag, rows)).map(|(tag, _)| Chore::Rows(*tag))
}

fn enough(rows: &Rows) -> bool {
    let spans_us = rows.last_us.zip(rows.first_us).map_or(0, |(last, first)| last.saturating_sub(first));
    rows.count >= FULL_ROWS || rows.count >= SLOW_ROWS && spans_us >= DAY_US
}

/// Does a step, in the transaction it is given.
pub(crate) async fn perform(conn: &mut dyn SeriesRows, chore: Chore) -> Result<Vec<Left>, StoreError> {
    match chore {
        Chore::Part { part, in_blocks } => seal_part(conn, part, in_blocks).await,
        Chore::Rows(tag) => seal_rows(conn, tag).await,
    }
}

/// What a committed step, or one that failed, means for the next.
pub(crate) fn note(tails: &mut Tails, chore: Chore, result: Result<Vec<Left>, StoreError>) {
    match (result, chore) {
        (Ok(left), Chore::Part { part, .. }) => {
            tails.parts.remove(&part);
            tails.asked.parts.remove(&part);
            tails.stuck_parts.remove(&part);
            left.iter().for_each(|left| note_rows(tails, left));
        }
        (Ok(left), Chore::Rows(tag)) => {
            tails.stuck_tags.remove(&tag);
            if left.iter().all(|left| left.stuck || left.rows.count == 0) {
                tails.asked.tags.remove(&tag);
            }
            left.iter().for_each(|left| note_rows(tails, left));
        }
        (Err(error), Chore::Part { part, .. }) => {
            tracing::error!(part, %error, "Samples can't be sealed in blocks; they stay in the tail.");
            tails.asked.parts.remove(&part);
            let samples = tails.parts.get(&part).map_or(0, |p| p.samples);
            tails.stuck_parts.insert(part, again(samples, PART_SAMPLES));
        }
        (Err(error), Chore::Rows(tag)) => {
            tracing::error!(tag, %error, "Samples can't be sealed in blocks; they stay rows.");
            tails.asked.tags.remove(&tag);
            let count = tails.rows.get(&tag).map_or(0, |rows| rows.count);
            tails.stuck_tags.insert(tag, again(count, FULL_ROWS));
        }
    }
}

fn note_rows(tails: &mut Tails, left: &Left) {
    tails.rows.insert(left.tag, left.rows);
    if left.stuck {
        tails.stuck_tags.insert(left.tag, again(left.rows.count, FULL_ROWS));
    }
}

/// How many samples there are to be before a step that failed is tried again: ever more seldom, and never given up.
fn again(samples: i64, full: i64) -> i64 {
    samples.saturating_mul(2).saturating_add(full)
}

async fn seal_part(conn: &mut dyn SeriesRows, part: i64, in_blocks: usize) -> Result<Vec<Left>, StoreError> {
    let mut left = Vec::new();
    let Logged { tags, broken } = tail::logged(&mut *conn, part).await?;
    for (seq, error) in broken {
        tracing::error!(part, seq, %error, "A batch of {TAGS_IN_PART} tags can't be read; it is kept in `broken_tail`.");
        conn.put_batch_aside(part, seq).await?;
    }
    // First, so that the blocks find room in a full file too.
    conn.delete_batches(part).await?;
    for (tag, samples) in tags {
        let samples = tail::in_order(samples);
        // Not what is remembered: another process may have written some.
        let has = conn.count_samples(tag).await?;
        left.push(if samples.len() + (has.count as usize) < in_blocks {
            Left { stuck: false, ..leave(&mut *conn, tag, samples).await? }
        } else {
            let samples = with_rows(&mut *conn, tag, has, samples).await?;
            let broken = merge(&mut *conn, tag, &samples).await?;
            leave(&mut *conn, tag, broken).await?
        });
    }
    Ok(left)
}

/// The samples, and the tag's rows between them, which are rows no more. Rows at the same time as a sample are older.
async fn with_rows(
    conn: &mut dyn SeriesRows,
    tag: i64,
    has: Rows,
    samples: Vec<Sample>,
) -> Result<Vec<Sample>, StoreError> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Ok(samples) };
    let span = (first.time.as_micros(), last.time.as_micros().saturating_add(1));
    match has.count {
        0 => return Ok(samples),
        // A history from before there were blocks: too long to be taken along.
        COUNTED.. => {}
        _ => match rows::read(&mut *conn, (tag, &numbered(tag)), span, SeriesQuery::default()).await {
            Ok(all) if all.is_empty() => return Ok(samples),
            Ok(mut all) => {
                conn.delete_samples(tag, span).await?;
                all.extend(samples);
                return Ok(tail::in_order(all));
            }
            // One broken row holds up no other sample.
            Err(error @ StoreError::BrokenRow { .. }) => {
                tracing::warn!(%error, "Rows stay rows beside a block of the same time.");
            }
            Err(error) => return Err(error),
        },
    }
    for sample in &samples {
        let time = sample.time.as_micros();
        conn.delete_samples(tag, (time, time.saturating_add(1))).await?;
    }
    Ok(samples)
}

async fn seal_rows(conn: &mut dyn SeriesRows, tag: i64) -> Result<Vec<Left>, StoreError> {
    let ever = (i64::MIN, i64::MAX);
    let query = SeriesQuery { limit: Some(COUNTED as usize), ..SeriesQuery::default() };
    let samples = rows::read(&mut *conn, (tag, &numbered(tag)), ever, query).await?;
    // A row at the very end of time is in no half-open span: it stays a row.
    let Some(last) = samples.last() else { return Ok(vec![Left { tag, rows: Rows::default(), stuck: true }]) };
    conn.delete_samples(tag, (i64::MIN, last.time.as_micros().saturating_add(1))).await?;
    let broken = merge(&mut *conn, tag, &samples).await?;
    Ok(vec![leave(conn, tag, broken).await?])
}

/// Leaves samples in rows that a broken block refused.
async fn leave(conn: &mut dyn SeriesRows, tag: i64, samples: Vec<Sample>) -> Result<Left, StoreError> {
    let stuck = !samples.is_empty();
    let numbered: Vec<_> = samples.into_iter().map(|sample| Numbered { tag, sample }).collect();
    conn.put_samples(&numbered).await?;
    Ok(Left { tag, rows: conn.count_samples(tag).await?, stuck })
}

/// Puts samples, in order of time, among a tag's blocks: those that fall in a block are merged into it, those between two are
/// blocks of their own or join a small neighbour. What falls in a broken block is given back.
async fn merge(conn: &mut dyn SeriesRows, tag: i64, mut samples: &[Sample]) -> Result<Vec<Sample>, StoreError> {
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
    conn: &mut dyn SeriesRows,
    tag: i64,
    with: Option<BlockKey>,
    samples: &[Sample],
) -> Result<(), StoreError> {
    let Some(block) = with else { return write(conn, tag, samples).await };
    let mut all = blocks::open(&mut *conn, (tag, &numbered(tag)), block).await?;
    conn.delete_block(tag, block.first_us).await?;
    all.extend(samples);
    write(conn, tag, &tail::in_order(all)).await
}

async fn write(conn: &mut dyn SeriesRows, tag: i64, mut samples: &[Sample]) -> Result<(), StoreError> {
    while samples.len() > BLOCK_MOST {
        let (full, rest) = samples.split_at(BLOCK);
        blocks::put(&mut *conn, tag, full).await?;
        samples = rest;
    }
    blocks::put(conn, tag, samples).await
}

/// Cuts from the block that `before` falls in what is older; how many samples that were.
pub(crate) async fn cut(conn: &mut dyn SeriesRows, tag: i64, before: Timestamp) -> Result<i64, StoreError> {
    let Some(block) = blocks::not_after(&mut *conn, tag, before.as_micros().saturating_sub(1)).await? else {
        return Ok(0);
    };
    if block.last_us < before.as_micros() {
        return Ok(0);
    }
    let samples = blocks::open(&mut *conn, (tag, &numbered(tag)), block).await?;
    let kept = &samples[samples.partition_point(|s| s.time < before)..];
    conn.delete_block(tag, block.first_us).await?;
    blocks::put(conn, tag, kept).await?;
    Ok((samples.len() - kept.len()) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_comes_first_and_is_dropped_where_the_database_is_held_up() {
        let mut tails = Tails::default();
        let part = Part { last_seq: 3, batches: 3, samples: PART_SAMPLES };
        tails.parts.extend([(1, part), (2, Part { samples: 5, ..part })]);
        tails.asked.parts.insert(2, 1);
        assert_eq!((next(&tails), left(&tails)), (Some(Chore::Part { part: 2, in_blocks: 1 }), 1));
        postpone(&mut tails);
        assert_eq!((next(&tails), left(&tails)), (Some(Chore::Part { part: 1, in_blocks: WORTH_A_BLOCK }), 0));
    }

    #[test]
    fn a_part_that_failed_is_tried_again_once_it_has_doubled() {
        let mut tails = Tails::default();
        let full = |samples| Part { last_seq: 1, batches: 1, samples };
        tails.parts.insert(1, full(PART_SAMPLES));
        note(&mut tails, Chore::Part { part: 1, in_blocks: 1 }, Err(StoreError::Closed));
        for (samples, tried) in [(PART_SAMPLES, false), (3 * PART_SAMPLES - 1, false), (3 * PART_SAMPLES, true)] {
            tails.parts.insert(1, full(samples));
            assert_eq!(next(&tails).is_some(), tried, "{samples}");
        }
    }
}
