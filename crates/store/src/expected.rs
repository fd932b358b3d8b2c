//! What was expected of each tag: the band of a trend, and who carried a score.

use andon_plant::{AssetName, TagFinding, TagKey, TagName, TagVerdict, Timestamp};
use async_trait::async_trait;

use crate::{
    alarms::finding,
    error::StoreError,
    rows::Span,
    series::{Buckets, Extent, SeriesQuery},
    store::Store,
};

/// What was expected of a tag at one time, in the tag's unit. Numbers are NaN where they were not finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedPoint {
    /// The grid time.
    pub time: Timestamp,
    /// The value the window had.
    pub value: f64,
    /// The value the model expected.
    pub expected: f64,
    /// The lower edge of what is normal.
    pub expected_low: f64,
    /// The upper edge of what is normal.
    pub expected_high: f64,
    /// `value - expected`.
    pub residual: f64,
    /// The tag's share of the score.
    pub contribution: f64,
    /// Whether the value was made up.
    pub imputed: bool,
}

impl Store {
    /// What was expected of a tag with `from <= time < to`; thinning keeps each bucket's lowest and highest residual.
    ///
    /// # Errors
    /// If the database fails.
    #[tracing::instrument(name = "store.expected.read", skip_all, fields(tag = %key))]
    pub async fn expected(
        &self,
        key: &TagKey,
        from: Timestamp,
        to: Timestamp,
        query: SeriesQuery,
    ) -> Result<Vec<ExpectedPoint>, StoreError> {
        let mut snapshot = self.series_tables().snapshot().await?;
        let conn = snapshot.rows();
        let Some(tag) = conn.find_tag(key).await? else { return Ok(Vec::new()) };
        let span = (from.as_micros(), to.as_micros());
        let buckets = match query.max_points {
            Some(max_points) => Buckets::plan(conn.expected_extent(tag, span).await?, max_points, 3),
            None => None,
        };
        let rows = match buckets {
            Some(buckets) => query.arrange(conn.thinned_expected(tag, buckets).await?),
            None => conn.expected(tag, span, query).await?,
        };
        Ok(rows.into_iter().map(ExpectedRow::point).collect())
    }
}

/// What was expected of tags.
#[async_trait]
pub trait ExpectedRows: Send {
    /// How many rows a tag has in a span, and between which times.
    async fn expected_extent(&mut self, tag: i64, span: Span) -> Result<Extent, StoreError>;

    /// The rows of a tag in a span, from the end and up to the limit that `query` says.
    async fn expected(&mut self, tag: i64, span: Span, query: SeriesQuery) -> Result<Vec<ExpectedRow>, StoreError>;

    /// The lowest and highest residual of each bucket and the first row without one, oldest first.
    async fn thinned_expected(&mut self, tag: i64, buckets: Buckets) -> Result<Vec<ExpectedRow>, StoreError>;

    /// What a verdict says of the tags of an asset, in their order.
    async fn tag_verdicts(&mut self, asset: i64, time_us: i64) -> Result<Vec<TagVerdictRow>, StoreError>;
}

/// What was expected of a tag, as it is stored. A number is null where it was not finite.
#[derive(Debug)]
pub struct ExpectedRow {
    /// The grid time.
    pub time_us: i64,
    /// The value the window had.
    pub value: Option<f64>,
    /// The value the model expected.
    pub expected: Option<f64>,
    /// The lower edge of what is normal.
    pub expected_low: Option<f64>,
    /// The upper edge of what is normal.
    pub expected_high: Option<f64>,
    /// `value - expected`.
    pub residual: Option<f64>,
    /// The tag's share of the score.
    pub contribution: Option<f64>,
    /// Whether the value was made up.
    pub imputed: bool,
}

impl ExpectedRow {
    fn point(self) -> ExpectedPoint {
        ExpectedPoint {
            time: Timestamp::from_micros(self.time_us),
            value: or_nan(self.value),
            expected: or_nan(self.expected),
            expected_low: or_nan(self.expected_low),
            expected_high: or_nan(self.expected_high),
            residual: or_nan(self.residual),
            contribution: or_nan(self.contribution),
            imputed: self.imputed,
        }
    }
}

/// What a verdict says of a tag, as it is stored.
#[derive(Debug)]
pub struct TagVerdictRow {
    /// The tag's number.
    pub id: i64,
    /// The tag's name.
    pub tag: String,
    /// The value the window had.
    pub value: Option<f64>,
    /// The value the model expected.
    pub expected: Option<f64>,
    /// The lower edge of what is normal.
    pub expected_low: Option<f64>,
    /// The upper edge of what is normal.
    pub expected_high: Option<f64>,
    /// `value - expected`.
    pub residual: Option<f64>,
    /// The tag's share of the score.
    pub contribution: Option<f64>,
    /// Whether the value was made up.
    pub imputed: bool,
    /// What its fault looks like, as a word.
    pub class: Option<String>,
    /// The same as a sentence.
    pub finding: Option<String>,
}

impl TagVerdictRow {
    pub(crate) fn verdict(self, asset: &AssetName) -> Result<(TagVerdict, Option<TagFinding>), StoreError> {
        let place = format!("{} of {asset}", self.id);
        let broken = |e: String| StoreError::broken("tag", &place, e);
        let tag = TagName::new(&self.tag).map_err(|e| broken(e.to_string()))?;
        let finding = finding(&tag, self.class, self.finding).map_err(|e| broken(e.to_string()))?;
        let verdict = TagVerdict {
            tag,
            value: or_nan(self.value),
            expected: or_nan(self.expected),
            expected_low: or_nan(self.expected_low),
            expected_high: or_nan(self.expected_high),
            residual: or_nan(self.residual),
            contribution: or_nan(self.contribution),
            imputed: self.imputed,
        };
        Ok((verdict, finding))
    }
}

/// A number that is null where it was not finite when it was written.
pub(crate) fn or_nan(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}
