//! The judge: residuals of consecutive rows go in, one judgement a row comes out.

use andon_plant::Mode;
use serde::{Deserialize, Serialize};

use crate::{
    combine::{capped, harmonic_score},
    contribution::shares,
    gmm::GmmError,
    methods::{Likelihood, LikelihoodParams},
    mode::{ModeWatch, Modes, Place},
    pooling::Pooling,
    scale::TagScales,
    settings::ScorerSettings,
    smooth::{Recent, Smoother},
    tail::TailProbability,
    tails::{ScaleTails, averaged},
};

/// Fewer calibration rows than this can't be judged from.
const MIN_ROWS: usize = 20;
/// Blocks of consecutive rows that are judged by the others in turn.
const BLOCKS: usize = 5;

/// One row of normal operation that the model was not trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationRow {
    /// `value - expected`, one a tag, in the tag's unit.
    pub residual: Vec<f64>,
    /// Which tags were measured.
    pub usable: Vec<bool>,
    /// The latent code of the row's window; empty where the model has none.
    pub code: Vec<f64>,
    /// The value of the mode tag; none where there is no such tag or it was not measured.
    pub given_mode: Option<i64>,
    /// The row does not continue the one before it.
    pub segment_start: bool,
}

/// What is said of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// -log10 p, at most 16.
    pub score: f64,
    /// The chance of a row at least this unusual in normal operation of its mode.
    pub p: f64,
    /// 1 - p.
    pub probability: f64,
    /// The lower end of the 95 % confidence interval of `probability`.
    pub probability_low: f64,
    /// Its upper end.
    pub probability_high: f64,
    /// The operating mode.
    pub mode: Mode,
    /// Each tag's share of the score; they sum to 1.
    pub contributions: Vec<f64>,
    /// What to add to each tag's expected value for the lower and the upper edge of what is normal, in the tag's unit.
    pub bands: Vec<(f64, f64)>,
}

/// Judgement could not be calibrated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// There are too few rows.
    #[error("{have} calibration rows are too few to judge from, {need} are needed; record normal operation for longer")]
    TooFewRows {
        /// Rows there are.
        have: usize,
        /// Rows needed.
        need: usize,
    },
    /// A row has another number of tags, or a code of another length, than the first.
    #[error(
        "calibration row {row} has {tags} residuals and a code of {code} numbers, the first has {want_tags} and {want_code}"
    )]
    Ragged {
        /// The row's number.
        row: usize,
        /// Residuals it has.
        tags: usize,
        /// Numbers its code has.
        code: usize,
        /// Residuals the first row has.
        want_tags: usize,
        /// Numbers the first row's code has.
        want_code: usize,
    },
    /// No tag's residual varied.
    #[error("none of {tags} tags was measured and varied over {rows} calibration rows; record while the asset runs")]
    NothingVaries {
        /// Tags there are.
        tags: usize,
        /// Rows there are.
        rows: usize,
    },
    /// A setting is out of its range.
    #[error("scorer.scales is {scales:?}; it must name at least one number of rows, none of them 0")]
    Scales {
        /// The scales set.
        scales: Vec<usize>,
    },
    /// A mixture could not be fitted.
    #[error(transparent)]
    Mixture(#[from] GmmError),
}

/// Everything fitted on calibration rows, and the last rows of the stream being judged. Written out without the latter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scorer {
    tags: TagScales,
    modes: Modes,
    likelihood: Likelihood,
    scales: Vec<ScaleTails>,
    #[serde(skip)]
    recent: Smoother,
    #[serde(skip)]
    watch: ModeWatch,
}

impl Scorer {
    /// Calibrates judgement on `rows`, which stand in the order of the stream.
    ///
    /// # Errors
    /// If there are too few rows, they differ in length, no tag varies, or a setting is out of its range.
    pub fn fit(rows: &[CalibrationRow], settings: &ScorerSettings, seed: u64) -> Result<Self, FitError> {
        check(rows, settings)?;
        let measured: Vec<Vec<f64>> = rows.iter().map(|r| measured(&r.residual, &r.usable)).collect();
        let width = measured[0].len();
        let tags = TagScales::fit(&measured, width);
        if tags.tags().iter().all(|t| t.scale == 0.0) {
            return Err(FitError::NothingVaries { tags: width, rows: rows.len() });
        }
        let modes = Modes::fit(rows, &settings.modes, seed)?;
        let places = places(&modes, rows);
        let params = LikelihoodParams {
            components: settings.residual_components,
            pooling: Pooling::new(&modes, &places, settings.min_mode_rows),
            seed,
        };
        let scaled: Vec<Vec<f64>> = measured.iter().map(|r| tags.scaled(r)).collect();
        let likelihood = Likelihood::fit(&scaled, &places, &params)?;
        let statistics = cross_fitted(&measured, &places, &params)?;
        let breaks: Vec<bool> = rows.iter().map(|r| r.segment_start).collect();
        let scales = settings.scales.iter().filter_map(|scale| {
            let seen = averaged(&statistics, &breaks, *scale);
            ScaleTails::fit(*scale, &seen, &places, &params.pooling)
        });
        let scales: Vec<ScaleTails> = scales.collect();
        Ok(Self { scales, tags, modes, likelihood, recent: Smoother::default(), watch: ModeWatch::default() })
    }

    /// Judges the next row of the stream: `residual` is `value - expected`, one a tag, in the tag's unit; tags that are not
    /// `usable` or have no finite residual are left out. A row without any usable tag is not taken into the averages.
    pub fn judge(&mut self, residual: &[f64], usable: &[bool], code: &[f64], given_mode: Option<i64>) -> Judgement {
        let scaled = self.tags.scaled(&measured(residual, usable));
        self.watch.see(given_mode);
        let place = self.modes.place(code, given_mode, self.watch);
        if scaled.iter().any(|z| z.is_finite()) {
            let statistic = self.likelihood.statistic(&scaled, place.index);
            let terms = self.likelihood.terms(&scaled, place.index);
            let longest = self.scales.iter().map(|s| s.rows).max().unwrap_or(1);
            self.recent.push(Recent { statistic, terms }, longest);
        }
        self.conclude(place, residual, usable)
    }

    /// Forgets the stream's last rows: the next row does not continue them.
    pub fn reset(&mut self) {
        self.recent.reset();
        self.watch = ModeWatch::default();
    }

    /// How the asset's modes are told apart.
    pub fn modes(&self) -> &Modes {
        &self.modes
    }

    /// Each tag's scale of the residual.
    pub fn tags(&self) -> &TagScales {
        &self.tags
    }

    fn conclude(&self, place: Place, residual: &[f64], usable: &[bool]) -> Judgement {
        let tails: Vec<(usize, TailProbability)> = self
            .scales
            .iter()
            .filter_map(|s| Some((s.rows, s.of(place.index).probability(self.recent.mean(s.rows)?))))
            .collect();
        let score_of = |ln: fn(&TailProbability) -> f64| {
            capped(harmonic_score(&tails.iter().map(|(_, t)| ln(t)).collect::<Vec<_>>()))
        };
        let score = score_of(|t| t.ln_p);
        let chance = |score: f64| 10f64.powf(-score);
        let carrying = tails.iter().min_by(|a, b| a.1.ln_p.total_cmp(&b.1.ln_p)).map_or(1, |(rows, _)| *rows);
        let mut terms = self.recent.terms(carrying);
        terms.resize(self.tags.tags().len(), 0.0);
        let usable: Vec<bool> = measured(residual, usable).iter().map(|r| r.is_finite()).collect();
        Judgement {
            score,
            p: chance(score),
            probability: 1.0 - chance(score),
            probability_low: 1.0 - chance(score_of(|t| t.ln_high)),
            probability_high: 1.0 - chance(score_of(|t| t.ln_low)),
            mode: place.mode,
            contributions: shares(&terms, &usable),
            bands: self.tags.bands(),
        }
    }
}

/// Each calibration row's place.
pub(crate) fn places(modes: &Modes, rows: &[CalibrationRow]) -> Vec<Option<usize>> {
    let mut watch = ModeWatch::default();
    let place = |row: &CalibrationRow| {
        if row.segment_start {
            watch = ModeWatch::default();
        }
        watch.see(row.given_mode);
        modes.place(&row.code, row.given_mode, watch).index
    };
    rows.iter().map(place).collect()
}

/// Each row's statistic under scales and mixtures fitted without it and its neighbours. Fitted with them, a few rows would
/// look more usual than the next ones will, and what drifts from block to block would not show.
fn cross_fitted(
    measured: &[Vec<f64>],
    places: &[Option<usize>],
    params: &LikelihoodParams,
) -> Result<Vec<f64>, GmmError> {
    let block = measured.len().div_ceil(BLOCKS);
    let mut statistics = Vec::with_capacity(measured.len());
    for from in (0..measured.len()).step_by(block) {
        let out = from..(from + block).min(measured.len());
        let others: Vec<Vec<f64>> = [&measured[..out.start], &measured[out.end..]].concat();
        let other_places = [&places[..out.start], &places[out.end..]].concat();
        let tags = TagScales::fit(&others, measured[0].len());
        let scaled: Vec<Vec<f64>> = others.iter().map(|r| tags.scaled(r)).collect();
        let likelihood = Likelihood::fit(&scaled, &other_places, params)?;
        statistics.extend(out.map(|row| likelihood.statistic(&tags.scaled(&measured[row]), places[row])));
    }
    Ok(statistics)
}

/// The residuals of the tags that were measured, NaN for the others.
fn measured(residual: &[f64], usable: &[bool]) -> Vec<f64> {
    let cells = residual.iter().zip(usable);
    cells.map(|(r, usable)| if *usable && r.is_finite() { *r } else { f64::NAN }).collect()
}

fn check(rows: &[CalibrationRow], settings: &ScorerSettings) -> Result<(), FitError> {
    if rows.len() < MIN_ROWS {
        return Err(FitError::TooFewRows { have: rows.len(), need: MIN_ROWS });
    }
    if settings.scales.is_empty() || settings.scales.contains(&0) {
        return Err(FitError::Scales { scales: settings.scales.clone() });
    }
    let (want_tags, want_code) = (rows[0].residual.len(), rows[0].code.len());
    for (row, r) in rows.iter().enumerate() {
        let (tags, code) = (r.residual.len().min(r.usable.len()), r.code.len());
        if (tags, code) != (want_tags, want_code) {
            return Err(FitError::Ragged { row, tags, code, want_tags, want_code });
        }
    }
    Ok(())
}
