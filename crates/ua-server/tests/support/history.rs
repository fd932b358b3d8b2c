//! A history in memory, for tests and the example.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use andon_plant::{Sample, Timestamp};
use andon_ua_server::{History, HistoryError, Series};
use async_trait::async_trait;

/// Samples by series and time.
#[derive(Default)]
pub(crate) struct MemoryHistory(Mutex<BTreeMap<Series, BTreeMap<Timestamp, Sample>>>);

impl MemoryHistory {
    /// Keeps a sample.
    pub(crate) fn keep(&self, series: Series, sample: Sample) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry(series).or_default().insert(sample.time, sample);
    }
}

#[async_trait]
impl History for MemoryHistory {
    async fn raw(
        &self,
        series: &Series,
        from: Timestamp,
        to: Timestamp,
        max: usize,
    ) -> Result<Vec<Sample>, HistoryError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(samples) = kept.get(series) else { return Ok(Vec::new()) };
        Ok(if from <= to {
            samples.range(from..to).take(max).map(|(_, s)| *s).collect()
        } else {
            let newest_first = samples.range(..=from).rev().take_while(|(time, _)| **time > to);
            newest_first.take(max).map(|(_, s)| *s).collect()
        })
    }
}
