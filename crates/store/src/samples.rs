//! Samples: appended in any order, read in order of time.

mod merge;
mod thin;

use std::collections::BTreeSet;

use andon_plant::{AssetName, Sample, TagKey, TagSample, Timestamp};

use crate::{
    batch::part_of,
    engine::{Series, SeriesRows},
    error::StoreError,
    names::Label,
    rows::Span,
    series::SeriesQuery,
    store::Store,
    tables::SeriesWrite,
    tail::{self, Wanted},
};

/// Samples in one command, so that one long backfill does not hold up the queue.
const APPEND_ROWS: usize = 4_000;

impl Store {
    /// Queues samples, in any order; waits only for room in the writer's queue. They can be read once
    /// [`flush`](Store::flush) has returned, or a moment later without it. Of two samples of a tag at one time the later
    /// appended is kept.
    ///
    /// # Errors
    /// If the store is closed.
    pub async fn append_samples(&self, samples: Vec<TagSample>) -> Result<(), StoreError> {
        if samples.len() <= APPEND_ROWS {
            return if samples.is_empty() { Ok(()) } else { self.series().queue(SeriesWrite::Samples(samples)).await };
        }
        // Each command has room for its own samples only: one that was split off would keep the room of them all in the queue.
        let mut rest = samples.into_iter();
        while rest.len() > 0 {
            let command = rest.by_ref().take(APPEND_ROWS).collect();
            self.series().queue(SeriesWrite::Samples(command)).await?;
        }
        Ok(())
    }

    /// Seals all samples in blocks, however few of a tag there are, and gives the room back to the disk. Sealing happens by
    /// itself once there are enough; before a file is put away this makes it small. What can't be sealed now stays as safe as
    /// it was, and the log says so.
    ///
    /// # Errors
    /// If the database fails or the store is closed.
    pub async fn seal(&self) -> Result<(), StoreError> {
        self.seal_what_is(Wanted::All).await?;
        while self.series().commit(SeriesWrite::Shrink).await? > 0 {}
        Ok(())
    }

    /// Seals what is in the tail now. Where the database is held up, or something is broken, that stays in the tail; the log
    /// says so.
    pub(crate) async fn seal_what_is(&self, wanted: Wanted) -> Result<(), StoreError> {
        let mut left = self.series().commit(SeriesWrite::Seal(wanted)).await?;
        while left > 0 {
            left = self.series().commit(SeriesWrite::Sealing).await?;
        }
        Ok(())
    }

    /// A tag's samples with `from <= time < to`.
    ///
    /// # Errors
    /// If the database fails, or a row or a block in that span is broken.
    #[tracing::instrument(name = "store.samples.read", skip_all, fields(tag = %key))]
    pub async fn samples(
        &self,
        key: &TagKey,
        from: Timestamp,
        to: Timestamp,
        query: SeriesQuery,
    ) -> Result<Vec<Sample>, StoreError> {
        read(self.series_tables(), key, from, to, query).await
    }

    /// A tag's newest sample.
    ///
    /// # Errors
    /// If the database fails or the row is broken.
    pub async fn latest_sample(&self, key: &TagKey) -> Result<Option<Sample>, StoreError> {
        self.sample_at(key, Timestamp::from_micros(i64::MAX)).await
    }

    /// The sample in force at `time`: a tag's newest that is not later.
    ///
    /// # Errors
    /// If the database fails, or the row or block is broken.
    pub async fn sample_at(&self, key: &TagKey, time: Timestamp) -> Result<Option<Sample>, StoreError> {
        latest(self.series_tables(), key, time).await
    }

    /// The times of an asset's first and last sample.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn span(&self, asset: &AssetName) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        span(self.series_tables(), asset).await
    }
}

/// A tag's samples with `from <= time < to`.
pub(crate) async fn read(
    series: &Series,
    key: &TagKey,
    from: Timestamp,
    to: Timestamp,
    query: SeriesQuery,
) -> Result<Vec<Sample>, StoreError> {
    // One transaction: what is sealed meanwhile is seen in the tail or in a block, never in both or neither.
    let mut snapshot = series.snapshot().await?;
    let conn = snapshot.rows();
    let Some(tag) = conn.find_tag(key).await? else { return Ok(Vec::new()) };
    let span = (from.as_micros(), to.as_micros());
    match query.max_points {
        Some(max_points) => Ok(query.arrange(thin::read(&mut *conn, (tag, key), span, max_points).await?)),
        None => listed(&mut *conn, (tag, key), span, query).await,
    }
}

/// A tag's newest sample that is not later than `time`.
pub(crate) async fn latest(series: &Series, key: &TagKey, time: Timestamp) -> Result<Option<Sample>, StoreError> {
    let after = Timestamp::from_micros(time.as_micros().saturating_add(1));
    let newest = read(series, key, Timestamp::from_micros(i64::MIN), after, SeriesQuery::newest(1)).await?;
    Ok(newest.first().copied())
}

/// The times of an asset's first and last sample.
pub(crate) async fn span(series: &Series, asset: &AssetName) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
    let mut snapshot = series.snapshot().await?;
    let conn = snapshot.rows();
    let stored = conn.stored_span(asset).await?;
    let logged = logged_span(&mut *conn, asset).await?;
    let both = stored.into_iter().chain(logged);
    let span = both.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    Ok(span.map(|(first, last)| (Timestamp::from_micros(first), Timestamp::from_micros(last))))
}

/// A tag's samples in a span, one by one.
async fn listed(
    conn: &mut dyn SeriesRows,
    tag: (i64, Label<'_>),
    span: Span,
    query: SeriesQuery,
) -> Result<Vec<Sample>, StoreError> {
    let tail = tail::read(&mut *conn, tag, span, query).await?;
    merge::read(conn, tag, span, query, tail).await
}

/// The first and last time in `tail`.
async fn logged_span(conn: &mut dyn SeriesRows, asset: &AssetName) -> Result<Option<(i64, i64)>, StoreError> {
    let tags: BTreeSet<i64> = conn.tags_of(asset).await?.into_iter().collect();
    let mut span: Option<(i64, i64)> = None;
    for part in tags.iter().map(|tag| part_of(*tag)).collect::<BTreeSet<_>>() {
        for (_, samples) in tail::logged(&mut *conn, part).await?.tags.iter().filter(|(tag, _)| tags.contains(tag)) {
            for time in samples.iter().map(|s| s.time.as_micros()) {
                span = Some(span.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
            }
        }
    }
    Ok(span)
}
