//! Thresholds: the score from which on a row is an anomaly (paper, section 3.3).
//!
//! A threshold has a base, from what the operator says (an alarm budget, costs, or a score), and a strategy, which moves it
//! around that base by how recent normal scores differ from calibrated ones. In reading order:
//!
//! * `threshold`: the threshold, row by row.
//! * `settings`, `error`: what may be set about it.
//! * `base`, [`budget`], [`cost`]: where it stands in steady normal operation.
//! * `calibration`: what it is fitted to, and which place a row has.
//! * `freeze`, `lessons`: which rows teach. An anomaly must not, whatever the strategy.
//! * `journal`: what became of it.
//! * `fixed`, `percentile`, `ewma`, `gmm`, `context`, `ensemble`: the strategies.
//!
//! A new strategy is one file, one more variant of [`Strategy`] and of `Fitted`, and what the compiler then asks for.

mod base;
pub mod budget;
mod calibration;
mod context;
pub mod cost;
mod ensemble;
mod error;
mod ewma;
mod fixed;
mod freeze;
mod gmm;
mod journal;
mod lessons;
mod moments;
mod percentile;
mod settings;
#[cfg(test)]
mod tests;
mod threshold;

use serde::{Deserialize, Serialize};

pub use base::Base;
pub use budget::AlarmBudget;
pub use calibration::ThresholdCalibration;
pub use cost::AlarmCost;
pub use error::ThresholdError;
pub use freeze::Hold;
pub use journal::{Change, Entry};
pub use settings::{LONGEST_FREEZE, ThresholdSettings};
pub use threshold::{Threshold, ThresholdRow, ThresholdState};

use calibration::{Normal, Place};
use context::Context;
use ensemble::Ensemble;
use ewma::Ewma;
use fixed::Fixed;
use gmm::Mixtures;
use lessons::Lesson;
use percentile::Percentile;

/// How a threshold moves around its base (paper, Table 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Not at all.
    Fixed,
    /// With a percentile of the last scores.
    Percentile,
    /// With the mean and the deviation of recent scores.
    Ewma,
    /// With a mixture of normal distributions for each operating mode.
    Gmm,
    /// By an offset for each operating mode, and one for transitions.
    Context,
    /// The median of the five others.
    Ensemble,
}

impl Strategy {
    /// All of them, in the order of Table 4.
    pub const ALL: [Self; 6] = [Self::Fixed, Self::Percentile, Self::Ewma, Self::Gmm, Self::Context, Self::Ensemble];
}

/// A strategy with its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case")]
enum Fitted {
    Fixed(Fixed),
    Percentile(Percentile),
    Ewma(Ewma),
    Gmm(Mixtures),
    Context(Context),
    Ensemble(Box<Ensemble>),
}

impl Fitted {
    fn fit(settings: &ThresholdSettings, normal: &Normal) -> Result<Self, ThresholdError> {
        Ok(match settings.strategy {
            Strategy::Fixed => Self::Fixed(Fixed::fit(normal)),
            Strategy::Percentile => Self::Percentile(Percentile::fit(settings, normal)),
            Strategy::Ewma => Self::Ewma(Ewma::fit(settings, normal)),
            Strategy::Gmm => Self::Gmm(Mixtures::fit(settings, normal)?),
            Strategy::Context => Self::Context(Context::fit(settings, normal)),
            Strategy::Ensemble => Self::Ensemble(Box::new(Ensemble::fit(settings, normal)?)),
        })
    }

    fn learn(&mut self, lesson: &Lesson) {
        match self {
            Self::Fixed(_) => {}
            Self::Percentile(percentile) => percentile.learn(lesson),
            Self::Ewma(ewma) => ewma.learn(lesson),
            Self::Gmm(mixtures) => mixtures.learn(lesson),
            Self::Context(context) => context.learn(lesson),
            Self::Ensemble(ensemble) => ensemble.learn(lesson),
        }
    }

    /// The threshold at `place`, not yet between its bounds.
    fn at(&self, place: Place) -> f64 {
        match self {
            Self::Fixed(fixed) => fixed.at(),
            Self::Percentile(percentile) => percentile.at(),
            Self::Ewma(ewma) => ewma.at(),
            Self::Gmm(mixtures) => mixtures.at(place),
            Self::Context(context) => context.at(place),
            Self::Ensemble(ensemble) => ensemble.at(place),
        }
    }
}
