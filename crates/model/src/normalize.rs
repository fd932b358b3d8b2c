//! Engineering units to what the network sees, and back.

use std::collections::{BTreeMap, VecDeque};

use andon_plant::{Tag, TagKind, TagName, windower::Row};
use serde::{Deserialize, Serialize};

use crate::{
    encode::{Count, Features, STATES},
    series::{Series, measured},
};

/// How far from its usual level a value may show itself to the network, in normalised units. A broken tag must not drown
/// the others' expectations; its own residual is taken in engineering units and is not clipped.
const CLIP: f32 = 20.0;

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

/// What is taken out of each row after the training scale, from the window's length of rows up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Levelling {
    /// Nothing.
    Nothing,
    /// Of each tag the share of those rows' mean that is its [`Scale::drift`]. A temperature that wanders from day to day
    /// is judged about where it is now, and a flow that returns to its set point about the set point. Without it the
    /// drift of a pump's temperature out of its training range hides the pump's faults (mean VUS-PR of three series
    /// of skab .77 against .91); a
    /// fault that is short against the window is hardly taken out with it.
    #[default]
    Drift,
    /// Those rows' mean, and it is divided by their deviation (paper, section 3.1). It erases level shifts, and
    /// a tag that stands still has no deviation, so there is a floor.
    Standardise,
}

/// One tag's columns and their scale: normalised = (value - offset) / span, of a counter its rise a row.
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
    /// Whether the tag stood still in training (a counter: rose evenly). Then the network has no column for it.
    pub constant: bool,
    /// The columns the network has for it.
    pub features: Features,
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
    /// The scales of `tags` over the measured cells of `series`.
    pub(crate) fn fit(
        (scaling, levelling): (Scaling, Levelling),
        series: &[Series],
        tags: &[Tag],
    ) -> Result<Self, NeverMeasured> {
        let scales = tags.iter().enumerate().map(|(ix, tag)| {
            let columns: Vec<Column> = series.iter().map(|s| column(&s.rows, ix, tag)).collect();
            scale(scaling, &columns, tag)
        });
        Ok(Self { scaling, levelling, scales: scales.collect::<Result<_, _>>()? })
    }

    /// How many columns the network has.
    pub fn width(&self) -> usize {
        self.scales.iter().map(Scale::width).sum()
    }

    /// The tags that have columns, in order.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &Scale> {
        self.scales.iter().filter(|scale| scale.width() > 0)
    }

    /// The tags that stood still in training.
    pub fn constant(&self) -> impl Iterator<Item = &TagName> {
        self.scales.iter().filter(|scale| scale.constant).map(|scale| &scale.tag)
    }
}

impl Scale {
    /// `value` on the training scale.
    pub(crate) fn apply(&self, value: f64) -> f32 {
        ((value - self.offset) / self.span).clamp(-FAR, FAR) as f32
    }

    /// Back to the tag's unit.
    pub(crate) fn invert(&self, normalised: f32) -> f64 {
        f64::from(normalised) * self.span + self.offset
    }
}

/// What was measured of a tag, row by row: its value, of a counter its rise.
type Column = Vec<Option<f64>>;

fn column(rows: &[Row], ix: usize, tag: &Tag) -> Column {
    let mut count = Count::default();
    let cells = rows.iter().map(|row| measured(row, ix));
    let values = cells.map(|value| match tag.kind {
        TagKind::Counter => count.push(value, tag.range).map(|rise| rise.by),
        _ => value,
    });
    values.collect()
}

fn scale(scaling: Scaling, columns: &[Column], tag: &Tag) -> Result<Scale, NeverMeasured> {
    let all = || columns.iter().flatten().flatten().copied();
    let count = all().count() as f64;
    if count == 0.0 {
        return Err(NeverMeasured(tag.name.clone()));
    }
    let (low, high) = all().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    let constant = high - low <= 1e-9 * low.abs().max(high.abs());
    let of = |offset, span, drift: f64, features| {
        Ok(Scale { tag: tag.name.clone(), offset, span, drift: drift.clamp(0.0, 1.0), constant, features })
    };
    let features = match tag.kind {
        TagKind::Boolean | TagKind::Enum => return of(0.0, 1.0, 0.0, states(all())),
        TagKind::Counter => Features::Increment { range: tag.range },
        TagKind::Analog => Features::Value,
    };
    let mean = all().sum::<f64>() / count;
    let deviation = (all().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
    let width = tag.range.map_or(0.0, |range| range.high() - range.low());
    let floor = (FLOOR * low.abs().max(high.abs()).max(width)).max(1e-9);
    let (offset, span) = match scaling {
        Scaling::MinMax => (low, (high - low).max(floor)),
        Scaling::Standard => (mean, deviation.max(if constant { floor } else { 1e-3 * floor })),
    };
    let drift = if constant { 0.0 } else { drift(columns, mean) / deviation.powi(2) };
    of(offset, span, drift, features)
}

/// A column for each state, by code; of very many for the most frequent ones, and one more for the rest.
fn states(values: impl Iterator<Item = f64>) -> Features {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value.round() as i64).or_default() += 1);
    let other = counts.len() > STATES;
    let mut states: Vec<i64> = counts.keys().copied().collect();
    if other {
        states.sort_by_key(|state| std::cmp::Reverse(counts[state]));
        states.truncate(STATES - 1);
        states.sort_unstable();
    }
    Features::States { states, other }
}

/// The mean square, in squared units, by which the means of the eighths of a tag's history lie from its overall `mean`.
fn drift(columns: &[Column], mean: f64) -> f64 {
    let rows: usize = columns.iter().map(Vec::len).sum();
    let eighths = columns.iter().flat_map(|column| column.chunks((rows / 8).max(1)));
    let (mut sum, mut weight) = (0.0, 0.0);
    for eighth in eighths {
        let (total, count) = eighth.iter().flatten().fold((0.0, 0.0), |(total, count), v| (total + v, count + 1.0));
        if count > 0.0 {
            sum += count * (total / count - mean).powi(2);
            weight += count;
        }
    }
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// The smallest deviation a row is divided by, in normalised units.
const ROLLING_FLOOR: f32 = 0.05;

/// What the network is shown of each row as rows come in: every column less its level, the mean of its visible cells in
/// the last rows, and where it is hidden the last that was visible.
///
/// It only looks back, so that what the network is shown of a row never changes.
#[derive(Debug, Clone)]
pub(crate) struct Leveller {
    span: usize,
    levelling: Levelling,
    /// A column each; none for a state, which has no level.
    drift: Vec<Option<f64>>,
    /// The last `span` rows, oldest first: the columns' values, zero where hidden, then their visibility.
    rows: VecDeque<Vec<f32>>,
    /// Over `rows`, a column each: how many are visible, their sum, and that of their squares.
    sums: Vec<[f64; 3]>,
    /// Each column's last visible value, 0 before the first.
    held: Vec<f32>,
}

/// What one row is levelled by, a level and a deviation per column.
#[derive(Debug, Clone)]
pub(crate) struct Level(Vec<(f32, f32)>);

impl Leveller {
    /// Over `span` rows.
    pub(crate) fn new(normalisation: &Normalisation, span: usize) -> Self {
        let drift = normalisation.shown().flat_map(|scale| {
            let drift = (!matches!(scale.features, Features::States { .. })).then_some(scale.drift);
            std::iter::repeat_n(drift, scale.width())
        });
        let drift: Vec<Option<f64>> = drift.collect();
        let (sums, held) = (vec![[0.0; 3]; drift.len()], vec![0.0; drift.len()]);
        Self { span, levelling: normalisation.levelling, drift, rows: VecDeque::with_capacity(span), sums, held }
    }

    /// Takes the next row of normalised `values`, of which those count where `visible` is 1, appends to `cells` what the
    /// network is shown of it, the values and then their visibility, and returns its level.
    pub(crate) fn show(&mut self, values: &[f32], visible: &[f32], cells: &mut Vec<f32>) -> Level {
        let level = self.push(values, visible);
        cells.extend(self.held.iter().enumerate().map(|(column, v)| level.apply(column, *v)));
        cells.extend_from_slice(visible);
        level
    }

    /// The same for a row that is not shown.
    pub(crate) fn push(&mut self, values: &[f32], visible: &[f32]) -> Level {
        let known = self.held.iter_mut().zip(values.iter().zip(visible)).filter(|(_, (_, seen))| **seen > 0.0);
        known.for_each(|(held, (value, _))| *held = *value);
        if self.rows.len() == self.span
            && let Some(oldest) = self.rows.pop_front()
        {
            self.add(&oldest, -1.0);
        }
        // A single value out of all proportion must not move the level for as long as it is remembered.
        let counted = values.iter().zip(visible).map(|(v, seen)| v.clamp(-CLIP, CLIP) * seen);
        let row: Vec<f32> = counted.chain(visible.iter().copied()).collect();
        self.add(&row, 1.0);
        self.rows.push_back(row);
        Level(self.sums.iter().zip(&self.drift).map(|(sums, drift)| self.level(sums, *drift)).collect())
    }

    fn add(&mut self, row: &[f32], sign: f64) {
        let (values, visible) = row.split_at(self.sums.len());
        for (sums, (value, seen)) in self.sums.iter_mut().zip(values.iter().zip(visible)) {
            let value = f64::from(*value);
            sums[0] += sign * f64::from(*seen);
            sums[1] += sign * value;
            sums[2] += sign * value * value;
        }
    }

    fn level(&self, [count, sum, squares]: &[f64; 3], drift: Option<f64>) -> (f32, f32) {
        let Some(drift) = drift else { return (0.0, 1.0) };
        let count = count.max(1.0);
        let mean = sum / count;
        match self.levelling {
            Levelling::Nothing => (0.0, 1.0),
            Levelling::Drift => ((mean * drift) as f32, 1.0),
            Levelling::Standardise => {
                let variance = (squares / count - mean * mean).max(0.0);
                (mean as f32, (variance.sqrt() as f32).max(ROLLING_FLOOR))
            }
        }
    }
}

impl Level {
    /// What the network sees of a normalised cell of column number `column`.
    pub(crate) fn apply(&self, column: usize, value: f32) -> f32 {
        let (level, deviation) = self.0[column];
        ((value - level) / deviation).clamp(-CLIP, CLIP)
    }

    /// Undoes [`apply`](Self::apply), but for the clipping.
    pub(crate) fn invert(&self, column: usize, value: f32) -> f32 {
        let (level, deviation) = self.0[column];
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
        let scale = &n.scales[0];
        assert_eq!((scale.apply(10.0), scale.apply(30.0)), (0.0, 1.0));
        assert!((scale.invert(scale.apply(17.0)) - 17.0).abs() < 1e-5);
    }

    #[test]
    fn a_constant_tag_has_a_finite_scale_and_is_listed() {
        for scaling in [Scaling::MinMax, Scaling::Standard] {
            for constant in [0.0, -40.0, 1e9] {
                let n = fitted(scaling, &[constant; 5], TagKind::Analog);
                assert!(n.constant().eq([&tag("A").name]) && n.scales[0].span > 0.0);
                assert_eq!(n.scales[0].invert(0.0), constant);
                assert!(n.scales[0].apply(constant + 1e12).is_finite());
            }
        }
    }

    #[test]
    fn a_far_value_is_clipped_and_a_state_is_not_levelled() {
        for levelling in [Levelling::Drift, Levelling::Standardise] {
            let series = series_of((0..40).map(|t| vec![f64::from(t), f64::from(t / 20)]));
            let tags = [tag("A"), Tag { kind: TagKind::Boolean, ..tag("B") }];
            let n = Normalisation::fit((Scaling::Standard, levelling), &[series], &tags).unwrap();
            let mut leveller = Leveller::new(&n, 4);
            leveller.push(&[0.0, 0.0, 1.0], &[1.0; 3]);
            let level = leveller.push(&[0.0, 0.0, 1.0], &[1.0; 3]);
            assert_eq!(level.apply(0, 1e5), CLIP);
            assert_eq!((level.apply(1, 0.0), level.apply(2, 1.0)), (0.0, 1.0));
        }
    }

    #[test]
    fn rolling_standardisation_has_a_floor_and_comes_back() {
        let series = series_of([vec![0.0, 0.0], vec![1.0, 1.0]]);
        let kind = (Scaling::MinMax, Levelling::Standardise);
        let n = Normalisation::fit(kind, &[series], &[tag("A"), tag("B")]).unwrap();
        let mut leveller = Leveller::new(&n, 2);
        leveller.push(&[50.0, 60.0], &[1.0, 1.0]);
        leveller.push(&[1.0, 7.0], &[1.0, 1.0]);
        let level = leveller.push(&[1.0, 9.0], &[1.0, 1.0]);
        assert_eq!(level.apply(0, 1.0), 0.0);
        assert_eq!((level.apply(1, 7.0), level.apply(1, 9.0)), (-1.0, 1.0));
        assert_eq!(level.invert(1, level.apply(1, 5.0)), 5.0);
        let level = leveller.push(&[1.0, 100.0], &[1.0, 0.0]);
        assert_eq!(level.invert(1, 0.0), 9.0);
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
