//! Windows laid out as the network takes them.

use candle_core::{Device, Result, Tensor};

use crate::{
    mask::MaskSettings,
    normalize::{Level, Leveller, Levelling, Normalisation, Scale},
    series::{Material, Place},
};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// The shape of a window as the network sees it: what it calls a tag is a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) rows: usize,
    pub(crate) tags: usize,
}

/// The tensor of `cells` that [`Leveller::show`] filled: (batch, rows, 2 tags).
pub(crate) fn tensor_of(cells: Vec<f32>, shape: Shape, device: &Device) -> Result<Tensor> {
    let batch = cells.len() / (shape.rows * 2 * shape.tags);
    Tensor::from_vec(cells, (batch, shape.rows, 2 * shape.tags), device)
}

/// Lessons: windows with hidden cells, the truth, and how much each cell counts.
#[derive(Debug)]
pub(crate) struct Batch {
    /// (batch, rows, 2 tags).
    pub(crate) cells: Tensor,
    /// (batch, rows, tags).
    pub(crate) truth: Tensor,
    /// (batch, rows, tags): 0 where not measured, 1 where hidden, in between where visible.
    pub(crate) weights: Tensor,
}

/// Makes lessons from a plant's history.
pub(crate) struct Lessons<'a> {
    pub(crate) material: &'a [Material],
    pub(crate) shape: Shape,
    pub(crate) mask: &'a MaskSettings,
    pub(crate) normalisation: &'a Normalisation,
    pub(crate) device: &'a Device,
}

impl Lessons<'_> {
    /// The windows at `places`, with masks and noise drawn from `rng`.
    pub(crate) fn batch(&self, places: &[Place], rng: &mut impl Rng) -> Result<Batch> {
        let size = places.len() * self.shape.rows * self.shape.tags;
        let (mut cells, mut truth, mut weights) =
            (Vec::with_capacity(2 * size), Vec::with_capacity(size), Vec::with_capacity(size));
        for place in places {
            self.lesson(*place, rng, (&mut cells, &mut truth, &mut weights));
        }
        let shape = (places.len(), self.shape.rows, self.shape.tags);
        Ok(Batch {
            cells: tensor_of(cells, self.shape, self.device)?,
            truth: Tensor::from_vec(truth, shape, self.device)?,
            weights: Tensor::from_vec(weights, shape, self.device)?,
        })
    }

    /// The rows that train, for what is solved and not learned. Where rows are rescaled one by one they are as the network is
    /// shown them; otherwise each series is less one level, that of all its rows. A tag that is less the level of its last
    /// rows always returns to zero, and what is solved from that follows a drift too late (VUS-PR .834 against .847, mean of
    /// four sets' means).
    pub(crate) fn to_solve(&self) -> Vec<Material> {
        let tags = self.shape.tags;
        let one_by_one = self.normalisation.levelling == Levelling::Standardise;
        let shown = |m: &Material| {
            let mut older = m.before(m.split);
            let span = if one_by_one { self.shape.rows } else { older.rows };
            let mut leveller = Leveller::new(self.normalisation, span);
            let rows = older.values.chunks_exact(tags).zip(older.known.chunks_exact(tags));
            let levels: Vec<Level> = rows.map(|(values, known)| leveller.push(values, known)).collect();
            for (row, values) in older.values.chunks_exact_mut(tags).enumerate() {
                let level = &levels[if one_by_one { row } else { levels.len() - 1 }];
                values.iter_mut().enumerate().for_each(|(column, v)| *v = level.apply(column, *v));
            }
            older
        };
        self.material.iter().map(shown).collect()
    }

    /// Appends one window: what is shown, the truth, and what each cell counts. Noise and falsification change what is
    /// shown and never the truth. Levels look back beyond the window's first row, as they do while a plant runs.
    fn lesson(
        &self,
        place: Place,
        rng: &mut impl Rng,
        (cells, truth, weights): (&mut Vec<f32>, &mut Vec<f32>, &mut Vec<f32>),
    ) {
        let Shape { rows, tags } = self.shape;
        let span = place.start * tags..(place.start + rows) * tags;
        let material = &self.material[place.series];
        let (values, known) = (&material.values[span.clone()], &material.known[span]);
        let owners = self.owners();
        let count = owners.last().map_or(0, |(owner, _)| owner + 1);
        let (hidden, moves) = (self.mask.draw(rows, count, rng), self.mask.falsify(rows, count, rng));
        let cell = |ix: usize| ix / tags * count + owners[ix % tags].0;
        let visible: Vec<f32> =
            known.iter().enumerate().map(|(ix, k)| if hidden[cell(ix)] { 0.0 } else { *k }).collect();
        let shown = self.falsified(values, &moves);
        let (mut leveller, noise) = (self.before(place), self.mask.noise as f32);
        for row in 0..rows {
            let at = row * tags..(row + 1) * tags;
            let (shown, visible) = (&shown[at.clone()], &visible[at.clone()]);
            let level = leveller.show(shown, visible, cells);
            let begun = cells.len() - 2 * tags;
            for cell in &mut cells[begun..begun + tags] {
                let draw: f32 = StandardNormal.sample(rng);
                *cell += noise * draw;
            }
            truth.extend(values[at].iter().enumerate().map(|(tag, v)| level.apply(tag, *v)));
        }
        let seen = self.mask.seen_weight as f32;
        weights.extend((0..rows * tags).map(|ix| {
            let counts = ix / tags >= place.counts_from;
            let lesson = hidden[cell(ix)] || moves[cell(ix)] != 0.0;
            if counts { known[ix] * owners[ix % tags].1 * if lesson { 1.0 } else { seen } } else { 0.0 }
        }));
    }

    /// For each column which of the tags that have columns it belongs to, and its share of that tag: a tag is hidden and
    /// falsified as a whole, and counts as much with many columns as with one.
    fn owners(&self) -> Vec<(usize, f32)> {
        let tags = self.normalisation.shown().map(Scale::width).enumerate();
        tags.flat_map(|(tag, width)| std::iter::repeat_n((tag, 1.0 / width as f32), width)).collect()
    }

    /// A window's `values` with each tag's columns falsified where its move, rows times tags that have columns, is not 0.
    fn falsified(&self, values: &[f32], moves: &[f32]) -> Vec<f32> {
        let mut shown = values.to_vec();
        let mut rest = &mut shown[..];
        for (scale, by) in std::iter::repeat_with(|| self.normalisation.shown()).flatten().zip(moves) {
            let (columns, after) = rest.split_at_mut(scale.width());
            if *by != 0.0 {
                scale.falsify(*by, columns);
            }
            rest = after;
        }
        shown
    }

    /// The leveller as the rows before `place` leave it.
    fn before(&self, place: Place) -> Leveller {
        let Shape { rows, tags } = self.shape;
        let material = &self.material[place.series];
        let mut leveller = Leveller::new(self.normalisation, rows);
        for row in place.start.saturating_sub(rows - 1)..place.start {
            let at = row * tags..(row + 1) * tags;
            leveller.push(&material.values[at.clone()], &material.known[at]);
        }
        leveller
    }
}

#[cfg(test)]
mod tests {
    use andon_plant::{Fill, Tag, TagKind};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{
        normalize::Scaling,
        series::tests::{series_of, tag},
    };

    fn lessons_of(imputed: f64) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let mut series = series_of((0..20).map(|s| vec![s as f64, -(s as f64)]));
        series.rows[7].values[1] = imputed;
        series.rows[7].fill[1] = Fill::Interpolated;
        let tags = [tag("A"), tag("B")];
        let kind = (Scaling::Standard, Levelling::Drift);
        let normalisation = Normalisation::fit(kind, std::slice::from_ref(&series), &tags).unwrap();
        let material = [Material::new(&series, &normalisation, 10, 0.2)];
        let mask = MaskSettings::default();
        let shape = Shape { rows: 10, tags: 2 };
        let lessons =
            Lessons { material: &material, shape, mask: &mask, normalisation: &normalisation, device: &Device::Cpu };
        let place = Place { series: 0, start: 2, counts_from: 4 };
        let batch = lessons.batch(&[place], &mut ChaCha8Rng::seed_from_u64(9)).unwrap();
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1().unwrap();
        (flat(&batch.cells), flat(&batch.truth), flat(&batch.weights))
    }

    #[test]
    fn an_imputed_cell_neither_shows_nor_counts() {
        assert_eq!(lessons_of(3.0), lessons_of(1e6));
        let (cells, _, weights) = lessons_of(3.0);
        assert_eq!(weights[5 * 2 + 1], 0.0);
        assert_eq!(cells[5 * 4 + 3], 0.0);
    }

    #[test]
    fn a_state_is_hidden_and_falsified_whole_and_weighs_as_one_tag() {
        let series = series_of((0..40).map(|s| vec![s as f64, f64::from(s % 3)]));
        let tags = [tag("A"), Tag { kind: TagKind::Enum, ..tag("B") }];
        let kind = (Scaling::Standard, Levelling::Drift);
        let normalisation = Normalisation::fit(kind, std::slice::from_ref(&series), &tags).unwrap();
        let material = [Material::new(&series, &normalisation, 10, 0.2)];
        let mask = MaskSettings { noise: 0.0, ..MaskSettings::default() };
        let shape = Shape { rows: 10, tags: 4 };
        let lessons =
            Lessons { material: &material, shape, mask: &mask, normalisation: &normalisation, device: &Device::Cpu };
        let place = Place { series: 0, start: 0, counts_from: 0 };
        let batch = lessons.batch(&[place; 30], &mut ChaCha8Rng::seed_from_u64(9)).unwrap();
        let cells: Vec<f32> = batch.cells.flatten_all().unwrap().to_vec1().unwrap();
        let weights: Vec<f32> = batch.weights.flatten_all().unwrap().to_vec1().unwrap();
        let mut moved = 0;
        for (ix, (row, weights)) in cells.chunks(8).zip(weights.chunks(4)).enumerate() {
            let (shown, visible) = (&row[1..4], &row[5..8]);
            assert!(visible.iter().all(|v| *v == visible[0]), "{row:?}");
            let states = shown.iter().sum::<f32>();
            assert!(states == 1.0 || (states, visible[0]) == (0.0, 0.0), "one state is shown, or none yet: {row:?}");
            assert!(weights[1..].iter().all(|w| *w == weights[1] && *w <= 0.334), "{weights:?}");
            moved += usize::from(visible[0] == 1.0 && shown[ix % 10 % 3] == 0.0);
        }
        assert!(moved > 0);
    }

    #[test]
    fn rows_before_counts_from_are_shown_but_not_asked_for() {
        let (cells, _, weights) = lessons_of(0.0);
        assert!(weights[..8].iter().all(|w| *w == 0.0) && weights[8..].iter().any(|w| *w > 0.0));
        assert!(cells[..16].iter().any(|c| *c != 0.0));
    }
}
