//! Modes found in the tags' values: clusters of a mixture whose components BIC has chosen.
//!
//! They are found in the newest row, so that a mode is known as soon as its values are there. (In the latent code of a window of
//! 100 rows the simulator's three modes have an adjusted Rand index of .2 to .45, in the newest row one of .96 to .99.)

use andon_plant::Mode;
use serde::{Deserialize, Serialize};

use super::{Place, merge::clusters, numbered, projection::Projection};
use crate::{
    gmm::{Covariance, Gmm, GmmError, GmmParams},
    scorer::CalibrationRow,
    settings::ModeSettings,
};

/// The share of calibration rows that lies outside the limits before the margin is added.
const OUTSIDE_SHARE: f64 = 0.001;
/// Off the space of the values, rounding alone is this far from it, in squared standard deviations.
const ROUNDING: f64 = 1e-6;
/// Rows that are enough to find modes in; of more, some are taken at even distances.
const ENOUGH_ROWS: usize = 2_000;
/// A cluster with no more than this share of the rows, and left soon each time, is the way from one mode to another.
const TRANSITION_SHARE: f64 = 0.15;

/// Modes as clusters of mixture components over projected values, heaviest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusteredModes {
    projection: Projection,
    mixture: Gmm,
    /// The cluster of each component.
    cluster_of: Vec<usize>,
    /// The mode of each cluster; none where it is a transition.
    mode_of: Vec<Option<usize>>,
    /// The lowest ln density of a known mode.
    lowest: f64,
    /// The largest squared distance from the space of the values of a known mode.
    farthest: f64,
    /// A largest responsibility below this is a transition.
    transition_below: f64,
}

impl ClusteredModes {
    /// Modes of the `rows`' values, whose number is the same in each; rows with one that is not finite are passed over.
    pub(super) fn fit(rows: &[CalibrationRow], settings: &ModeSettings, seed: u64) -> Result<Self, GmmError> {
        let usable: Vec<&CalibrationRow> = rows.iter().filter(|r| r.values.iter().all(|x| x.is_finite())).collect();
        let values: Vec<&[f64]> = usable.iter().map(|r| r.values.as_slice()).collect();
        let projection = Projection::fit(&values);
        let (along, off): (Vec<Vec<f64>>, Vec<f64>) = values.iter().map(|v| projection.apply(v)).unzip();
        let mixture = mixture(&along, settings, seed)?;
        let shares: Vec<Vec<f64>> = along.iter().map(|a| mixture.responsibilities(a)).collect();
        let cluster_of = clusters(&shares);
        let breaks: Vec<bool> = usable.iter().map(|r| r.segment_start).collect();
        let mode_of = modes(&assigned(&shares, &cluster_of), &breaks, settings);
        let lowest = -beyond(along.iter().map(|a| -mixture.ln_density(a)).collect(), settings.unknown_margin);
        let farthest = beyond(off, settings.unknown_margin) + ROUNDING;
        let transition_below = settings.transition_below;
        Ok(Self { projection, mixture, cluster_of, mode_of, lowest, farthest, transition_below })
    }

    pub(super) fn count(&self) -> usize {
        self.mode_of.iter().flatten().max().map_or(0, |last| last + 1)
    }

    /// A row that lies where calibration never was, or has no numbers, is of an unknown mode. Where there is one mode only, what
    /// lies elsewhere is not another mode but an anomaly. A row between two modes is judged as a
    /// transition; though an anomaly may look like one, as many contextual faults are found so as by judging it like any row.
    pub(super) fn place(&self, values: &[f64]) -> Place {
        if values.len() != self.projection.width() || values.iter().any(|x| !x.is_finite()) {
            return Place::of_none(Mode::Unknown);
        }
        if self.count() == 1 {
            return Place::known(numbered(0), 0);
        }
        let (along, off) = self.projection.apply(values);
        if off > self.farthest || self.mixture.ln_density(&along) < self.lowest {
            return Place::of_none(Mode::Unknown);
        }
        let (cluster, share) = likeliest(&self.mixture.responsibilities(&along), &self.cluster_of);
        match self.mode_of.get(cluster) {
            Some(Some(mode)) if share >= self.transition_below => Place::known(numbered(*mode), *mode),
            _ => Place { mode: Mode::Transition, index: Some(self.count()) },
        }
    }
}

fn mixture(along: &[Vec<f64>], settings: &ModeSettings, seed: u64) -> Result<Gmm, GmmError> {
    let params = GmmParams {
        max_components: settings.max_components,
        covariance: Covariance::Full,
        restarts: 2,
        iterations: 60,
        variance_floor: 1e-3,
    };
    let every = along.len().div_ceil(ENOUGH_ROWS).max(1);
    let some: Vec<Vec<f64>> = along.iter().step_by(every).cloned().collect();
    params.check()?.fit(&some, some.len() as f64, seed)
}

/// The cluster with the largest share of the responsibilities, and that share.
fn likeliest(shares: &[f64], cluster_of: &[usize]) -> (usize, f64) {
    let mut sums = vec![0.0; shares.len()];
    shares.iter().zip(cluster_of).for_each(|(share, cluster)| sums[*cluster] += share);
    sums.into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0))
}

fn assigned(shares: &[Vec<f64>], cluster_of: &[usize]) -> Vec<usize> {
    shares.iter().map(|row| likeliest(row, cluster_of).0).collect()
}

/// The modes' numbers of clusters: a light cluster that is left within `settle_rows` rows on average is a transition. What the
/// plant does not dwell in is a load that comes and goes and no mode: then all clusters are one.
fn modes(assigned: &[usize], breaks: &[bool], settings: &ModeSettings) -> Vec<Option<usize>> {
    let count = assigned.iter().max().map_or(0, |last| last + 1);
    let (mut rows, mut visits) = (vec![0usize; count], vec![0usize; count]);
    for (row, cluster) in assigned.iter().enumerate() {
        rows[*cluster] += 1;
        visits[*cluster] += usize::from(row == 0 || breaks[row] || assigned[row - 1] != *cluster);
    }
    let light = |c: usize| rows[c] as f64 <= TRANSITION_SHARE * assigned.len() as f64;
    let is_transition = |c: usize| light(c) && rows[c] < settings.settle_rows * visits[c];
    let dwells = |c: usize| rows[c] >= settings.dwell_rows * visits[c];
    let (transitions, places): (Vec<usize>, Vec<usize>) = (0..count).partition(|c| is_transition(*c));
    if places.is_empty() || !places.iter().all(|c| dwells(*c)) {
        return vec![Some(0); count];
    }
    let mut modes = 0..count;
    (0..count).map(|c| if transitions.contains(&c) { None } else { modes.next() }).collect()
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

    /// Rows of 8 values that dwell 100 rows at each of three places.
    fn rows() -> Vec<CalibrationRow> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        (0..3000)
            .map(|i| {
                let at = [0.0, 6.0, -6.0][i / 100 % 3];
                let noisy = |j: usize| {
                    let noise: f64 = StandardNormal.sample(&mut rng);
                    noise * 0.5 + if j.is_multiple_of(2) { at } else { at * at / 6.0 }
                };
                row((0..8).map(noisy).collect(), i == 0)
            })
            .collect()
    }

    fn row(values: Vec<f64>, segment_start: bool) -> CalibrationRow {
        CalibrationRow { residuals: Vec::new(), usable: Vec::new(), values, given_mode: None, segment_start }
    }

    fn fitted(rows: &[CalibrationRow]) -> ClusteredModes {
        ClusteredModes::fit(rows, &ModeSettings::default(), 3).unwrap()
    }

    #[test]
    fn dwells_at_three_places_are_three_modes() {
        let rows = rows();
        let modes = fitted(&rows);
        assert_eq!(modes.count(), 3);
        let named: Vec<Place> = (0..3).map(|k| modes.place(&rows[k * 100 + 50].values)).collect();
        assert!(named[0] != named[1] && named[1] != named[2] && named[0] != named[2], "{named:?}");
        assert!(rows.iter().all(|r| modes.place(&r.values).index.is_some()));
    }

    #[test]
    fn a_light_cluster_that_is_left_soon_is_a_transition() {
        let dwell = |cluster: usize, rows: usize| vec![cluster; rows];
        let assigned: Vec<usize> = (0..10).flat_map(|_| [dwell(0, 200), dwell(2, 8), dwell(1, 100)].concat()).collect();
        let breaks = vec![false; assigned.len()];
        let settings = ModeSettings { dwell_rows: 60, settle_rows: 30, ..ModeSettings::default() };
        assert_eq!(modes(&assigned, &breaks, &settings), [Some(0), Some(1), None]);
        let brief = ModeSettings { dwell_rows: 5, settle_rows: 5, ..settings.clone() };
        assert_eq!(modes(&assigned, &breaks, &brief), [Some(0), Some(1), Some(2)]);
        assert_eq!(modes(&[0, 0, 0], &[false; 3], &settings), [Some(0)]);
    }

    #[test]
    fn a_load_that_comes_and_goes_is_no_mode() {
        let assigned: Vec<usize> = (0..100).flat_map(|_| [vec![0; 20], vec![1; 10]].concat()).collect();
        assert_eq!(modes(&assigned, &vec![false; 3000], &ModeSettings::default()), [Some(0), Some(0)]);
    }

    #[test]
    fn one_curved_cloud_is_one_mode() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let fills = (0..2000).map(|i| {
            let level = f64::from(i % 400) / 40.0;
            let noise: f64 = StandardNormal.sample(&mut rng);
            row(vec![level + 0.3 * noise, level * level / 10.0 - 0.3 * noise], i == 0)
        });
        assert_eq!(fitted(&fills.collect::<Vec<_>>()).count(), 1);
    }

    #[test]
    fn values_from_elsewhere_are_of_no_known_mode() {
        let modes = fitted(&rows());
        for far in [vec![60.0; 8], vec![0.0, 0.0, 0.0, 30.0, 0.0, 0.0, 0.0, 0.0], vec![f64::NAN; 8], vec![0.0; 3]] {
            assert_eq!(modes.place(&far).mode, Mode::Unknown, "{far:?}");
        }
    }
}
