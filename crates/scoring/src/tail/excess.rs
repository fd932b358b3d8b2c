//! Exceedances of the threshold: how large they are and how they come together.

use super::{Observation, dependence::Dependence, extremal, posterior::Evidence};

/// What lies above a threshold, in the order of rows.
pub(super) struct Excesses {
    pub(super) threshold: f64,
    /// How far above it.
    pub(super) values: Vec<f64>,
    over: Vec<Observation>,
}

impl Excesses {
    pub(super) fn over(threshold: f64, observations: &[Observation]) -> Self {
        let over: Vec<Observation> = observations.iter().filter(|o| o.value > threshold).copied().collect();
        Self { threshold, values: over.iter().map(|o| o.value - threshold).collect(), over }
    }

    /// Independent clusters per exceedance, above 0 and at most 1.
    pub(super) fn extremal_index(&self) -> f64 {
        let gap = |w: &[Observation]| (w[0].segment == w[1].segment).then(|| (w[1].row - w[0].row) as f64);
        let gaps: Vec<f64> = self.over.windows(2).filter_map(gap).collect();
        extremal::index(&gaps)
    }

    /// How much evidence they are, and the correlation of their number with their mean: of 0 where rows are independent,
    /// and above it where they come in clusters, for the larger a cluster is, the higher it rises.
    ///
    /// As for rates, the variance of the mean is that of independent excesses times 1 + 2 sum_h rho(h).
    pub(super) fn evidence(&self, dependence: &Dependence, inflation: f64, unit: f64) -> (Evidence, f64) {
        let n = self.values.len() as f64;
        let mean = self.values.iter().sum::<f64>() / n.max(1.0);
        let from_mean: Vec<f64> = self.values.iter().map(|y| y / mean - 1.0).collect();
        let variance = from_mean.iter().map(|u| u * u).sum::<f64>() / n;
        let (mut own, mut cross) = (0.0, 0.0);
        for (i, j) in self.neighbours(dependence.lags) {
            own += 2.0 * from_mean[i] * from_mean[j] / n;
            cross += (from_mean[i] + from_mean[j]) / n;
        }
        let of_mean = (1.0 + own / variance).clamp(1.0, inflation);
        let correlation = (cross / (variance * inflation * of_mean).sqrt()).clamp(0.0, 0.9);
        let known = |x: f64, otherwise: f64| if x.is_finite() { x } else { otherwise };
        let evidence = Evidence { exceedances: n / inflation, excesses: n / known(of_mean, inflation), unit };
        (evidence, known(correlation, 0.0))
    }

    /// Pairs of exceedances at most `lags` rows apart.
    fn neighbours(&self, lags: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..self.over.len()).flat_map(move |i| {
            let near = move |j: &usize| {
                self.over[*j].segment == self.over[i].segment && self.over[*j].row - self.over[i].row <= lags
            };
            (i + 1..self.over.len()).take_while(near).map(move |j| (i, j))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every tenth row and the `follow` rows after it exceed 0, alike, by their number in turn.
    fn evidence(follow: usize) -> (Evidence, f64) {
        let value = |row: usize| if row % 10 <= follow { 0.5 + (row / 10 % 7) as f64 } else { -1.0 };
        let rows: Vec<Observation> = (0..2000).map(|row| Observation { value: value(row), row, segment: 0 }).collect();
        let mut sorted: Vec<f64> = rows.iter().map(|o| o.value).collect();
        sorted.sort_by(f64::total_cmp);
        let dependence = Dependence::of(&rows, &sorted, 0.1);
        Excesses::over(0.0, &rows).evidence(&dependence, (follow + 1) as f64, 1.0)
    }

    #[test]
    fn alike_excesses_in_a_row_are_worth_one() {
        let (alone, correlation) = evidence(0);
        assert_eq!((alone.exceedances, alone.excesses, correlation), (200.0, 200.0, 0.0));
        let (runs, _) = evidence(2);
        assert_eq!(runs.exceedances, 200.0);
        assert!((runs.excesses / 200.0 - 1.0).abs() < 0.05, "{runs:?}");
    }

    #[test]
    fn no_excess_is_no_evidence() {
        let rows = [Observation { value: 1.0, row: 0, segment: 0 }; 3];
        let dependence = Dependence::of(&rows, &[1.0; 3], 0.1);
        let (evidence, correlation) = Excesses::over(1.0, &rows).evidence(&dependence, 1.0, 2.0);
        assert_eq!((evidence.exceedances, evidence.excesses, correlation), (0.0, 0.0, 0.0));
    }
}
