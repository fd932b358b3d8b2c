//! The probabilistic score: how unlikely a row of residuals is under the mixture of its operating mode.

use serde::{Deserialize, Serialize};

use crate::{
    effective::effective_rows,
    gmm::{Covariance, Gmm, GmmError, GmmParams},
    pooling::Pooling,
};

/// What is added to every variance of scaled residuals: a tag that stands still in one mode has a fifth of its usual
/// scale there, not none.
const VARIANCE_FLOOR: f64 = 0.05;
/// Rows that are enough to say what a tag usually adds.
const NEUTRAL_ROWS: usize = 500;

/// One residual mixture a mode, and one of all rows for where the mode is not known or has too few rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Likelihood {
    everywhere: ModeLikelihood,
    modes: Vec<Option<ModeLikelihood>>,
}

/// What [`Likelihood::fit`] is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LikelihoodParams {
    /// The most components of one mode's mixture.
    pub(crate) components: usize,
    /// Which modes have a mixture of their own.
    pub(crate) pooling: Pooling,
    pub(crate) seed: u64,
}

impl Likelihood {
    /// Mixtures of `rows` (n x d residuals in scales, NaN where nothing was measured), each row with its mode's number.
    pub(crate) fn fit(rows: &[Vec<f64>], modes: &[Option<usize>], params: &LikelihoodParams) -> Result<Self, GmmError> {
        let of_mode = |mode: usize| -> Result<Option<ModeLikelihood>, GmmError> {
            let own: Vec<Vec<f64>> =
                rows.iter().zip(modes).filter(|(_, m)| **m == Some(mode)).map(|(r, _)| r.clone()).collect();
            params
                .pooling
                .stands_alone(mode, own.len(), rows.len())
                .then(|| ModeLikelihood::fit(&own, params))
                .transpose()
        };
        let own = (0..params.pooling.places).map(of_mode).collect::<Result<_, _>>()?;
        let pooled = rows.iter().zip(modes).filter(|(_, m)| params.pooling.is_pooled(**m));
        let pooled: Vec<Vec<f64>> = pooled.map(|(r, _)| r.clone()).collect();
        Ok(Self { everywhere: ModeLikelihood::fit(&pooled, params)?, modes: own })
    }

    /// The negative log-likelihood of a row under its mode's mixture, less its median and divided by its spread on that
    /// mode's calibration rows, so that it means the same in every mode.
    pub(crate) fn statistic(&self, row: &[f64], mode: Option<usize>) -> f64 {
        let own = self.of(mode);
        (own.surprise(row) - own.centre) / own.spread
    }

    fn of(&self, mode: Option<usize>) -> &ModeLikelihood {
        mode.and_then(|m| self.modes.get(m)?.as_ref()).unwrap_or(&self.everywhere)
    }
}

/// One mode's mixture and what is usual of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ModeLikelihood {
    mixture: Gmm,
    /// What each tag adds to the negative log-likelihood on average, in nats. It stands in for a tag that was not
    /// measured, which then neither raises nor lowers the statistic.
    neutral: Vec<f64>,
    /// The median negative log-likelihood of calibration rows, in nats.
    centre: f64,
    /// The distance from the median to the 84 % quantile, in nats; for normal noise one standard deviation.
    spread: f64,
}

impl ModeLikelihood {
    fn fit(rows: &[Vec<f64>], params: &LikelihoodParams) -> Result<Self, GmmError> {
        let gmm = GmmParams {
            max_components: params.components,
            covariance: Covariance::Tied,
            restarts: 3,
            iterations: 100,
            variance_floor: VARIANCE_FLOOR,
        };
        let mixture = gmm.check()?.fit(rows, effective_rows(rows), params.seed)?;
        let neutral = neutral(&mixture, rows);
        let mut it = Self { mixture, neutral, centre: 0.0, spread: 1.0 };
        let mut usual: Vec<f64> = rows.iter().map(|r| it.surprise(r)).collect();
        usual.sort_by(f64::total_cmp);
        let at = |share: f64| usual[((usual.len() - 1) as f64 * share).round() as usize];
        it.centre = at(0.5);
        it.spread = (at(0.8413) - at(0.5)).max(0.1);
        Ok(it)
    }

    /// -ln p(row) in nats, with the usual amount for each tag that was not measured.
    fn surprise(&self, row: &[f64]) -> f64 {
        let missing: f64 = row.iter().zip(&self.neutral).filter(|(x, _)| !x.is_finite()).map(|(_, n)| n).sum();
        missing - self.mixture.ln_density(row)
    }
}

/// The mean over rows of what leaving a tag out takes off the negative log-likelihood.
fn neutral(mixture: &Gmm, rows: &[Vec<f64>]) -> Vec<f64> {
    let every = rows.len().div_ceil(NEUTRAL_ROWS).max(1);
    let d = rows.first().map_or(0, Vec::len);
    let (mut sum, mut count) = (vec![0.0; d], vec![0.0f64; d]);
    for row in rows.iter().step_by(every) {
        let whole = mixture.ln_density(row);
        let mut without = row.clone();
        for j in (0..d).filter(|j| row[*j].is_finite()) {
            without[j] = f64::NAN;
            sum[j] += mixture.ln_density(&without) - whole;
            count[j] += 1.0;
            without[j] = row[j];
        }
    }
    sum.iter().zip(&count).map(|(s, c)| s / c.max(1.0)).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    /// Mode 0 is quiet in tag 1, mode 1 is loud.
    fn two_modes() -> (Vec<Vec<f64>>, Vec<Option<usize>>) {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        let mut noise = move || -> f64 { StandardNormal.sample(&mut rng) };
        let modes: Vec<Option<usize>> = (0..2000).map(|i| Some(i / 100 % 2)).collect();
        let rows = modes.iter().map(|m| vec![noise(), noise() * if *m == Some(0) { 0.3 } else { 3.0 }]).collect();
        (rows, modes)
    }

    fn fitted(min_mode_rows: usize) -> Likelihood {
        let (rows, modes) = two_modes();
        let params = LikelihoodParams { components: 1, pooling: Pooling::of_modes(2, min_mode_rows), seed: 1 };
        Likelihood::fit(&rows, &modes, &params).unwrap()
    }

    #[test]
    fn the_same_residual_is_usual_in_one_mode_and_not_in_the_other() {
        let it = fitted(100);
        let row = [0.0, 3.0];
        assert!(it.statistic(&row, Some(0)) > 10.0 && it.statistic(&row, Some(1)) < 2.0);
    }

    #[test]
    fn a_mode_with_too_few_rows_is_judged_by_all_rows() {
        let it = fitted(5000);
        let row = [0.5, 1.0];
        assert_eq!(it.statistic(&row, Some(0)), it.statistic(&row, None));
        assert_eq!(it.statistic(&row, Some(0)), it.statistic(&row, Some(77)));
    }

    #[test]
    fn a_missing_tag_neither_raises_nor_lowers_the_statistic() {
        let (rows, modes) = two_modes();
        let it = fitted(100);
        let mean = |hide: bool| {
            let one =
                |(r, m): (&Vec<f64>, &Option<usize>)| it.statistic(&[r[0], if hide { f64::NAN } else { r[1] }], *m);
            rows.iter().zip(&modes).map(one).sum::<f64>() / rows.len() as f64
        };
        assert!((mean(true) - mean(false)).abs() < 0.05, "{} {}", mean(true), mean(false));
    }
}
