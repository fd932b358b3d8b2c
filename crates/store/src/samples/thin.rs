//! Reading a long span as few points: each bucket's lowest, highest and first gap, mostly without opening a block.

use andon_plant::Sample;

use super::{listed, merge};
use crate::{
    blocks::{self, Rolled, Whole},
    engine::SeriesRows,
    error::StoreError,
    names::Label,
    rollup::Extremes,
    rows::Span,
    sealing::BLOCK_MOST,
    series::{Buckets, Extent, SeriesQuery},
    tail,
};

/// Points kept of a bucket at the most.
const KEPT: usize = 3;
/// A longer tail is not held in memory: it is a history of rows from before there were blocks.
const LONG_TAIL: usize = 131_072;

/// A tag's samples in a span, oldest first, thinned to at most `max_points`.
pub(super) async fn read(
    conn: &mut dyn SeriesRows,
    tag: (i64, Label<'_>),
    span: Span,
    max_points: usize,
) -> Result<Vec<Sample>, StoreError> {
    let tail = tail::read(&mut *conn, tag, span, oldest(LONG_TAIL)).await?;
    if tail.len() >= LONG_TAIL {
        return by_pages(conn, tag, span, max_points).await;
    }
    let begin = blocks::widened(&mut *conn, tag.0, span).await?;
    let in_blocks = conn.count_in_blocks(tag.0, begin).await?;
    // The blocks at the ends may be partly outside, and the tail may replace what is in a block.
    let uncertain = tail.len() + 2 * BLOCK_MOST;
    if in_blocks.unsigned_abs() <= (max_points.saturating_add(uncertain)) as u64 {
        let all = merge::read(conn, tag, span, SeriesQuery::default(), tail).await?;
        return Ok(thinned(all, max_points));
    }
    let [first_us, last_us] = ends(&mut *conn, tag, span).await?;
    let extent = Extent { count: in_blocks, first_us, last_us };
    let Some(buckets) = Buckets::plan(extent, max_points, KEPT) else { return Ok(Vec::new()) };
    let ends = tail.first().zip(tail.last()).map(|(first, last)| (first.time.as_micros(), last.time.as_micros()));
    let whole = Whole { tag: tag.0, span, buckets, tail: ends.unwrap_or((i64::MAX, i64::MIN)) };
    let mut trend = Trend::new(buckets, span, tail);
    conn.block_extremes(whole).await?.into_iter().for_each(|sample| trend.keep(sample));
    let mut others = conn.other_blocks(whole, begin.0).await?;
    // What is certain of all goes first: most of them need not be opened then.
    others.retain(|rolled| !trend.roll(rolled));
    for rolled in others {
        if !trend.settles(&rolled) {
            trend.add(&merge::within(blocks::open(&mut *conn, tag, rolled.block).await?, span));
        }
    }
    Ok(trend.points())
}

/// The same for a long tail: a page in memory at a time.
async fn by_pages(
    conn: &mut dyn SeriesRows,
    tag: (i64, Label<'_>),
    (mut from, to): Span,
    max_points: usize,
) -> Result<Vec<Sample>, StoreError> {
    let first = listed(&mut *conn, tag, (from, to), oldest(max_points.saturating_add(1))).await?;
    if first.len() <= max_points {
        return Ok(first);
    }
    let [first_us, last_us] = ends(&mut *conn, tag, (from, to)).await?;
    let extent = Extent { count: i64::MAX, first_us, last_us };
    let Some(buckets) = Buckets::plan(extent, max_points, KEPT) else { return Ok(first) };
    let mut trend = Trend::new(buckets, (from, to), Vec::new());
    loop {
        let page = listed(&mut *conn, tag, (from, to), oldest(LONG_TAIL)).await?;
        let Some(last) = page.last() else { return Ok(trend.points()) };
        trend.add(&page);
        from = last.time.as_micros().saturating_add(1);
    }
}

/// The times of the first and last sample in a span.
async fn ends(conn: &mut dyn SeriesRows, tag: (i64, Label<'_>), span: Span) -> Result<[Option<i64>; 2], StoreError> {
    let first = listed(&mut *conn, tag, span, oldest(1)).await?;
    let last = listed(conn, tag, span, SeriesQuery::newest(1)).await?;
    Ok([first, last].map(|one| one.first().map(|s| s.time.as_micros())))
}

fn oldest(limit: usize) -> SeriesQuery {
    SeriesQuery { limit: Some(limit), ..SeriesQuery::default() }
}

/// Samples, oldest first, as few points.
fn thinned(samples: Vec<Sample>, max_points: usize) -> Vec<Sample> {
    let time = |s: Option<&Sample>| s.map(|s| s.time.as_micros());
    let extent = Extent { count: samples.len() as i64, first_us: time(samples.first()), last_us: time(samples.last()) };
    let Some(buckets) = Buckets::plan(extent, max_points, KEPT) else { return samples };
    let mut trend = Trend::new(buckets, (i64::MIN, i64::MAX), Vec::new());
    trend.add(&samples);
    trend.points()
}

/// The buckets of a thinned trend as they fill.
struct Trend {
    buckets: Buckets,
    span: Span,
    /// Oldest first; it replaces what blocks have at the same time.
    tail: Vec<Sample>,
    extremes: Vec<Extremes>,
}

impl Trend {
    fn new(buckets: Buckets, span: Span, tail: Vec<Sample>) -> Self {
        let count =
            (i128::from(buckets.to_us) - i128::from(buckets.from_us)).div_euclid(buckets.width_us.max(1).into());
        let extremes = vec![Extremes::default(); count as usize + 1];
        let mut trend = Self { buckets, span, tail: Vec::new(), extremes };
        trend.add(&tail);
        Self { tail, ..trend }
    }

    fn bucket(&self, time_us: i64) -> usize {
        let since = i128::from(time_us) - i128::from(self.buckets.from_us);
        (since / i128::from(self.buckets.width_us.max(1))) as usize
    }

    /// Adds samples of the span that are not replaced by the tail.
    fn add(&mut self, samples: &[Sample]) {
        let mut tail = self.tail.partition_point(|t| samples.first().is_some_and(|s| t.time < s.time));
        for sample in samples {
            while self.tail.get(tail).is_some_and(|t| t.time < sample.time) {
                tail += 1;
            }
            if self.tail.get(tail).is_none_or(|t| t.time != sample.time) {
                self.keep(*sample);
            }
        }
    }

    /// Adds a sample.
    fn keep(&mut self, sample: Sample) {
        let bucket = self.bucket(sample.time.as_micros());
        // Only the roll-up of a broken row can speak of a time that is in no bucket.
        if let Some(extremes) = self.extremes.get_mut(bucket) {
            extremes.add(sample);
        }
    }

    /// Adds what is certain from the roll-up of a block; whether that is all there is to say of it.
    fn roll(&mut self, rolled: &Rolled) -> bool {
        if !self.is_whole(rolled) {
            return false;
        }
        rolled.extremes.kept().for_each(|sample| self.keep(sample));
        self.bucket(rolled.block.first_us) == self.bucket(rolled.block.last_us)
    }

    /// Whether nothing in a block could still change a bucket.
    fn settles(&self, rolled: &Rolled) -> bool {
        let touched = self.bucket(rolled.block.first_us)..=self.bucket(rolled.block.last_us);
        let touched = self.extremes.get(touched);
        self.is_whole(rolled) && touched.is_some_and(|all| all.iter().all(|bucket| bucket.covers(&rolled.extremes)))
    }

    /// Whether all of a block is in the span, and the tail replaces nothing in it.
    fn is_whole(&self, Rolled { block, .. }: &Rolled) -> bool {
        let tail = self.tail.partition_point(|t| t.time.as_micros() < block.first_us);
        let replaced = self.tail.get(tail).is_some_and(|t| t.time.as_micros() <= block.last_us);
        block.first_us >= self.span.0 && block.last_us < self.span.1 && !replaced
    }

    /// What is kept, oldest first.
    fn points(self) -> Vec<Sample> {
        let mut points: Vec<Sample> = self.extremes.iter().flat_map(Extremes::kept).collect();
        points.sort_by_key(|s| s.time);
        points.dedup_by_key(|s| s.time);
        points
    }
}
