//! Reading samples one by one: the blocks of a span in order, with the tail between them.

use std::{iter::Peekable, vec};

use andon_plant::{Sample, Timestamp};

use crate::{
    blocks::{self, BlockKey},
    engine::SeriesRows,
    error::StoreError,
    names::Label,
    rows::Span,
    series::SeriesQuery,
};

/// Blocks looked up at a time: few at first, for a limit may be reached soon.
const FIRST_PAGE: i64 = 2;
const LARGEST_PAGE: i64 = 512;

/// A tag's samples in a span; `tail` is what of them is in the tail, oldest first.
pub(super) async fn read(
    conn: &mut dyn SeriesRows,
    (tag, name): (i64, Label<'_>),
    span: Span,
    query: SeriesQuery,
    tail: Vec<Sample>,
) -> Result<Vec<Sample>, StoreError> {
    let mut merged = Merged::new(tail, query);
    let mut begin = blocks::widened(&mut *conn, tag, span).await?;
    let mut page = FIRST_PAGE;
    loop {
        let keys = if query.newest_first {
            conn.newest_blocks(tag, begin, page).await?
        } else {
            conn.oldest_blocks(tag, begin, page).await?
        };
        let Some(last) = keys.last().copied() else { return Ok(merged.finish()) };
        for key in keys {
            merged.up_to(key);
            if merged.is_full() {
                return Ok(merged.finish());
            }
            merged.add(within(blocks::open(&mut *conn, (tag, name), key).await?, span));
        }
        if query.newest_first {
            begin.1 = last.first_us;
        } else {
            begin.0 = last.first_us.saturating_add(1);
        }
        page = (page * 4).min(LARGEST_PAGE);
    }
}

/// The samples of a block that are in a span.
pub(super) fn within(mut samples: Vec<Sample>, (from, to): Span) -> Vec<Sample> {
    samples.truncate(samples.partition_point(|s| s.time.as_micros() < to));
    samples.drain(..samples.partition_point(|s| s.time.as_micros() < from));
    samples
}

/// Samples in the order asked for, up to the limit; of two at one time the tail's.
struct Merged {
    tail: Peekable<vec::IntoIter<Sample>>,
    merged: Vec<Sample>,
    limit: usize,
    newest_first: bool,
}

impl Merged {
    fn new(mut tail: Vec<Sample>, query: SeriesQuery) -> Self {
        if query.newest_first {
            tail.reverse();
        }
        Self {
            tail: tail.into_iter().peekable(),
            merged: Vec::new(),
            limit: query.limit.unwrap_or(usize::MAX),
            newest_first: query.newest_first,
        }
    }

    fn is_full(&self) -> bool {
        self.merged.len() >= self.limit
    }

    /// Takes from the tail what comes before a block.
    fn up_to(&mut self, block: BlockKey) {
        let edge = if self.newest_first { block.last_us } else { block.first_us };
        self.take_before(Timestamp::from_micros(edge));
    }

    fn add(&mut self, mut samples: Vec<Sample>) {
        if self.newest_first {
            samples.reverse();
        }
        for sample in samples {
            self.take_before(sample.time);
            if self.is_full() {
                return;
            }
            if self.tail.peek().is_none_or(|tail| tail.time != sample.time) {
                self.merged.push(sample);
            }
        }
    }

    fn take_before(&mut self, time: Timestamp) {
        while !self.is_full() {
            let before = |s: &Sample| if self.newest_first { s.time > time } else { s.time < time };
            let Some(sample) = self.tail.next_if(before) else { return };
            self.merged.push(sample);
        }
    }

    fn finish(mut self) -> Vec<Sample> {
        let room = self.limit.saturating_sub(self.merged.len());
        self.merged.extend(self.tail.take(room));
        self.merged
    }
}
