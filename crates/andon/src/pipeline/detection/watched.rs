//! One asset's detector and where it stands.

use std::{collections::HashMap, sync::Arc, time::Duration};

use andon_detect::Detector;
use andon_plant::{AssetName, Sample, TagName, TagSample, Timestamp};
use tokio::sync::mpsc;

use super::{Judged, Output};
use crate::config::AssetConfig;

/// How far rows lag behind the newest sample at the most, because one row's values may come in two responses.
const LATENESS: Duration = Duration::from_secs(1);

/// One asset's detector and where it stands.
pub(super) struct Watched {
    pub(super) detector: Detector,
    index: HashMap<TagName, usize>,
    pub(super) begun: bool,
    pub(super) newest: Timestamp,
    pub(super) lateness: Duration,
    /// Verdicts up to here have been published before a restart.
    pub(super) published: Option<Timestamp>,
}

impl Watched {
    pub(super) fn new(asset: &AssetConfig) -> Self {
        let tags: Vec<_> = asset.tags.iter().map(|t| t.tag.clone()).collect();
        let index = tags.iter().enumerate().map(|(ix, t)| (t.name.clone(), ix)).collect();
        let detector = Detector::new(asset.name.clone(), tags, asset.detector());
        let lateness = asset.grid.min(LATENESS);
        Self { detector, index, begun: false, newest: Timestamp::default(), lateness, published: None }
    }

    /// Pushes samples of this asset; the first live batch sets where rows begin.
    pub(super) fn push<'a>(&mut self, samples: impl Iterator<Item = (&'a TagName, Sample)> + Clone) {
        if !self.begun {
            let newest = samples.clone().filter(|(_, s)| !s.status.is_bad()).map(|(_, s)| s.time).max();
            let Some(newest) = newest else { return };
            self.detector.begin(newest);
            self.begun = true;
        }
        for (tag, sample) in samples {
            if let Some(ix) = self.index.get(tag) {
                self.detector.push(*ix, sample);
                self.newest = self.newest.max(sample.time);
            }
        }
    }

    /// Judges every row before `watermark`; `late` ones were not heard in their time.
    pub(super) fn judge(
        &mut self,
        watermark: Timestamp,
        late: bool,
        outputs: &mpsc::Sender<Output>,
        asset: &AssetName,
    ) {
        while let Some(step) = self.detector.step(watermark, late) {
            let output = match step {
                Ok(step) => match step.verdict {
                    Some(verdict) if Some(verdict.time) > self.published => {
                        let (drift, learned) = (self.detector.drift(), self.detector.learned().map(Arc::new));
                        Output::Verdict(Box::new(Judged { verdict, drift, learned }))
                    }
                    // Judged again only to fill the windows.
                    Some(_) | None => continue,
                },
                Err(e) => Output::Failed { asset: asset.clone(), message: e.to_string() },
            };
            if outputs.blocking_send(output).is_err() {
                return;
            }
        }
    }

    /// Judges stored samples that have not been judged, one after the other.
    pub(super) fn replay(&mut self, asset: &AssetName, samples: &[TagSample], outputs: &mpsc::Sender<Output>) {
        for sample in samples {
            if !self.begun {
                self.detector.begin(sample.sample.time);
                self.begun = true;
            }
            self.judge(sample.sample.time, true, outputs, asset);
            self.push(std::iter::once((&sample.key.tag, sample.sample)));
        }
    }
}
