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
pub(crate) struct Centring(Vec<f64>);

impl Centring {
    pub(crate) fn new(tags: usize) -> Self {
        Self(vec![0.0; tags])
    }

    /// Residuals in scales, less the drift.
    pub(crate) fn centred(&self, z: &[f64]) -> Vec<f64> {
        z.iter().zip(&self.0).map(|(z, drift)| z - drift).collect()
    }

    /// Learns from residuals in scales less the drift as it stands; `weight` is that of one row.
    pub(crate) fn follow(&mut self, centred: &[f64], weight: f64) {
        for (drift, z) in self.0.iter_mut().zip(centred).filter(|(_, z)| z.is_finite()) {
            *drift = (*drift + weight * z).clamp(-REACH, REACH);
        }
    }

    /// The drift of each tag, in scales.
    pub(crate) fn drift(&self) -> &[f64] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_followed_slowly_and_not_without_end() {
        let mut centring = Centring::new(2);
        let follow = |it: &mut Centring, rows: usize, z: [f64; 2]| {
            (0..rows).for_each(|_| it.follow(&it.clone().centred(&z), 0.001));
        };
        follow(&mut centring, 1000, [5.0, f64::NAN]);
        assert!((centring.drift()[0] - 5.0 * (1.0 - (-1f64).exp())).abs() < 0.01, "{centring:?}");
        assert_eq!(centring.drift()[1], 0.0);
        follow(&mut centring, 100_000, [100.0, -100.0]);
        assert_eq!(centring.drift(), [REACH, -REACH]);
    }
}
