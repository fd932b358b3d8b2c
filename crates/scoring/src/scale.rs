//! Each tag's robust scale of the residual, and the band around the expected value that is normal.

use serde::{Deserialize, Serialize};

/// The median absolute deviation of a normal distribution, as a share of its standard deviation.
pub(crate) const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;
/// The scale is at least this share of the standard deviation: a tag that hardly ever moves has a median absolute
/// deviation of nothing, and its every move would be a catastrophe.
const SIGMA_SHARE: f64 = 0.3;
/// The band holds at least this many scales on either side: the 99.9 % interval of a normal distribution.
const BAND_SCALES: f64 = 3.29;
/// The band holds this share of the calibration rows.
const BAND_SHARE: f64 = 0.999;
/// Up to this many scales a residual counts in full, beyond it by its logarithm: one wild tag should not drown the rest,
/// and its square must stay finite. (Mean VUS-PR over five data sets: .813 with 8, .808 with 20.)
const KNEE: f64 = 8.0;

/// The scales of all tags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TagScales(Vec<TagScale>);

/// One tag's residual on calibration data, in the tag's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TagScale {
    /// The median residual.
    pub centre: f64,
    /// The robust standard deviation; 0 if the residual never varied, so that nothing can be said of this tag.
    pub scale: f64,
    /// Half the width of the normal band.
    pub reach: f64,
}

impl TagScales {
    /// Scales of `tags` tags from `residuals` (n rows; NaN where nothing was measured).
    pub(crate) fn fit(residuals: &[Vec<f64>], tags: usize) -> Self {
        let column = |j: usize| residuals.iter().map(|r| r[j]).filter(|x| x.is_finite()).collect();
        Self((0..tags).map(|j| TagScale::fit(column(j))).collect())
    }

    /// One entry a tag.
    pub fn tags(&self) -> &[TagScale] {
        &self.0
    }

    /// The normal band of each tag: what to add to the expected value for its lower and its upper edge.
    pub(crate) fn bands(&self) -> Vec<(f64, f64)> {
        self.0.iter().map(|t| (t.centre - t.reach, t.centre + t.reach)).collect()
    }

    /// Residuals in scales, one a tag; NaN where nothing was measured or the tag has no scale.
    pub(crate) fn scaled(&self, residual: &[f64]) -> Vec<f64> {
        self.0.iter().zip(residual).map(|(t, r)| t.scaled(*r)).collect()
    }

    /// [`scaled`](Self::scaled), with what is far bent.
    pub(crate) fn bent(&self, residual: &[f64]) -> Vec<f64> {
        self.scaled(residual).into_iter().map(bent).collect()
    }
}

impl TagScale {
    fn fit(mut values: Vec<f64>) -> Self {
        let centre = median(&mut values);
        let mut away: Vec<f64> = values.iter().map(|x| (x - centre).abs()).collect();
        let sigma = (away.iter().map(|a| a * a).sum::<f64>() / away.len().max(1) as f64).sqrt();
        let mad = median(&mut away);
        let largest = values.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        // Rounding alone moves a constant tag by this much.
        let moves = sigma > 1e-9 * largest && sigma.is_normal();
        let scale = if moves { (MAD_TO_SIGMA * mad).max(SIGMA_SHARE * sigma) } else { 0.0 };
        let rank = (BAND_SHARE * away.len() as f64).ceil() as usize;
        let reach = away.get(rank.saturating_sub(1)).copied().unwrap_or(0.0).max(BAND_SCALES * scale);
        Self { centre, scale, reach }
    }

    fn scaled(&self, residual: f64) -> f64 {
        if self.scale == 0.0 { f64::NAN } else { (residual - self.centre) / self.scale }
    }
}

/// A residual in scales, unchanged up to the knee, beyond it by its logarithm.
pub(crate) fn bent(z: f64) -> f64 {
    let beyond = z.abs() / KNEE;
    if beyond > 1.0 { z.signum() * KNEE * (1.0 + beyond.ln()) } else { z }
}

/// The median; sorts `values`. 0 if there are none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => 0.0,
        _ => (values[(n - 1) / 2] + values[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> TagScale {
        TagScale::fit(values.to_vec())
    }

    #[test]
    fn the_scale_of_normal_noise_is_its_standard_deviation() {
        use rand::SeedableRng;
        use rand_distr::{Distribution, Normal};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let values: Vec<f64> = Normal::new(3.0, 2.0).unwrap().sample_iter(&mut rng).take(20_000).collect();
        let tag = of(&values);
        assert!((tag.scale - 2.0).abs() < 0.05 && (tag.centre - 3.0).abs() < 0.05, "{tag:?}");
        assert!((tag.reach - 6.6).abs() < 0.5, "{tag:?}");
    }

    #[test]
    fn a_constant_tag_says_nothing() {
        let tag = of(&[0.1; 50]);
        assert_eq!((tag.scale, tag.reach), (0.0, 0.0));
        assert!(tag.scaled(7.0).is_nan());
        assert!(of(&[]).scaled(1.0).is_nan());
    }

    #[test]
    fn a_tag_that_hardly_ever_moves_is_not_infinitely_sensitive() {
        let mut values = vec![0.0; 100];
        values[7] = 10.0;
        assert!((of(&values).scale - 0.3).abs() < 1e-9);
    }

    #[test]
    fn far_residuals_still_rise() {
        let tag = of(&[-1.0, 0.0, 1.0]);
        let z: Vec<f64> = [1.0, 10.0, 1e3, 1e9, 1e300].map(|r| bent(tag.scaled(r))).to_vec();
        assert!(z.windows(2).all(|w| w[0] < w[1]) && z[4] < 1e4, "{z:?}");
        assert_eq!(bent(tag.scaled(-1e3)), -z[2]);
    }
}
