//! Slow drift of each tag's residual, followed.

use serde::{Deserialize, Serialize};

/// The furthest that drift is followed, in scales: what has moved further needs a new model.
const REACH: f64 = 20.0;

/// How far each tag's residual has drifted from what it was in calibration, in scales: an exponentially weighted mean of
/// d residuals.
///
/// The residual that is judged is the one less this drift. It is followed over days (see
/// [`ScorerSettings::follow`](crate::ScorerSettings)), so that hours of a fault hardly move it, and not at all while the
/// detector holds still.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Centring {
    /// How far each has drifted.
    drift: Vec<f64>,
    /// The mean of each in calibration: a skewed residual's is not its median, which is 0.
    usual: Vec<f64>,
}

impl Centring {
    /// No drift yet, from what the residuals were in calibration (n rows; NaN where nothing was measured).
    pub(crate) fn new(scaled: &[Vec<f64>], tags: usize) -> Self {
        let mean = |tag: usize| {
            let seen = scaled.iter().map(|row| row[tag]).filter(|z| z.is_finite());
            let (sum, count) = seen.fold((0.0, 0.0), |(sum, count), z| (sum + z, count + 1.0));
            sum / f64::max(count, 1.0)
        };
        Self { drift: vec![0.0; tags], usual: (0..tags).map(mean).collect() }
    }

    /// Learns from residuals in scales less the drift as it stands; `weight` is that of one row.
    pub(crate) fn follow(&mut self, centred: &[f64], weight: f64) {
        let seen = self.drift.iter_mut().zip(&self.usual).zip(centred).filter(|(_, z)| z.is_finite());
        for ((drift, usual), z) in seen {
            *drift = (*drift + weight * (z - usual)).clamp(-REACH, REACH);
        }
    }

    /// Nothing has drifted.
    pub(crate) fn forget(&mut self) {
        self.drift.fill(0.0);
    }

    /// The drift of each tag, in scales.
    pub(crate) fn drift(&self) -> &[f64] {
        &self.drift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn centred(it: &Centring, z: &[f64]) -> Vec<f64> {
        z.iter().zip(&it.drift).map(|(z, drift)| z - drift).collect()
    }

    #[test]
    fn a_step_is_followed_slowly_and_not_without_end() {
        let mut centring = Centring::new(&[], 2);
        let follow = |it: &mut Centring, rows: usize, z: [f64; 2]| {
            (0..rows).for_each(|_| it.follow(&centred(it, &z), 0.001));
        };
        follow(&mut centring, 1000, [5.0, f64::NAN]);
        assert!((centring.drift()[0] - 5.0 * (1.0 - (-1f64).exp())).abs() < 0.01, "{centring:?}");
        assert_eq!(centring.drift()[1], 0.0);
        follow(&mut centring, 100_000, [100.0, -100.0]);
        assert_eq!(centring.drift(), [REACH, -REACH]);
        centring.forget();
        assert_eq!(centring.drift(), [0.0, 0.0]);
    }

    #[test]
    fn a_skewed_residual_that_stays_as_it_was_has_not_drifted() {
        let rows: Vec<Vec<f64>> = (0..100).map(|i| vec![if i % 4 == 0 { 4.0 } else { 0.0 }]).collect();
        let mut centring = Centring::new(&rows, 1);
        for row in rows.iter().cycle().take(10_000) {
            centring.follow(&centred(&centring, row), 0.001);
        }
        assert!(centring.drift()[0].abs() < 0.02, "{centring:?}");
    }
}
