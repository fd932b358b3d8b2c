//! Each tag's health after NAMUR NE 107: what its samples say of its instrument, and what the detector finds wrong with it.

use std::collections::HashMap;

use andon_plant::{AssetName, Ne107, TagKey, TagName, TagSample, Timestamp, Verdict};

use crate::updates::{Update, of_tag_health};

/// What is known of one tag.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// By its newest sample's status code.
    sample: Ne107,
    /// By the newest verdict's finding; good while its row is not anomalous.
    finding: Ne107,
}

impl Known {
    /// A value that is not Good says more of an instrument than what was expected of it.
    fn told(self) -> Ne107 {
        if self.sample == Ne107::Good { self.finding } else { self.sample }
    }
}

/// Every tag's health. What is told twice is left out later, where values are compared.
#[derive(Debug, Default)]
pub(crate) struct TagHealth(HashMap<TagKey, Known>);

impl TagHealth {
    pub(crate) fn of_sample(&mut self, sample: &TagSample) -> Update {
        let known = self.0.entry(sample.key.clone()).or_default();
        known.sample = Ne107::of(sample.sample.status);
        of_tag_health(&sample.key, known.told(), sample.sample.time)
    }

    pub(crate) fn of_verdict(&mut self, verdict: &Verdict) -> Vec<Update> {
        let found = |tag: &TagName| verdict.findings.iter().find(|f| f.tag == *tag).map(|f| f.class.health());
        let tags = verdict.tags.iter().map(|t| (&t.tag, found(&t.tag).unwrap_or_default()));
        let asset = &verdict.asset;
        tags.map(|(tag, health)| self.find(asset, tag, health, verdict.time)).collect()
    }

    /// There is no verdict any more: what was found wrong is not known to be so.
    pub(crate) fn forget(&mut self, asset: &AssetName, time: Timestamp) -> Vec<Update> {
        let known = self.0.iter_mut().filter(|(key, known)| key.asset == *asset && known.finding != Ne107::Good);
        known
            .map(|(key, known)| {
                known.finding = Ne107::Good;
                of_tag_health(key, known.told(), time)
            })
            .collect()
    }

    fn find(&mut self, asset: &AssetName, tag: &TagName, finding: Ne107, time: Timestamp) -> Update {
        let key = TagKey { asset: asset.clone(), tag: tag.clone() };
        let known = self.0.entry(key.clone()).or_default();
        known.finding = finding;
        of_tag_health(&key, known.told(), time)
    }
}
