//! Modes found in the latent codes: a mixture whose components are the modes.

use andon_plant::Mode;
use serde::{Deserialize, Serialize};

use super::{Place, numbered, projection::Projection};
use crate::{
    effective::effective_rows,
    gmm::{Covariance, Gmm, GmmError, GmmParams},
    settings::ModeSettings,
};

/// The share of calibration rows that lies outside the limits before the margin is added.
const OUTSIDE_SHARE: f64 = 0.001;
/// Off the space of the codes, rounding alone is this far from it, in squared standard deviations.
const ROUNDING: f64 = 1e-6;

/// Modes as components of a mixture over projected codes, heaviest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusteredModes {
    projection: Projection,
    mixture: Gmm,
    /// The lowest ln density of a known mode.
    lowest: f64,
    /// The largest squared distance from the space of the codes of a known mode.
    farthest: f64,
    /// A largest responsibility below this is a transition.
    transition_below: f64,
}

impl ClusteredModes {
    /// Modes of `codes`, n rows of d numbers; codes that are not finite are passed over.
    pub(super) fn fit(codes: &[&[f64]], settings: &ModeSettings, seed: u64) -> Result<Self, GmmError> {
        let codes: Vec<&[f64]> = codes.iter().copied().filter(|c| c.iter().all(|x| x.is_finite())).collect();
        let projection = Projection::fit(&codes);
        let (along, off): (Vec<Vec<f64>>, Vec<f64>) = codes.iter().map(|c| projection.apply(c)).unzip();
        let params = GmmParams {
            max_components: settings.max_modes,
            covariance: Covariance::Full,
            restarts: 4,
            iterations: 200,
            variance_floor: 1e-3,
        };
        let mixture = params.check()?.fit(&along, effective_rows(&along), seed)?;
        let densities: Vec<f64> = along.iter().map(|a| -mixture.ln_density(a)).collect();
        let lowest = -beyond(densities, settings.unknown_margin);
        let farthest = beyond(off, settings.unknown_margin) + ROUNDING;
        Ok(Self { projection, mixture, lowest, farthest, transition_below: settings.transition_below })
    }

    pub(super) fn count(&self) -> usize {
        self.mixture.components()
    }

    /// A code that lies where calibration never was, or has no numbers, is of an unknown mode.
    pub(super) fn place(&self, code: &[f64]) -> Place {
        if code.len() != self.projection.width() || code.iter().any(|x| !x.is_finite()) {
            return Place::of_none(Mode::Unknown);
        }
        let (along, off) = self.projection.apply(code);
        if off > self.farthest || self.mixture.ln_density(&along) < self.lowest {
            return Place::of_none(Mode::Unknown);
        }
        let shares = self.mixture.responsibilities(&along);
        match shares.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)) {
            Some((index, share)) if share >= self.transition_below => Place::known(numbered(index), index),
            _ => Place::of_none(Mode::Transition),
        }
    }
}

/// The high quantile of `values` and on top of it `margin` times its distance from their median.
fn beyond(mut values: Vec<f64>, margin: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get(((values.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(0.0);
    let (middle, high) = (at(0.5), at(1.0 - OUTSIDE_SHARE));
    high + margin * (high - middle)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    /// Codes of 8 numbers that dwell 100 rows at each of three places.
    fn codes() -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        (0..3000)
            .map(|i| {
                let at = [0.0, 6.0, -6.0][i / 100 % 3];
                (0..8)
                    .map(|j| {
                        let noise: f64 = StandardNormal.sample(&mut rng);
                        noise * 0.5 + if j % 2 == 0 { at } else { at * at / 6.0 }
                    })
                    .collect()
            })
            .collect()
    }

    fn fitted(codes: &[Vec<f64>]) -> ClusteredModes {
        let codes: Vec<&[f64]> = codes.iter().map(Vec::as_slice).collect();
        ClusteredModes::fit(&codes, &ModeSettings::default(), 3).unwrap()
    }

    #[test]
    fn dwells_at_three_places_are_three_modes() {
        let codes = codes();
        let modes = fitted(&codes);
        assert_eq!(modes.count(), 3);
        let named: Vec<Place> = (0..3).map(|k| modes.place(&codes[k * 100 + 50])).collect();
        assert!(named[0] != named[1] && named[1] != named[2] && named[0] != named[2], "{named:?}");
        assert!(codes.iter().all(|c| modes.place(c).index.is_some()));
    }

    #[test]
    fn a_code_from_elsewhere_is_of_no_known_mode() {
        let modes = fitted(&codes());
        for far in [vec![60.0; 8], vec![0.0, 0.0, 0.0, 30.0, 0.0, 0.0, 0.0, 0.0], vec![f64::NAN; 8], vec![0.0; 3]] {
            assert_eq!(modes.place(&far).mode, Mode::Unknown, "{far:?}");
        }
    }

    #[test]
    fn a_code_half_way_is_a_transition() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let codes: Vec<Vec<f64>> = (0..2000)
            .map(|i| {
                let noise: f64 = StandardNormal.sample(&mut rng);
                vec![noise + if i % 2 == 0 { 3.0 } else { -3.0 }]
            })
            .collect();
        let modes = fitted(&codes);
        assert_eq!(modes.count(), 2);
        assert_eq!(modes.place(&[0.0]).mode, Mode::Transition);
        assert_eq!(modes.place(&[3.0]).index.map(|i| i < 2), Some(true));
    }
}
