//! Verdicts: one score row an asset and time; what was expected of each tag is in [`crate::expected`].

use andon_plant::{AssetName, Mode, StatusCode, TagFinding, TagKey, TagVerdict, Timestamp, Verdict};
use async_trait::async_trait;

use crate::{
    engine::SeriesRows,
    error::StoreError,
    expected::or_nan,
    names::Names,
    rows::Span,
    series::{Buckets, Extent, SeriesQuery},
    store::Store,
    tables::SeriesWrite,
};

/// Verdicts in one command.
const APPEND_VERDICTS: usize = 500;

/// An asset's verdict at one time, without its tags. Numbers other than the score are NaN where they were not finite.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorePoint {
    /// The grid time.
    pub time: Timestamp,
    /// -log10 p; always finite.
    pub score: f64,
    /// The score from which on this is an anomaly.
    pub threshold: f64,
    /// 1 - p.
    pub probability: f64,
    /// The lower end of its confidence interval.
    pub probability_low: f64,
    /// The upper end of its confidence interval.
    pub probability_high: f64,
    /// The operating mode.
    pub mode: Mode,
    /// The share of the window that was made up.
    pub imputed: f64,
    /// The verdict's status.
    pub status: StatusCode,
}

impl Store {
    /// Queues verdicts; waits only for room in the writer's queue. A verdict replaces the asset's earlier one at that
    /// time, tags and all.
    ///
    /// # Errors
    /// If a score is not finite (none of the batch is stored then) or the store is closed.
    pub async fn append_scores(&self, verdicts: Vec<Verdict>) -> Result<(), StoreError> {
        if let Some(v) = verdicts.iter().find(|v| !v.score.is_finite()) {
            return Err(StoreError::NotFinite { asset: v.asset.clone(), time: v.time, score: v.score });
        }
        let mut rest = verdicts;
        while rest.len() > APPEND_VERDICTS {
            let after = rest.split_off(APPEND_VERDICTS);
            self.series().queue(SeriesWrite::Verdicts(std::mem::replace(&mut rest, after))).await?;
        }
        if rest.is_empty() { Ok(()) } else { self.series().queue(SeriesWrite::Verdicts(rest)).await }
    }

    /// An asset's scores with `from <= time < to`; thinning keeps each bucket's lowest and highest score.
    ///
    /// # Errors
    /// If the database fails or a row is broken.
    #[tracing::instrument(name = "store.scores.read", skip_all, fields(asset = %asset))]
    pub async fn scores(
        &self,
        asset: &AssetName,
        from: Timestamp,
        to: Timestamp,
        query: SeriesQuery,
    ) -> Result<Vec<ScorePoint>, StoreError> {
        let mut snapshot = self.series_tables().snapshot().await?;
        let conn = snapshot.rows();
        let Some(id) = conn.find_asset(asset).await? else { return Ok(Vec::new()) };
        let span = (from.as_micros(), to.as_micros());
        let buckets = match query.max_points {
            Some(max_points) => Buckets::plan(conn.score_extent(id, span).await?, max_points, 2),
            None => None,
        };
        let rows = match buckets {
            Some(buckets) => query.arrange(conn.thinned_scores(id, buckets).await?),
            None => conn.scores(id, span, query).await?,
        };
        rows.into_iter().map(|row| row.point(asset)).collect()
    }

    /// An asset's newest verdict that is not later than `time`, with its tags in the asset's order. Whether it was late and what
    /// the model looked at are not stored.
    ///
    /// # Errors
    /// If the database fails or a row is broken.
    pub async fn verdict_at(&self, asset: &AssetName, time: Timestamp) -> Result<Option<Verdict>, StoreError> {
        // One transaction, so that the score and its tags are of one moment.
        let mut snapshot = self.series_tables().snapshot().await?;
        let conn = snapshot.rows();
        let Some(id) = conn.find_asset(asset).await? else { return Ok(None) };
        let Some(row) = conn.score_not_after(id, time.as_micros()).await? else { return Ok(None) };
        let tags = conn.tag_verdicts(id, row.time_us).await?;
        let tags: Vec<_> = tags.into_iter().map(|tag| tag.verdict(asset)).collect::<Result<_, _>>()?;
        let findings = found(&tags);
        let tags = tags.into_iter().map(|(tag, _)| tag).collect();
        let p = row.point(asset)?;
        Ok(Some(Verdict {
            asset: asset.clone(),
            time: p.time,
            score: p.score,
            threshold: p.threshold,
            probability: p.probability,
            probability_low: p.probability_low,
            probability_high: p.probability_high,
            mode: p.mode,
            imputed: p.imputed,
            status: p.status,
            tags,
            late: false,
            findings,
            attention: Vec::new(),
        }))
    }
}

/// What was wrong with the tags, largest share first.
fn found(tags: &[(TagVerdict, Option<TagFinding>)]) -> Vec<TagFinding> {
    let mut named: Vec<_> = tags.iter().filter_map(|(tag, f)| Some((tag.contribution, f.clone()?))).collect();
    named.sort_by(|a, b| b.0.total_cmp(&a.0));
    named.into_iter().map(|(_, finding)| finding).collect()
}

pub(crate) async fn insert(
    conn: &mut dyn SeriesRows,
    names: &mut Names,
    verdicts: &[Verdict],
) -> Result<i64, StoreError> {
    for verdict in verdicts {
        let asset = names.asset(&mut *conn, &verdict.asset).await?;
        let mut tags = Vec::with_capacity(verdict.tags.len());
        for tag in &verdict.tags {
            let key = TagKey { asset: verdict.asset.clone(), tag: tag.tag.clone() };
            tags.push(names.tag(&mut *conn, &key).await?);
        }
        conn.put_verdict(asset, &tags, verdict).await?;
    }
    Ok(verdicts.len() as i64)
}

/// Verdicts without their tags.
#[async_trait]
pub trait ScoreRows: Send {
    /// Writes a verdict on an asset and on its tags, whose numbers are in the order of the verdict's. It replaces the one of that
    /// time, tags and all.
    async fn put_verdict(&mut self, asset: i64, tags: &[i64], verdict: &Verdict) -> Result<(), StoreError>;

    /// How many scores an asset has in a span, and between which times.
    async fn score_extent(&mut self, asset: i64, span: Span) -> Result<Extent, StoreError>;

    /// The scores of an asset in a span, from the end and up to the limit that `query` says.
    async fn scores(&mut self, asset: i64, span: Span, query: SeriesQuery) -> Result<Vec<ScoreRow>, StoreError>;

    /// The lowest and highest score of each bucket, the first of equals, oldest first.
    async fn thinned_scores(&mut self, asset: i64, buckets: Buckets) -> Result<Vec<ScoreRow>, StoreError>;

    /// An asset's newest score that is not later than a time.
    async fn score_not_after(&mut self, asset: i64, time_us: i64) -> Result<Option<ScoreRow>, StoreError>;

    /// Deletes the oldest scores of one asset, or then the oldest expected values of one tag, that are older than `before_us`,
    /// about `most` at a time; how many. 0 when there are none.
    async fn delete_oldest_scores(&mut self, before_us: i64, most: i64) -> Result<i64, StoreError>;
}

/// A score as it is stored, not checked yet.
#[derive(Debug)]
pub struct ScoreRow {
    /// The grid time.
    pub time_us: i64,
    /// -log10 p.
    pub score: f64,
    /// Null where it was not finite; so are the others.
    pub threshold: Option<f64>,
    /// 1 - p.
    pub probability: Option<f64>,
    /// The lower end of its interval.
    pub probability_low: Option<f64>,
    /// The upper end of its interval.
    pub probability_high: Option<f64>,
    /// The operating mode.
    pub mode: String,
    /// The share of the window that was made up.
    pub imputed: Option<f64>,
    /// An OPC UA StatusCode.
    pub status: i64,
}

impl ScoreRow {
    fn point(self, asset: &AssetName) -> Result<ScorePoint, StoreError> {
        let time = Timestamp::from_micros(self.time_us);
        let broken = |reason: String| StoreError::broken("score", format!("{asset} at {time}"), reason);
        if !self.score.is_finite() {
            return Err(broken(format!("the score {} is not finite", self.score)));
        }
        let status = u32::try_from(self.status)
            .map_err(|_| broken(format!("the status {} is not a StatusCode", self.status)))?;
        Ok(ScorePoint {
            time,
            score: self.score,
            threshold: or_nan(self.threshold),
            probability: or_nan(self.probability),
            probability_low: or_nan(self.probability_low),
            probability_high: or_nan(self.probability_high),
            mode: Mode::from(self.mode),
            imputed: or_nan(self.imputed),
            status: StatusCode(status),
        })
    }
}
