//! The linear models that every network must beat: solved in seconds on the rows that trained it, and asked about the rows
//! that calibrate. The autoregression among them is kept as a companion of the network: their residuals are judged together.

use std::ops::ControlFlow;

use andon_model::{Autoencoder, ModelSettings, NetworkKind, Series};
use serde::{Deserialize, Serialize};

use super::{FitSettings, Fitting, HeldOutRow};

/// How a linear model did beside the one that was fitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Challenger {
    /// Which.
    pub kind: NetworkKind,
    /// Its residuals on calibration rows over those of the model in force: the geometric mean over tags of the ratio of
    /// their root mean squares. Below 1 it expects normal operation more closely, which is not to say that it detects better.
    pub residual_ratio: f64,
}

/// The model whose residuals are judged beside the network's. (Mean VUS-PR over five data sets: the network alone .835, with the
/// autoregression .842, with the cross-tag ridge as well .813.)
const COMPANION: NetworkKind = NetworkKind::Var;

/// Columns times rows looked back, at the most: with so many a challenger takes seconds, and nobody waits for it.
const WIDEST: usize = 2_000;

/// A model, and what it left of the rows that calibrate.
pub(super) struct Solved {
    pub(super) model: Autoencoder,
    pub(super) rows: Vec<HeldOutRow>,
}

/// The challengers, without those of the model's own kind, that are too wide for `columns`, or that could not be solved; and
/// the companion, if it is one of them.
pub(super) fn challenge(
    fitting: &Fitting,
    all: &[Series],
    (rows, columns): (&[HeldOutRow], usize),
) -> (Vec<Challenger>, Option<Solved>) {
    let network = &fitting.settings.network;
    let kinds =
        [(NetworkKind::Var, network.architecture.autoregressive), (NetworkKind::Ridge, 1), (NetworkKind::Pca, 1)];
    let others = kinds.into_iter().filter(|(kind, lags)| *kind != network.kind && columns * lags <= WIDEST);
    let (mut challengers, mut companion) = (Vec::new(), None);
    for (kind, _) in others {
        let Some(solved) = solve(fitting, all, kind) else { continue };
        let ratio = ratio(&solved.rows, rows);
        challengers.extend(ratio.map(|residual_ratio| Challenger { kind, residual_ratio }));
        // A ratio means that it left something to judge.
        let accompanies = kind == COMPANION && ratio.is_some() && solved.rows.len() == rows.len();
        companion = companion.or(accompanies.then_some(solved));
    }
    (challengers, companion)
}

/// A model of another kind.
fn solve(fitting: &Fitting, all: &[Series], kind: NetworkKind) -> Option<Solved> {
    let Fitting { stream, tags, settings, .. } = *fitting;
    let network = ModelSettings { kind, precision: Default::default(), ..settings.network.clone() };
    let settings = FitSettings { network, begin_with: None, checkpoint: None, ..settings.clone() };
    let progress = &mut |_: &_| ControlFlow::Continue(());
    let solved = Fitting { stream, tags, settings: &settings, progress }.run(all);
    let why_not = |error| tracing::info!("no {} to compare the model with: {error}", kind.name());
    solved.map_err(why_not).ok().map(|(model, rows)| Solved { model, rows })
}

/// The geometric mean over tags of the ratio of the residuals' root mean squares; none where there is no residual at all.
fn ratio(theirs: &[HeldOutRow], ours: &[HeldOutRow]) -> Option<f64> {
    let energies = |rows: &[HeldOutRow], tag: usize| {
        let usable = rows.iter().filter(|row| row.usable[tag]);
        let (sum, count) = usable.fold((0.0, 0.0), |(sum, count), row| (sum + row.residual[tag].powi(2), count + 1.0));
        sum / f64::max(count, 1.0)
    };
    let tags = ours.first()?.residual.len();
    let logs: Vec<f64> = (0..tags)
        .map(|tag| 0.5 * (energies(theirs, tag).ln() - energies(ours, tag).ln()))
        .filter(|log| log.is_finite())
        .collect();
    (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(residuals: &[[f64; 2]]) -> Vec<HeldOutRow> {
        let row = |residual: &[f64; 2]| HeldOutRow {
            residual: residual.to_vec(),
            usable: vec![true, residual[1] < 9.0],
            values: Vec::new(),
            given_mode: None,
            segment_start: false,
        };
        residuals.iter().map(row).collect()
    }

    #[test]
    fn a_ratio_is_of_the_tags_that_have_residuals_and_of_usable_cells() {
        let ours = rows(&[[1.0, 2.0], [-1.0, -2.0]]);
        assert_eq!(ratio(&ours, &ours), Some(1.0));
        let theirs = rows(&[[2.0, -16.0], [2.0, 9.0], [-2.0, 16.0]]);
        let theirs = ratio(&theirs, &ours);
        assert!((theirs.unwrap() - 4.0).abs() < 1e-12, "{theirs:?}");
        assert_eq!(ratio(&rows(&[[0.0, 1.0]]), &rows(&[[3.0, 1.0]])), Some(1.0));
        assert_eq!(ratio(&rows(&[[0.0, 0.0]]), &ours), None);
    }
}
