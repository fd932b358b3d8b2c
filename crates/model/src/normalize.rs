//! Engineering units to what the network sees, and back.

use andon_plant::{Tag, TagKind, TagName};
use serde::{Deserialize, Serialize};

use crate::series::Series;

/// How far outside its training range a value may show itself to the network, in units of the scale. A broken tag must
/// not drown the others' expectations; its own residual is taken in engineering units and is not clipped.
const CLIP: f64 = 5.0;

/// A tag that stands still in training is scaled by this share of its magnitude, so that a later change is large and
/// finite.
const FLOOR: f64 = 1e-3;

/// How a tag is scaled, from training data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// The training range becomes 0 to 1 (paper, section 3.1).
    MinMax,
    /// The training mean becomes 0 and its standard deviation 1, so that a spike in training does not flatten a tag.
    #[default]
    Standard,
}

/// One tag's scale: normalised = (value - offset) / span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// The tag.
    pub tag: TagName,
    /// In the tag's unit.
    pub offset: f64,
    /// In the tag's unit, above 0.
    pub span: f64,
    /// Whether the tag stood still in training.
    pub constant: bool,
}

/// The scales of an asset's tags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// How the scales were found.
    pub scaling: Scaling,
    /// Whether each window is standardised by itself as well.
    pub rolling: bool,
    /// One scale a tag, in the asset's order.
    pub scales: Vec<Scale>,
}

/// A tag that can't be normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NeverMeasured(pub(crate) TagName);

impl Normalisation {
    /// The scales of `tags` over the measured cells of `series`. Booleans are 0 and 1, whatever was seen of them.
    pub(crate) fn fit(
        (scaling, rolling): (Scaling, bool),
        series: &[Series],
        tags: &[Tag],
    ) -> Result<Self, NeverMeasured> {
        let scales = tags.iter().enumerate().map(|(ix, tag)| scale(scaling, series, ix, tag)).collect::<Result<_, _>>()?;
        Ok(Self { scaling, rolling, scales })
    }

    /// What the network sees of `value` of tag number `tag`.
    pub(crate) fn apply(&self, tag: usize, value: f64) -> f32 {
        let scale = &self.scales[tag];
        ((value - scale.offset) / scale.span).clamp(-CLIP, CLIP) as f32
    }

    /// Back to the tag's unit.
    pub(crate) fn invert(&self, tag: usize, normalised: f32) -> f64 {
        let scale = &self.scales[tag];
        f64::from(normalised) * scale.span + scale.offset
    }
}

fn scale(scaling: Scaling, series: &[Series], ix: usize, tag: &Tag) -> Result<Scale, NeverMeasured> {
    let measured = || series.iter().flat_map(move |s| s.measured(ix));
    let count = measured().count() as f64;
    if count == 0.0 {
        return Err(NeverMeasured(tag.name.clone()));
    }
    let (low, high) = measured().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    let mean = measured().sum::<f64>() / count;
    let deviation = (measured().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
    let width = tag.range.map_or(0.0, |range| range.high() - range.low());
    let floor = (FLOOR * low.abs().max(high.abs()).max(width)).max(1e-9);
    let constant = high - low <= 1e-9 * low.abs().max(high.abs());
    let (offset, span) = match (tag.kind, scaling) {
        (TagKind::Boolean, _) => (0.0, 1.0),
        (_, Scaling::MinMax) => (low, (high - low).max(floor)),
        (_, Scaling::Standard) => (mean, deviation.max(if constant { floor } else { 1e-3 * floor })),
    };
    Ok(Scale { tag: tag.name.clone(), offset, span, constant })
}

/// The smallest deviation a window is divided by, in normalised units.
const ROLLING_FLOOR: f32 = 0.05;

/// One window's own mean and deviation per tag, over its visible cells (paper, section 3.1, with a floor).
#[derive(Debug, Clone)]
pub(crate) struct Rolling(Vec<(f32, f32)>);

impl Rolling {
    /// From `values` and `visible`, both rows times `tags`, row-major.
    pub(crate) fn of(values: &[f32], visible: &[f32], tags: usize) -> Self {
        let one = |tag: usize| {
            let cells = || values.iter().zip(visible).skip(tag).step_by(tags);
            let count: f32 = cells().map(|(_, seen)| seen).sum::<f32>().max(1.0);
            let mean = cells().map(|(v, seen)| v * seen).sum::<f32>() / count;
            let variance = cells().map(|(v, seen)| (v - mean).powi(2) * seen).sum::<f32>() / count;
            (mean, variance.sqrt().max(ROLLING_FLOOR))
        };
        Self((0..tags).map(one).collect())
    }

    /// Standardises a cell of tag number `tag`.
    pub(crate) fn apply(&self, tag: usize, value: f32) -> f32 {
        let (mean, deviation) = self.0[tag];
        (value - mean) / deviation
    }

    /// Undoes [`apply`](Self::apply).
    pub(crate) fn invert(&self, tag: usize, value: f32) -> f32 {
        let (mean, deviation) = self.0[tag];
        value * deviation + mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::tests::{series_of, tag};

    fn fitted(scaling: Scaling, values: &[f64], kind: TagKind) -> Normalisation {
        let mut tag = tag("A");
        tag.kind = kind;
        let series = series_of(values.iter().map(|v| vec![*v]));
        Normalisation::fit((scaling, false), &[series], &[tag]).unwrap()
    }

    #[test]
    fn min_max_maps_the_training_range_to_zero_and_one_and_back() {
        let n = fitted(Scaling::MinMax, &[10.0, 20.0, 30.0], TagKind::Analog);
        assert_eq!((n.apply(0, 10.0), n.apply(0, 30.0)), (0.0, 1.0));
        assert!((n.invert(0, n.apply(0, 17.0)) - 17.0).abs() < 1e-5);
    }

    #[test]
    fn a_constant_tag_has_a_finite_scale_and_a_change_is_clipped() {
        for scaling in [Scaling::MinMax, Scaling::Standard] {
            for constant in [0.0, -40.0, 1e9] {
                let n = fitted(scaling, &[constant; 5], TagKind::Analog);
                assert!(n.scales[0].constant && n.scales[0].span > 0.0);
                assert_eq!(n.apply(0, constant), 0.0);
                assert_eq!(f64::from(n.apply(0, constant + 1e12)), CLIP);
            }
        }
    }

    #[test]
    fn a_boolean_that_was_never_on_keeps_its_scale() {
        let n = fitted(Scaling::Standard, &[0.0; 4], TagKind::Boolean);
        assert_eq!((n.apply(0, 0.0), n.apply(0, 1.0)), (0.0, 1.0));
    }

    #[test]
    fn rolling_standardisation_has_a_floor_and_comes_back() {
        let values = [1.0, 7.0, 1.0, 9.0, 1.0, 100.0];
        let visible = [1.0, 1.0, 1.0, 1.0, 1.0, 0.0];
        let rolling = Rolling::of(&values, &visible, 2);
        assert_eq!(rolling.apply(0, 1.0), 0.0);
        assert_eq!((rolling.apply(1, 7.0), rolling.apply(1, 9.0)), (-1.0, 1.0));
        assert_eq!(rolling.invert(1, rolling.apply(1, 5.0)), 5.0);
    }
}
