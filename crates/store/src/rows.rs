//! Samples that are still rows: those of slow tags and small batches, until there are enough for a block.

use andon_plant::{AssetName, Sample, StatusCode, Timestamp};
use async_trait::async_trait;

use crate::{batch::Numbered, engine::SeriesRows, error::StoreError, names::Label, series::SeriesQuery};

/// Half-open: from the first up to the second, in microseconds.
pub type Span = (i64, i64);

/// How many rows a tag has, up to a limit, and between which times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rows {
    /// How many.
    pub count: i64,
    /// The first one's time.
    pub first_us: Option<i64>,
    /// The last one's time.
    pub last_us: Option<i64>,
}

/// Rows are counted up to here: a database from before blocks may have any number.
pub const COUNTED: i64 = 16_384;

impl Rows {
    /// Counts a row that may have replaced another.
    pub(crate) fn add(&mut self, time: Timestamp) {
        let time = time.as_micros();
        self.count += 1;
        self.first_us = Some(self.first_us.map_or(time, |first| first.min(time)));
        self.last_us = Some(self.last_us.map_or(time, |last| last.max(time)));
    }
}

/// A sample as it is stored, not checked yet.
#[derive(Debug)]
pub struct SampleRow {
    /// When.
    pub time_us: i64,
    /// Null exactly where the status is Bad.
    pub value: Option<f64>,
    /// An OPC UA StatusCode.
    pub status: i64,
}

impl SampleRow {
    fn sample(self, tag: Label<'_>) -> Result<Sample, StoreError> {
        let time = Timestamp::from_micros(self.time_us);
        let broken = |reason: String| StoreError::broken("sample", format!("{tag} at {time}"), reason);
        let status = u32::try_from(self.status)
            .map(StatusCode)
            .map_err(|_| broken(format!("the status {} is not a StatusCode", self.status)))?;
        match (self.value, status.is_bad()) {
            (Some(value), false) if value.is_finite() => Ok(Sample { time, value, status }),
            (None, true) => Ok(Sample::bad(time, status)),
            (value, _) => Err(broken(format!("the value {value:?} does not go with the status {status}"))),
        }
    }
}

/// Samples that are rows.
#[async_trait]
pub trait SampleRows: Send {
    /// Writes rows; of two of a tag at one time the later one counts, and what was there is replaced.
    async fn put_samples(&mut self, rows: &[Numbered]) -> Result<(), StoreError>;

    /// The rows of a tag in a span, from the end and up to the limit that `query` says.
    async fn samples(&mut self, tag: i64, span: Span, query: SeriesQuery) -> Result<Vec<SampleRow>, StoreError>;

    /// Deletes the rows of a tag in a span.
    async fn delete_samples(&mut self, tag: i64, span: Span) -> Result<(), StoreError>;

    /// Deletes the oldest rows of a tag that are older than `before_us`, about `most` at a time; how many.
    async fn delete_oldest_samples(&mut self, tag: i64, before_us: i64, most: i64) -> Result<i64, StoreError>;

    /// How many rows a tag has, counted up to [`COUNTED`].
    async fn count_samples(&mut self, tag: i64) -> Result<Rows, StoreError>;

    /// A tag that has rows older than `before_us`.
    async fn tag_with_samples_before(&mut self, before_us: i64) -> Result<Option<i64>, StoreError>;

    /// The times of the first and last row or block of an asset.
    async fn stored_span(&mut self, asset: &AssetName) -> Result<Option<(i64, i64)>, StoreError>;
}

/// The rows of a tag (its number, and what an error calls it) in a span, from the end and up to the limit that `query` says.
pub(crate) async fn read(
    conn: &mut dyn SeriesRows,
    (tag, name): (i64, Label<'_>),
    span: Span,
    query: SeriesQuery,
) -> Result<Vec<Sample>, StoreError> {
    conn.samples(tag, span, query).await?.into_iter().map(|row| row.sample(name)).collect()
}
