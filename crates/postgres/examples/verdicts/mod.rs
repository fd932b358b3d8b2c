//! What the examples store of verdicts.

use andon_plant::{AssetName, Mode, StatusCode, TagName, TagVerdict, Timestamp, Verdict};

/// A verdict on an asset, and on some of its tags.
pub(crate) fn verdict(asset: &AssetName, tags: &[TagName], time: Timestamp) -> Verdict {
    let residual = (time.as_secs_f64() * 0.37).sin();
    let of = |tag: &TagName| TagVerdict {
        tag: tag.clone(),
        value: 20.1 + residual,
        expected: 20.1,
        expected_low: 19.3,
        expected_high: 21.7,
        residual,
        contribution: 1.0 / tags.len() as f64,
        imputed: false,
    };
    Verdict {
        asset: asset.clone(),
        time,
        score: residual.abs(),
        threshold: 3.1,
        probability: 0.8,
        probability_low: 0.7,
        probability_high: 0.9,
        mode: Mode::Known("mixing".to_owned()),
        imputed: 0.0,
        status: StatusCode::GOOD,
        tags: tags.iter().map(of).collect(),
        late: false,
        findings: Vec::new(),
        attention: Vec::new(),
    }
}
