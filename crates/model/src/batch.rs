//! Windows laid out as the network takes them.

use candle_core::{Device, Result, Tensor};

use crate::{
    mask::MaskSettings,
    normalize::{Level, Normalisation},
    series::{Material, Place},
};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// The shape of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) rows: usize,
    pub(crate) tags: usize,
}

/// Appends a window to `cells`: in each row the tags' values, zero where hidden, then their visibility.
///
/// `values` and `visible` are rows times tags, row-major.
pub(crate) fn lay(cells: &mut Vec<f32>, values: &[f32], visible: &[f32], tags: usize) {
    for (values, visible) in values.chunks_exact(tags).zip(visible.chunks_exact(tags)) {
        cells.extend(values.iter().zip(visible).map(|(v, seen)| v * seen));
        cells.extend_from_slice(visible);
    }
}

/// The tensor of `cells` that [`lay`] filled: (batch, rows, 2 tags).
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

    /// Appends one window: what is shown, the truth, and what each cell counts. Noise and falsification change what is
    /// shown and never the truth.
    fn lesson(
        &self,
        place: Place,
        rng: &mut impl Rng,
        (cells, truth, weights): (&mut Vec<f32>, &mut Vec<f32>, &mut Vec<f32>),
    ) {
        let Shape { rows, tags } = self.shape;
        let span = place.start * tags..(place.start + rows) * tags;
        let material = &self.material[place.series];
        let known = &material.known[span.clone()];
        let hidden = self.mask.draw(rows, tags, rng);
        let visible: Vec<f32> = known.iter().zip(&hidden).map(|(k, h)| if *h { 0.0 } else { *k }).collect();
        let moves = self.mask.falsify(rows, tags, rng);
        let values = &material.values[span];
        let shown: Vec<f32> = values.iter().zip(&moves).map(|(v, by)| v + by).collect();
        let level = Level::of(&shown, &visible, self.normalisation);
        let noisy: Vec<f32> = shown
            .iter()
            .enumerate()
            .map(|(ix, v)| {
                let noise: f32 = StandardNormal.sample(rng);
                level.apply(ix % tags, *v) + self.mask.noise as f32 * noise
            })
            .collect();
        lay(cells, &noisy, &visible, tags);
        let seen = self.mask.seen_weight as f32;
        weights.extend((0..rows * tags).map(|ix| {
            let counts = ix / tags >= place.counts_from;
            let lesson = hidden[ix] || moves[ix] != 0.0;
            if counts { known[ix] * if lesson { 1.0 } else { seen } } else { 0.0 }
        }));
        truth.extend(values.iter().enumerate().map(|(ix, v)| level.apply(ix % tags, *v)));
    }
}

#[cfg(test)]
mod tests {
    use andon_plant::Fill;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{
        normalize::{Levelling, Scaling},
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
        assert_eq!((cells[5 * 4 + 1], cells[5 * 4 + 3]), (0.0, 0.0));
    }

    #[test]
    fn rows_before_counts_from_are_shown_but_not_asked_for() {
        let (cells, _, weights) = lessons_of(0.0);
        assert!(weights[..8].iter().all(|w| *w == 0.0) && weights[8..].iter().any(|w| *w > 0.0));
        assert!(cells[..16].iter().any(|c| *c != 0.0));
    }
}
