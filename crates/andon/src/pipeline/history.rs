//! Stored history, as training wants it and as OPC UA clients read it.

use std::{ops::Range, time::Duration};

use andon_detect::Stream;
use andon_plant::{Sample, StatusCode, TagKey, Timestamp};
use andon_store::{ExpectedPoint, SeriesQuery, Store, StoreError};
use andon_ua_server::{History, HistoryError, Series};
use async_trait::async_trait;

use crate::config::AssetConfig;

/// The stored samples of all tags of an asset in these `pieces` of time, each after the values in force at its start. Between
/// two of them every tag is lost.
///
/// # Errors
/// If they can't be read.
pub async fn stream(store: &Store, asset: &AssetConfig, pieces: &[Range<Timestamp>]) -> Result<Stream, StoreError> {
    store.flush().await?;
    let mut all = Vec::new();
    for (ix, tag) in asset.tags.iter().enumerate() {
        let key = TagKey { asset: asset.name.clone(), tag: tag.tag.name.clone() };
        for (n, piece) in pieces.iter().enumerate() {
            let in_force = store.sample_at(&key, piece.start).await?;
            all.extend(in_force.into_iter().map(|s| (ix, Sample { time: piece.start, ..s })));
            let samples = store.samples(&key, piece.start, piece.end, SeriesQuery::default()).await?;
            all.extend(samples.into_iter().map(|s| (ix, s)));
            if n + 1 < pieces.len() {
                all.push((ix, Sample::new(piece.end, f64::NAN, StatusCode::BAD_NO_DATA)));
            }
        }
    }
    Ok(Stream::new(all))
}

/// The store as HistoryRead sees it: what was published is committed before it is read.
pub(super) struct StoredHistory(pub(super) Store);

#[async_trait]
impl History for StoredHistory {
    async fn raw(
        &self,
        series: &Series,
        from: Timestamp,
        to: Timestamp,
        max: usize,
    ) -> Result<Vec<Sample>, HistoryError> {
        self.read(series, from, to, max)
            .await
            .map_err(|e| HistoryError::Unavailable { series: series.clone(), reason: e.to_string() })
    }
}

impl StoredHistory {
    async fn read(
        &self,
        series: &Series,
        from: Timestamp,
        to: Timestamp,
        max: usize,
    ) -> Result<Vec<Sample>, StoreError> {
        self.0.flush().await?;
        let newest_first = from > to;
        // Newest first the later end belongs to the span; in the store the earlier one does.
        let instant = Duration::from_micros(1);
        let (from, to) = if newest_first { (to.after(instant), from.after(instant)) } else { (from, to) };
        let query = SeriesQuery { limit: Some(max), newest_first, max_points: None };
        Ok(match series {
            Series::Value(key) => self.0.samples(key, from, to, query).await?,
            Series::Expected(key) => {
                let points = self.0.expected(key, from, to, query).await?;
                points.into_iter().map(expected).collect()
            }
            Series::Score(asset) => {
                let points = self.0.scores(asset, from, to, query).await?;
                points.into_iter().map(|p| Sample::new(p.time, p.score, p.status)).collect()
            }
            Series::Threshold(asset) => {
                let points = self.0.scores(asset, from, to, query).await?;
                points.into_iter().map(|p| Sample::new(p.time, p.threshold, p.status)).collect()
            }
        })
    }
}

fn expected(p: ExpectedPoint) -> Sample {
    let status = if p.imputed { StatusCode::UNCERTAIN_SUBSTITUTE_VALUE } else { StatusCode::GOOD };
    Sample::new(p.time, p.expected, status)
}
