//! Engineering units to what the network sees, and back.

use andon_plant::{Tag, TagKind, TagName};
use serde::{Deserialize, Serialize};

use crate::series::{Series, measured};

/// How far from its usual level a value may show itself to the network, in normalised units. A broken tag must not drown
/// the others' expectations; its own residual is taken in engineering units and is not clipped.
const CLIP: f32 = 5.0;

/// Beyond this a normalised value is cut even before its window's level is known, so that sums stay finite in f32.
const FAR: f64 = 1e6;

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

/// What is taken out of each window by itself, after the training scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Levelling {
    /// Nothing.
    Nothing,
    /// Of each tag the share of the window's mean that is its [`Scale::drift`]. A temperature that wanders from day to day
    /// is judged about where it is now, and a flow that returns to its set point about the set point. Without it the
    /// drift of a pump's temperature out of its training range hides the pump's faults (mean VUS-PR of three series
    /// of skab .77 against .91); a
    /// fault that is short against the window is hardly taken out with it.
    #[default]
    Drift,
    /// The window's mean, and it is divided by the window's deviation (paper, section 3.1). It erases level shifts, and
    /// a tag that stands still has no deviation, so there is a floor.
    Standardise,
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
    /// The share of the tag's variance in training that lies between its eighths: near 1 for a tag that wanders, near 0
    /// for one that varies, in cycles or not, about a fixed level.
    pub drift: f64,
    /// Whether the tag stood still in training.
    pub constant: bool,
}

/// The scales of an asset's tags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// How the scales were found.
    pub scaling: Scaling,
    /// What is taken out of each window by itself.
    pub levelling: Levelling,
    /// One scale a tag, in the asset's order.
    pub scales: Vec<Scale>,
}

/// A tag that can't be normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NeverMeasured(pub(crate) TagName);

impl Normalisation {
    /// The scales of `tags` over the measured cells of `series`. Booleans are 0 and 1, whatever was seen of them.
    pub(crate) fn fit(
        (scaling, levelling): (Scaling, Levelling),
        series: &[Series],
        tags: &[Tag],
    ) -> Result<Self, NeverMeasured> {
        let scales =
            tags.iter().enumerate().map(|(ix, tag)| scale(scaling, series, ix, tag)).collect::<Result<_, _>>()?;
        Ok(Self { scaling, levelling, scales })
    }

    /// `value` of tag number `tag` on its training scale.
    pub(crate) fn apply(&self, tag: usize, value: f64) -> f32 {
        let scale = &self.scales[tag];
        ((value - scale.offset) / scale.span).clamp(-FAR, FAR) as f32
    }

    /// Back to the tag's unit.
    pub(crate) fn invert(&self, tag: usize, normalised: f32) -> f64 {
        let scale = &self.scales[tag];
        f64::from(normalised) * scale.span + scale.offset
    }
}

fn scale(scaling: Scaling, series: &[Series], ix: usize, tag: &Tag) -> Result<Scale, NeverMeasured> {
    let all = || series.iter().flat_map(move |s| measured(&s.rows, ix));
    let count = all().count() as f64;
    if count == 0.0 {
        return Err(NeverMeasured(tag.name.clone()));
    }
    let (low, high) = all().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    let mean = all().sum::<f64>() / count;
    let deviation = (all().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
    let width = tag.range.map_or(0.0, |range| range.high() - range.low());
    let floor = (FLOOR * low.abs().max(high.abs()).max(width)).max(1e-9);
    let constant = high - low <= 1e-9 * low.abs().max(high.abs());
    let (offset, span) = match (tag.kind, scaling) {
        (TagKind::Boolean, _) => (0.0, 1.0),
        (_, Scaling::MinMax) => (low, (high - low).max(floor)),
        (_, Scaling::Standard) => (mean, deviation.max(if constant { floor } else { 1e-3 * floor })),
    };
    let drift = if constant { 0.0 } else { drift(series, ix, mean) / deviation.powi(2) };
    Ok(Scale { tag: tag.name.clone(), offset, span, drift: drift.clamp(0.0, 1.0), constant })
}

/// The mean square, in squared units, by which the means of the eighths of a tag's history lie from its overall `mean`.
fn drift(series: &[Series], ix: usize, mean: f64) -> f64 {
    let rows: usize = series.iter().map(|s| s.rows.len()).sum();
    let eighths = series.iter().flat_map(|s| s.rows.chunks((rows / 8).max(1)));
    let (mut sum, mut weight) = (0.0, 0.0);
    for eighth in eighths {
        let (total, count) = measured(eighth, ix).fold((0.0, 0.0), |(total, count), v| (total + v, count + 1.0));
        if count > 0.0 {
            sum += count * (total / count - mean).powi(2);
            weight += count;
        }
    }
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// The smallest deviation a window is divided by, in normalised units.
const ROLLING_FLOOR: f32 = 0.05;

/// One window's own level and deviation per tag, over its visible cells.
#[derive(Debug, Clone)]
pub(crate) struct Level(Vec<(f32, f32)>);

impl Level {
    /// From normalised `values` and `visible`, both rows times tags, row-major.
    pub(crate) fn of(values: &[f32], visible: &[f32], normalisation: &Normalisation) -> Self {
        let tags = normalisation.scales.len();
        let one = |(tag, scale): (usize, &Scale)| {
            let cells = || values.iter().zip(visible).skip(tag).step_by(tags);
            let count: f32 = cells().map(|(_, seen)| seen).sum::<f32>().max(1.0);
            let mean = cells().map(|(v, seen)| v * seen).sum::<f32>() / count;
            match normalisation.levelling {
                Levelling::Nothing => (0.0, 1.0),
                Levelling::Drift => (mean * scale.drift as f32, 1.0),
                Levelling::Standardise => {
                    let variance = cells().map(|(v, seen)| (v - mean).powi(2) * seen).sum::<f32>() / count;
                    (mean, variance.sqrt().max(ROLLING_FLOOR))
                }
            }
        };
        Self(normalisation.scales.iter().enumerate().map(one).collect())
    }

    /// What the network sees of a normalised cell of tag number `tag`.
    pub(crate) fn apply(&self, tag: usize, value: f32) -> f32 {
        let (level, deviation) = self.0[tag];
        ((value - level) / deviation).clamp(-CLIP, CLIP)
    }

    /// Undoes [`apply`](Self::apply), but for the clipping.
    pub(crate) fn invert(&self, tag: usize, value: f32) -> f32 {
        let (level, deviation) = self.0[tag];
        value * deviation + level
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
        Normalisation::fit((scaling, Levelling::Drift), &[series], &[tag]).unwrap()
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
                let level = Level::of(&[0.0; 4], &[1.0; 4], &n);
                assert_eq!(level.apply(0, n.apply(0, constant + 1e12)), CLIP);
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
        let series = series_of([vec![0.0, 0.0], vec![1.0, 1.0]]);
        let kind = (Scaling::MinMax, Levelling::Standardise);
        let n = Normalisation::fit(kind, &[series], &[tag("A"), tag("B")]).unwrap();
        let level = Level::of(&[1.0, 7.0, 1.0, 9.0, 1.0, 100.0], &[1.0, 1.0, 1.0, 1.0, 1.0, 0.0], &n);
        assert_eq!(level.apply(0, 1.0), 0.0);
        assert_eq!((level.apply(1, 7.0), level.apply(1, 9.0)), (-1.0, 1.0));
        assert_eq!(level.invert(1, level.apply(1, 5.0)), 5.0);
    }

    #[test]
    fn a_tag_that_wanders_has_drift_and_one_that_cycles_has_none() {
        let rows = (0..800).map(|t| vec![f64::from(t) / 100.0, (f64::from(t) / 5.0).sin(), 4.0]);
        let kind = (Scaling::Standard, Levelling::Drift);
        let n = Normalisation::fit(kind, &[series_of(rows)], &[tag("A"), tag("B"), tag("C")]).unwrap();
        let drift: Vec<f64> = n.scales.iter().map(|s| s.drift).collect();
        assert!(drift[0] > 0.95 && drift[1] < 0.05 && drift[2] == 0.0, "{drift:?}");
    }
}
